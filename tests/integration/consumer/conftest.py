"""A consumer in this process, with its own topic and database on real servers."""

import asyncio
import contextlib
import json
import random
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from consumer.__main__ import kafka_consumer
from consumer.loop import Worker
from consumer.settings import ConsumerSettings
from engage.commands.db import run_checks
from schema.event import TYPES, Record
from schema.topics import partition_key
from schema.wire import encode
from tests.conftest import Database, Kafka
from tests.factories import record
from tests.waiting import until


@dataclass
class Pipeline:
    """A topic and a database, with a producer and a connection."""

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
        """Return the number of records that the offset rows account for."""
        query = "SELECT coalesce(sum(next_offset - first_offset), 0) FROM consumer_offsets"
        return int(await self.connection.fetchval(query))

    async def until_accounted(self, records: int) -> None:
        async def is_accounted() -> bool:
            return await self.accounted() >= records

        await until(is_accounted)

    async def until_stored(self, events: int) -> None:
        async def is_stored() -> bool:
            return await self.stored() >= events

        await until(is_stored)

    async def totals(self) -> dict[str, int]:
        row = await self.connection.fetchrow(
            "SELECT sum(stored)::int AS stored, sum(duplicates)::int AS duplicates,"
            " sum(dead_lettered)::int AS dead_lettered, sum(skipped)::int AS skipped"
            " FROM consumer_offsets"
        )
        return dict(row)

    async def dead_letters(self) -> list[Any]:
        return list(await self.connection.fetch('SELECT * FROM dead_letters ORDER BY "offset"'))

    async def reset_offsets(self) -> None:
        """Make the next consumer read all records again."""
        await self.connection.execute(
            "UPDATE consumer_offsets SET next_offset = first_offset, stored = 0, duplicates = 0,"
            " dead_lettered = 0, skipped = 0, fingerprint_offset = NULL"
        )

    async def failed_checks(self) -> list[str]:
        """Return the failed checks of `engage db verify`."""
        checks = await run_checks(self.url)
        return [check.name for check in checks if not check.is_right]

    @property
    def url(self) -> str:
        return self.settings.database_url.get_secret_value()


def totals(**counters: int) -> dict[str, int]:
    return {"stored": 0, "duplicates": 0, "dead_lettered": 0, "skipped": 0} | counters


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
    """Return an event of now."""
    now = datetime.now(UTC)
    return record(**({"engaged_timestamp": now, "received_timestamp": now} | fields))


def sample(number: int, seed: int, days: float = 1.0) -> list[Record]:
    """Return random events of the last days."""
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
    """Return the value of a record that retracts an event."""
    identity = {
        "retracted_event_id": str(event.event_id),
        "engaged_timestamp": event.engaged_timestamp.isoformat(),
        "post_id": event.post_id,
    }
    return json.dumps(identity | fields).encode()
