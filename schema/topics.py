"""Names and shapes of what stands in Kafka, written once."""

from typing import Final

EVENTS_TOPIC: Final = "engagement.events"
CONSUMER_GROUP: Final = "engagement-consumer"

PARTITIONS: Final = 4
"""Default partition count: docs/decisions/0002-partitions-and-batches.md."""

RETENTION_DAYS: Final = 7
"""How long the broker keeps events: the time PostgreSQL may be away without loss."""

RECORD_HEADERS: Final = (
    ("content-type", b"application/json"),
    ("schema", b"engagement-event/1"),
)


def partition_key(post: int | str) -> bytes:
    """Return the record key, so that a post's events share a partition.

    The post id in decimal, or the external id in UTF-8.
    """
    return str(post).encode()
