"""Names and settings of the Kafka topic, and the form of its records."""

from typing import Final

EVENTS_TOPIC: Final = "engagement.events"
CONSUMER_GROUP: Final = "engagement-consumer"

PARTITIONS: Final = 4
"""Default partition count: docs/decisions/0002-partitions-and-batches.md."""

RETENTION_DAYS: Final = 7
"""Days the broker keeps events: PostgreSQL can be down that long without loss."""

SEGMENT_DAYS: Final = 1
"""Kafka deletes whole segments, so a record can outlive its retention by this."""

MAX_BATCH_BYTES: Final = 512 * 1024
"""Size of the largest record batch that ingest sends."""

_DAY_MS: Final = 24 * 3600 * 1000
SETTINGS: Final = {
    "retention.ms": str(RETENTION_DAYS * _DAY_MS),
    "segment.ms": str(SEGMENT_DAYS * _DAY_MS),
}
"""Configuration of the events topic that does not depend on the number of brokers."""

RECORD_HEADERS: Final = (
    ("content-type", b"application/json"),
    ("schema", b"engagement-event/1"),
)
KEY_HEADER: Final = "key-id"
"""Record header with the ID of the API key of the event's request."""


def partition_key(post: int | str) -> bytes:
    """Return the record key, the decimal post ID or the external ID in UTF-8.

    Events of one post share a partition.
    """
    return str(post).encode()
