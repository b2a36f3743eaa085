"""Several processes of one service on one database, and a consumer that is killed."""

import asyncio
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from schema import topics
from sql import load
from tests.conftest import Database
from tests.factories import record
from tests.integration.consumer.conftest import Pipeline, sample
from tests.processes import process
from tests.waiting import until

pytestmark = pytest.mark.faults
REFRESH_INTERVAL_SECONDS = 0.5
DEAD_LETTER_LIMIT = 100


@pytest.fixture
def consumer_settings(pipeline: Pipeline) -> dict[str, str]:
    settings = pipeline.settings
    return {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "DATABASE_URL": pipeline.url,
        "DATABASE_ROLE": "engage_consumer",
        "TOPIC": settings.topic,
        "CONSUMER_GROUP": settings.consumer_group,
        "SESSION_TIMEOUT_SECONDS": "3",
    }


async def test_f22_partition_halts_after_100_invalid_records_until_resumed_also_after_a_restart(
    pipeline: Pipeline, consumer_settings: dict[str, str], tmp_path: Path
) -> None:
    connection, topic = pipeline.connection, pipeline.settings.topic
    for _ in range(2_000):
        await pipeline.producer.send(topic, b"no event", partition=0)
    await pipeline.producer.flush()

    async def is_halted() -> bool:
        reason = "SELECT halt_reason FROM consumer_offsets WHERE partition = 0"
        return bool(await connection.fetchval(reason) == "too_many_dead_letters")

    with process("consumer", tmp_path, consumer_settings) as consumer:
        await until(is_halted)
        consumer.child.kill()
    with process("consumer", tmp_path, consumer_settings) as consumer:
        await pipeline.produce(sample(500, seed=22), partition=1)
        await pipeline.until_accounted(DEAD_LETTER_LIMIT + 500)
        await asyncio.to_thread(consumer.until_log_has, "partition halted")
        assert len(await pipeline.dead_letters()) == DEAD_LETTER_LIMIT

        resume = load("resume_partition")
        await connection.execute(resume.text, *resume.bind(topic=topic, partition=0, target=None))
        await until(is_halted)
        await pipeline.until_accounted(2 * DEAD_LETTER_LIMIT + 500)
        assert len(await pipeline.dead_letters()) == 2 * DEAD_LETTER_LIMIT
    assert await connection.fetch(load("verify_ledger").text) == []


async def test_f25_daily_partitions_are_created_by_several_consumers_during_a_long_report(
    pipeline: Pipeline, consumer_settings: dict[str, str], database: Database, tmp_path: Path
) -> None:
    days = 60
    now = datetime.now(UTC)
    reader, writer = [await asyncpg.connect(database.url) for _ in range(2)]
    await writer.execute("SELECT ensure_partition($1)", now.date())
    seconds: list[float] = []
    stopping = asyncio.Event()

    async def keep_inserting() -> None:
        while not stopping.is_set():
            began = time.monotonic()
            await writer.execute(
                "INSERT INTO engagements VALUES (gen_random_uuid(), 1, NULL, 'view', now(), now())"
            )
            seconds.append(time.monotonic() - began)
            await asyncio.sleep(0.02)

    async with reader.transaction():
        await reader.fetch("SELECT count(*) FROM engagements")
        inserting = asyncio.create_task(keep_inserting())
        with ExitStack() as consumers:
            for number in range(4):
                name = f"consumer-{number}"
                consumers.enter_context(process("consumer", tmp_path, consumer_settings, name))
            for partition in range(topics.PARTITIONS):
                moments = (now - timedelta(days=day) for day in range(days))
                await pipeline.produce(
                    (record(engaged_timestamp=at, received_timestamp=now) for at in moments),
                    partition=partition,
                )
            await pipeline.until_accounted(days * topics.PARTITIONS)
        await until(lambda: len(seconds) > 50)
        stopping.set()
        await inserting
    for opened in (reader, writer):
        await opened.close()

    assert await pipeline.stored() == days * topics.PARTITIONS + len(seconds)
    assert max(seconds) < 1


async def test_f27_three_refreshers_refresh_once_for_each_change(
    database: Database, tmp_path: Path
) -> None:
    changes = 6
    settings = {
        "DATABASE_URL": database.url,
        "DATABASE_ROLE": "engage_refresher",
        "REFRESH_INTERVAL_SECONDS": str(REFRESH_INTERVAL_SECONDS),
    }
    connection = await asyncpg.connect(database.url)

    async def refreshes() -> int:
        return int(await connection.fetchval("SELECT refresh_id FROM stats_refresh"))

    async def until_refreshed(times: int) -> None:
        async def is_refreshed() -> bool:
            return await refreshes() >= times

        await until(is_refreshed)

    with ExitStack() as refreshers:
        for number in range(3):
            name = f"refresher-{number}"
            refreshers.enter_context(process("refresher", tmp_path, settings, name))
        await until_refreshed(1)
        before = await refreshes()
        for number in range(1, changes + 1):
            author = "INSERT INTO authors VALUES ($1, 'an author', '2026-01-01', 'Tech')"
            await connection.execute(author, number)
            await until_refreshed(before + number)
        await asyncio.sleep(4 * REFRESH_INTERVAL_SECONDS)  # for refreshes without a change

        assert await refreshes() == before + changes
    await connection.close()
