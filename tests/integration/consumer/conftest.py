"""A real consumer in this process, on a topic and a database of its own."""

import asyncio
import contextlib
import json
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from consumer.__main__ import kafka_consumer
from consumer.settings import ConsumerSettings
from consumer.worker import Worker
from schema.event import TYPES, Record
from schema.topics import partition_key
from schema.wire import encode
from tests.conftest import Database, Kafka
from tests.factories import record


async def until(condition: Callable[[], Awaitable[bool]], *, within_seconds: float = 20.0) -> None:
    """Wait until the condition holds; fail when it does not within the time."""
    deadline = time.monotonic() + within_seconds
    while not await condition():
        assert time.monotonic() < deadline, "the condition did not come to hold in time"
        await asyncio.sleep(0.02)


@dataclass
class Pipeline:
    """A topic, a database and the means to look at both."""

    settings: ConsumerSettings
    producer: AIOKafkaProducer
    connection: Any

    @asynccontextmanager
    async def consumer(self, **changes: Any) -> AsyncIterator[Worker]:
        settings = self.settings.model_copy(update=changes)
        kafka = kafka_consumer(settings)
        await kafka.start()
        worker = Worker(settings, kafka)
        working = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            try:
                await asyncio.wait_for(working, 10)
            finally:
                await kafka.stop()

    async def produce(self, records: Iterable[Record], partition: int | None = None) -> None:
        sent = [
            await self.producer.send(
                self.settings.topic,
                encode(record),
                key=partition_key(record.post_id),
                partition=partition,
            )
            for record in records
        ]
        await asyncio.gather(*sent)

    async def produce_raw(self, *values: bytes | None, partition: int = 0) -> None:
        for value in values:
            await self.producer.send_and_wait(
                self.settings.topic, value, key=b"k", partition=partition
            )

    async def stored(self) -> int:
        return int(await self.connection.fetchval("SELECT count(*) FROM engagements"))

    async def accounted(self) -> int:
        """Return how many records the offset rows have dealt with."""
        question = "SELECT coalesce(sum(next_offset - first_offset), 0) FROM consumer_offsets"
        return int(await self.connection.fetchval(question))

    async def until_accounted(self, records: int) -> None:
        async def done() -> bool:
            return await self.accounted() >= records

        await until(done)

    async def totals(self) -> dict[str, int]:
        row = await self.connection.fetchrow(
            "SELECT sum(stored)::int AS stored, sum(duplicates)::int AS duplicates,"
            " sum(dead_lettered)::int AS dead_lettered, sum(skipped)::int AS skipped"
            " FROM consumer_offsets"
        )
        return dict(row)

    async def assert_rollups_match(self) -> None:
        """Every rollup equals its recomputation from the raw rows."""
        for rollup, key in (
            ("post_totals", "post_id"),
            ("quarter_hours", "quarter"),
        ):
            raw = {
                "post_id": "post_id",
                "quarter": "date_bin('15 minutes', engaged_timestamp, 'epoch'::timestamptz)",
            }[key]
            counts = ", ".join(f"count(*) FILTER (WHERE type = '{t}')" for t in _TYPES)
            recomputed = f"SELECT {raw}, {counts} FROM engagements GROUP BY 1"
            kept = (
                f"SELECT {key}, views, likes, comments, shares FROM {rollup}"
                " WHERE views + likes + comments + shares > 0"
            )
            for left, right in ((kept, recomputed), (recomputed, kept)):
                assert await self.connection.fetch(f"{left} EXCEPT {right}") == []


_TYPES = ("view", "like", "comment", "share")


@pytest.fixture
async def pipeline(kafka: Kafka, topic: str, database: Database) -> AsyncIterator[Pipeline]:
    settings = ConsumerSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        database_url=SecretStr(database.url),
        topic=topic,
        consumer_group=f"group-{uuid.uuid4()}",
        session_timeout_seconds=3.0,
    )
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, acks="all")
    await producer.start()
    connection = await asyncpg.connect(database.url)
    try:
        yield Pipeline(settings, producer, connection)
    finally:
        with contextlib.suppress(Exception):
            await connection.close()
        await producer.stop()


def now_record(**fields: object) -> Record:
    """Return an event of this moment."""
    now = datetime.now(UTC)
    return record(**({"engaged_timestamp": now, "received_timestamp": now} | fields))


def sample(number: int, seed: int, days: float = 1.0) -> list[Record]:
    """Return events of the last days, alike for the same seed but for the moment."""
    draw = random.Random(seed)
    now = datetime.now(UTC)
    return [
        record(
            post_id=draw.randint(1, 300),
            type=draw.choice(TYPES),
            user_id=draw.choice([None, 1, 2]),
            engaged_timestamp=now - timedelta(days=draw.random() * days),
            received_timestamp=now,
        )
        for _ in range(number)
    ]


def retraction(event: Record, **fields: object) -> bytes:
    """Return the record that takes an event back."""
    named = {
        "retracted_event_id": str(event.event_id),
        "engaged_timestamp": event.engaged_timestamp.isoformat(),
        "post_id": event.post_id,
    }
    return json.dumps(named | fields).encode()
