"""What a consumer tells Prometheus."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

PREFIX: Final = "engage_consumer"

STORED: Final = Counter(f"{PREFIX}_stored_total", "Events that became rows.")
DUPLICATES: Final = Counter(f"{PREFIX}_duplicates_total", "Events whose identity was stored.")
DEAD_LETTERS: Final = Counter(
    f"{PREFIX}_dead_letters_total", "Records that cannot be stored.", ["reason"]
)
SKIPPED: Final = Counter(f"{PREFIX}_skipped_total", "Offsets without a record to read.")
FENCED: Final = Counter(f"{PREFIX}_fenced_total", "Shares of batches another consumer had moved.")
FAILURES: Final = Counter(f"{PREFIX}_write_failures_total", "Batches that must be read again.")
BATCH_ROWS: Final = Histogram(
    f"{PREFIX}_batch_rows", "Rows a batch.", buckets=(1, 10, 100, 1_000, 5_000, 10_000, 20_000)
)
WRITE_SECONDS: Final = Histogram(
    f"{PREFIX}_write_seconds",
    "Seconds a batch's transaction took.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
END_TO_END_SECONDS: Final = Histogram(
    f"{PREFIX}_end_to_end_seconds",
    "Seconds from an event's receipt to its being stored; the oldest of each batch.",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60, 600),
)
LAG: Final = Gauge(f"{PREFIX}_lag_records", "Records not yet stored.", ["partition"])
HALTED: Final = Gauge(f"{PREFIX}_halted", "1 while a partition waits for a person.", ["partition"])
