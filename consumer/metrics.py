"""Prometheus metrics of a consumer."""

from datetime import UTC, datetime
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from consumer.batch import Batch
from consumer.rows import SECOND, microseconds

PREFIX: Final = "engage_consumer"

STORED: Final = Counter(f"{PREFIX}_stored_total", "Events stored.")
DUPLICATES: Final = Counter(f"{PREFIX}_duplicates_total", "Events that were already stored.")
DEAD_LETTERS: Final = Counter(
    f"{PREFIX}_dead_letters_total", "Records stored as dead letters, by reason.", ["reason"]
)
SKIPPED: Final = Counter(
    f"{PREFIX}_skipped_total",
    "Offsets without an event to store, by reason: expired (its day has expired) or other"
    " (transaction markers, retractions, retracted events).",
    ["reason"],
)
FENCED: Final = Counter(
    f"{PREFIX}_fenced_total", "Partition batches rejected by an offset conflict."
)
FAILURES: Final = Counter(
    f"{PREFIX}_write_failures_total", "Batches whose transaction failed; they are read again."
)
BATCH_ROWS: Final = Histogram(
    f"{PREFIX}_batch_rows", "Rows per batch.", buckets=(1, 10, 100, 1_000, 5_000, 10_000, 20_000)
)
WRITE_SECONDS: Final = Histogram(
    f"{PREFIX}_write_seconds",
    "Duration of a batch's transaction in seconds.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
END_TO_END_SECONDS: Final = Histogram(
    f"{PREFIX}_end_to_end_seconds",
    "Seconds from receipt to commit of the oldest event of each batch.",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60, 600),
)
LAG: Final = Gauge(f"{PREFIX}_lag_records", "Records not yet consumed.", ["partition"])
HALTED: Final = Gauge(
    f"{PREFIX}_halted", "1 while a partition is halted and needs an operator.", ["partition"]
)


def record_batch(batch: Batch, seconds: float) -> None:
    """Record a stored batch, whose transaction took *seconds*."""
    parts = batch.partitions.values()
    rows = sum(len(part.rows) for part in parts)
    STORED.inc(rows)
    DUPLICATES.inc(sum(part.duplicates for part in parts))
    expired = sum(part.expired for part in parts)
    SKIPPED.labels("expired").inc(expired)
    SKIPPED.labels("other").inc(sum(part.skipped for part in parts) - expired)
    for letter in (letter for part in parts for letter in part.dead_letters):
        DEAD_LETTERS.labels(letter.reason).inc()
    BATCH_ROWS.observe(rows)
    WRITE_SECONDS.observe(seconds)
    if rows:
        oldest = min(row[5] for part in parts for row in part.rows)
        END_TO_END_SECONDS.observe((microseconds(datetime.now(UTC)) - oldest) / SECOND)
