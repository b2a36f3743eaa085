"""What an ingest process tells Prometheus."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

PREFIX: Final = "engage_ingest"

ACCEPTED: Final = Counter(f"{PREFIX}_accepted_total", "Events answered with acceptance.")
REJECTED: Final = Counter(f"{PREFIX}_rejected_total", "Events refused, by error code.", ["code"])
DROPPED: Final = Counter(
    f"{PREFIX}_dropped_total", "Events of browsers that are not counted, by reason.", ["reason"]
)
FILTER_ERRORS: Final = Counter(
    f"{PREFIX}_filter_errors_total", "Failures of the event filter; the events were kept."
)
ACKNOWLEDGED: Final = Counter(
    f"{PREFIX}_acknowledged_total", "Events acknowledged by all in-sync replicas, late ones too."
)
UNAVAILABLE: Final = Counter(
    f"{PREFIX}_unavailable_total", "Events not acknowledged in time; the client tries again."
)
LATE_ACKS: Final = Counter(
    f"{PREFIX}_late_acks_total", "Events acknowledged after their client was told 503."
)
WAITING: Final = Gauge(f"{PREFIX}_waiting_events", "Events not yet acknowledged by the broker.")
PRODUCE_SECONDS: Final = Histogram(
    f"{PREFIX}_produce_seconds",
    "Seconds from handing a batch to the client until the broker acknowledged it.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
