"""A log that lost records, was recreated or is read once more; partitions that several make."""

import asyncio
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import TopicAlreadyExistsError

from schema import topics
from tests.conftest import Database, Kafka, create_topic
from tests.factories import record
from tests.faults.single import consuming, halt_of
from tests.integration.consumer.conftest import Pipeline, sample, until


@pytest.mark.faults
async def test_f25_partitions_are_made_by_several_at_once_while_a_long_report_reads(
    log: Pipeline, database: Database, tmp_path: Path
) -> None:
    days, waits = 60, []
    now = datetime.now(UTC)
    reader, writer = [await asyncpg.connect(database.url) for _ in range(2)]
    await writer.execute("SELECT ensure_partition($1)", now.date())

    done = asyncio.Event()

    async def keep_inserting() -> None:
        while not done.is_set():
            began = time.monotonic()
            await writer.execute(
                "INSERT INTO engagements VALUES (gen_random_uuid(), 1, NULL, 'view', now(), now())"
            )
            waits.append(time.monotonic() - began)
            await asyncio.sleep(0.02)

    async with reader.transaction():
        await reader.fetch("SELECT count(*) FROM engagements")
        inserting = asyncio.create_task(keep_inserting())
        with ExitStack() as running:
            for number in range(4):
                running.enter_context(consuming(log, tmp_path, f"consumer-{number}"))
            for partition in range(topics.PARTITIONS):
                await log.produce(
                    (
                        record(engaged_timestamp=now - timedelta(days=day), received_timestamp=now)
                        for day in range(days)
                    ),
                    partition=partition,
                )
            await log.until_accounted(days * topics.PARTITIONS)
        while len(waits) <= 50:  # noqa: ASYNC110  (a list has no notification)
            await asyncio.sleep(0.02)
        done.set()
        await inserting
    for opened in (reader, writer):
        await opened.close()

    assert await log.stored() == days * topics.PARTITIONS + len(waits)
    assert max(waits) < 1


@pytest.mark.faults
async def test_f36_the_whole_log_once_more_changes_no_byte(log: Pipeline, tmp_path: Path) -> None:
    events = 20_000
    with consuming(log, tmp_path):
        await log.produce(sample(events, seed=36, days=5))
        await log.until_accounted(events)
    before = await _contents(log)
    await log.connection.execute(
        "UPDATE consumer_offsets"
        " SET next_offset = first_offset, stored = 0, fingerprint_offset = NULL"
    )
    with consuming(log, tmp_path):
        await log.until_accounted(events)

    assert await _contents(log) == before
    assert (await log.totals())["duplicates"] == events


async def _contents(log: Pipeline) -> list[Any]:
    """Return all rows of the events and of the rollups, in order."""
    tables = ("engagements", "post_totals", "engagements_15m")
    return [await log.connection.fetch(f"SELECT * FROM {t} AS t ORDER BY t") for t in tables]


async def test_f31_records_that_left_the_log_unread_are_told_to_the_number(
    log: Pipeline, tmp_path: Path
) -> None:
    with consuming(log, tmp_path):
        await log.produce(sample(100, seed=31), partition=0)
        await log.until_accounted(100)
    await log.produce(sample(70, seed=32), partition=0)
    admin = AIOKafkaAdminClient(bootstrap_servers=log.settings.kafka_bootstrap_servers)
    await admin.start()
    try:
        tp = TopicPartition(log.settings.topic, 0)
        await admin.delete_records({tp: RecordsToDelete(before_offset=160)})
    finally:
        await admin.close()
    with consuming(log, tmp_path):
        await log.produce(sample(10, seed=33), partition=1)

        async def halted() -> bool:
            return (await halt_of(log, 0))[0] is not None and await log.stored() == 110

        await until(halted)

    assert await halt_of(log, 0) == (
        "records_lost",
        "Kafka deleted 60 records from offset 100 on before they were consumed",
    )


@pytest.mark.parametrize(
    "refill",
    [
        pytest.param(0, id="shorter", marks=pytest.mark.faults),
        pytest.param(50, id="as long"),
        pytest.param(200, id="longer", marks=pytest.mark.faults),
    ],
)
async def test_f32_a_topic_made_anew_is_noticed_by_a_running_consumer(
    log: Pipeline, kafka: Kafka, tmp_path: Path, refill: int
) -> None:
    topic = log.settings.topic
    with consuming(log, tmp_path):
        await log.produce(sample(50, seed=34), partition=0)
        await log.until_accounted(50)
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
        await admin.start()
        try:
            await admin.delete_topics([topic])
        finally:
            await admin.close()
        await _until_made_again(kafka, topic)
        await log.producer.client.force_metadata_update()
        await log.produce(sample(refill, seed=35), partition=0)

        async def halted() -> bool:
            return (await halt_of(log, 0))[0] == "log_diverged"

        await until(halted, within_seconds=60)

    assert await log.stored() == 50
    assert await log.failed_checks() == []


async def _until_made_again(kafka: Kafka, topic: str) -> None:
    async def made() -> bool:
        try:
            await create_topic(kafka, topic, topics.PARTITIONS)
        except TopicAlreadyExistsError:
            return False
        return True

    await until(made)
