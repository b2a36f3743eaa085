"""Events of the load generator in the formats of the scenarios."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple, TypeVar
from uuid import UUID

from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from consumer.rows import Row, microseconds
from loadgen.catalogue import Catalogue
from loadgen.events import Event
from loadgen.traffic import Facts, Traffic, facts_of
from schema.event import Record
from schema.topics import PARTITIONS, RECORD_HEADERS, partition_key
from schema.wire import encode

_BATCH_BYTES = 512 * 1024
_RETRY_EVENTS = 5_000
_T = TypeVar("_T")


def records(count: int, days: int, facts: Facts | None = None, *, seed: int = 1) -> list[Record]:
    """Return *count* events of the last *days* in the order of their times.

    *facts* are those of a catalogue, by default of a generated one.
    """
    now = datetime.now(UTC)
    facts = facts or facts_of(Catalogue(1, now))
    end_us = int(now.timestamp() * 1e6)
    start_us = end_us - int(timedelta(days=days).total_seconds() * 1e6)
    history = Traffic(facts, seed).history(count, start_us, end_us)
    return list(as_received(history, now))


def as_received(events: Iterable[Event], now: datetime) -> Iterator[Record]:
    """Yield events as records of Kafka, received *now*."""
    for event in events:
        yield Record(
            event_id=UUID(event.event_id),
            type=event.type,  # type: ignore[arg-type]
            engaged_timestamp=datetime.fromisoformat(event.engaged_timestamp),
            post_id=event.post_id,
            user_id=event.user_id,
            received_timestamp=now,
        )


Plain = tuple[datetime, UUID, int, int | None, str, datetime]
"""A row of engagements for COPY, in the order of COLUMNS."""


def plain(sample: Sequence[Record]) -> list[Plain]:
    """Return the rows of these records, for the floor."""
    return [
        (
            record.engaged_timestamp,
            record.event_id,
            record.post_id or 0,
            record.user_id,
            record.type,
            record.received_timestamp or record.engaged_timestamp,
        )
        for record in sample
    ]


def rows(table: Sequence[Plain]) -> list[Row]:
    """Return rows in the consumer's format."""
    return [
        (microseconds(engaged), event_id.bytes, post, user, kind, microseconds(received))
        for engaged, event_id, post, user, kind, received in table
    ]


def with_duplicates(sample: Sequence[Record], share: float) -> list[Record]:
    """Return the records, and repeat some of them soon after, as clients that retry do."""
    random = Random(1)
    sent: list[Record] = []
    for place, record in enumerate(sample):
        sent.append(record)
        if random.random() < share:
            sent.append(sample[max(0, place - random.randrange(_RETRY_EVENTS))])
    return sent


def chunks(sample: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """Return consecutive slices of *size*."""
    return (sample[start : start + size] for start in range(0, len(sample), size))


class Encoded(NamedTuple):
    """An encoded record."""

    partition: int
    key: bytes
    value: bytes


def encoded(sample: Sequence[Record]) -> list[Encoded]:
    """Encode records; those of a post have the same partition."""
    return [
        Encoded((post := record.post_id or 0) % PARTITIONS, partition_key(post), encode(record))
        for record in sample
    ]


def rows_with_external_ids(table: Sequence[Row]) -> list[Row]:
    """Return the rows with external IDs instead of numbers."""
    return [
        (*row[:2], f"post-{row[2]}", f"user-{row[3]}" if row[3] else None, *row[4:])
        for row in table
    ]


def encoded_with_external_ids(sample: Sequence[Record]) -> list[Encoded]:
    """Encode records with external IDs, in the same partitions."""
    found = []
    for record, row in zip(sample, rows_with_external_ids(rows(plain(sample))), strict=True):
        other = replace(record, post_id=None, post=row[2], user_id=None, user=row[3])
        partition = (record.post_id or 0) % PARTITIONS
        found.append(Encoded(partition, partition_key(other.post or ""), encode(other)))
    return found


async def produce(bootstrap_servers: str, topic: str, sample: Sequence[Encoded]) -> float:
    """Write the records to the topic in batches; return the seconds until all are acknowledged."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", max_batch_size=_BATCH_BYTES
    )
    await producer.start()
    headers = list(RECORD_HEADERS)
    batches = {partition: producer.create_batch() for partition in range(PARTITIONS)}
    began = time.perf_counter()
    sent = []
    for partition, key, value in sample:
        entry = {"key": key, "value": value, "timestamp": None, "headers": headers}
        if batches[partition].append(**entry) is None:
            full = batches[partition]
            sent.append(await producer.send_batch(full, topic, partition=partition))
            batches[partition] = producer.create_batch()
            batches[partition].append(**entry)
    for partition, batch in batches.items():
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*sent)
    seconds = time.perf_counter() - began
    await producer.stop()
    return seconds
