"""What a consumer tells Prometheus."""

from datetime import UTC, datetime
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from consumer.batch import Batch
from consumer.rows import SECOND, microseconds

PREFIX: Final = "engage_consumer"

STORED: Final = Counter(f"{PREFIX}_stored_total", "Events that became rows.")
DUPLICATES: Final = Counter(f"{PREFIX}_duplicates_total", "Events whose identity was stored.")
DEAD_LETTERS: Final = Counter(
    f"{PREFIX}_dead_letters_total", "Records that cannot be stored.", ["reason"]
)
SKIPPED: Final = Counter(f"{PREFIX}_skipped_total", "Offsets that hold no event to store.")
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


def report(batch: Batch, seconds: float) -> None:
    """Count what a written batch did; *seconds* is how long its transaction took."""
    shares = batch.shares.values()
    rows = sum(len(share.rows) for share in shares)
    STORED.inc(rows)
    DUPLICATES.inc(sum(share.duplicates for share in shares))
    SKIPPED.inc(sum(share.skipped for share in shares))
    for letter in (letter for share in shares for letter in share.dead):
        DEAD_LETTERS.labels(letter.reason).inc()
    BATCH_ROWS.observe(rows)
    WRITE_SECONDS.observe(seconds)
    if rows:
        oldest = min(row[5] for share in shares for row in share.rows)
        END_TO_END_SECONDS.observe((microseconds(datetime.now(UTC)) - oldest) / SECOND)
