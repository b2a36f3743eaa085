"""Prometheus metrics of the ingest service."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

PREFIX: Final = "engage_ingest"

ACCEPTED: Final = Counter(f"{PREFIX}_accepted_total", "Events accepted.")
REJECTED: Final = Counter(f"{PREFIX}_rejected_total", "Events rejected, by error code.", ["code"])
FILTERED: Final = Counter(
    f"{PREFIX}_filtered_total", "Events from browsers that were filtered, by reason.", ["reason"]
)
FILTER_ERRORS: Final = Counter(
    f"{PREFIX}_filter_errors_total", "Errors of the event filter; its events were accepted."
)
ACKNOWLEDGED: Final = Counter(
    f"{PREFIX}_acknowledged_total",
    "Events acknowledged by all in-sync replicas, including late ones.",
)
UNAVAILABLE: Final = Counter(
    f"{PREFIX}_unavailable_total", "Events not acknowledged in time; clients retry them."
)
LATE_ACKS: Final = Counter(
    f"{PREFIX}_late_acks_total", "Events acknowledged after their client got 503."
)
IN_FLIGHT: Final = Gauge(
    f"{PREFIX}_in_flight_events", "Events in flight: sent and not yet acknowledged by the broker."
)
PRODUCE_SECONDS: Final = Histogram(
    f"{PREFIX}_produce_seconds",
    "Seconds from handing a batch to the producer until the broker acknowledged it.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
