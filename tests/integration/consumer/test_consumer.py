import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer
from msgspec.structs import replace
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

import sql
from schema import topics
from schema.wire import encode
from tests.conftest import Kafka, add_partitions
from tests.factories import record
from tests.integration.consumer.conftest import Pipeline, now_record, sample, totals
from tests.waiting import until


async def test_replaying_the_whole_log_changes_no_row(pipeline: Pipeline) -> None:
    async def contents() -> list[Any]:
        tables = ("engagements", "post_totals", "engagements_15m")
        fetch = pipeline.connection.fetch
        return [await fetch(f"SELECT * FROM {table} AS t ORDER BY t") for table in tables]

    records = sample(1_000, seed=6, days=3)
    async with pipeline.consumer():
        await pipeline.produce(records + records[:100])
        await pipeline.until_accounted(1_100)
    first, before = await pipeline.totals(), await contents()
    await pipeline.reset_offsets()
    async with pipeline.consumer():
        await pipeline.until_accounted(1_100)

    assert first == totals(stored=1_000, duplicates=100)
    assert await pipeline.totals() == totals(duplicates=1_100)
    assert await contents() == before


async def test_same_identity_in_two_partitions_is_one_row(pipeline: Pipeline) -> None:
    first = now_record(post_id=1)
    again = now_record(
        post_id=2, event_id=first.event_id, engaged_timestamp=first.engaged_timestamp
    )
    async with pipeline.consumer(), pipeline.consumer():
        await asyncio.gather(pipeline.produce([first], 0), pipeline.produce([again], 1))
        await pipeline.until_accounted(2)

    assert await pipeline.stored() == 1
    assert await pipeline.failed_checks() == []


async def test_records_behind_an_open_transaction_are_stored_after_it_also_after_a_restart(
    pipeline: Pipeline,
) -> None:
    topic = pipeline.settings.topic
    producer = AIOKafkaProducer(
        bootstrap_servers=pipeline.settings.kafka_bootstrap_servers, transactional_id=topic
    )
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(topic, encode(now_record()), key=b"1", partition=0)
    await pipeline.produce([now_record()], partition=0)
    for stored in (1, 2):
        async with pipeline.consumer() as worker:
            await pipeline.produce([now_record()], partition=1)
            await pipeline.until_accounted(stored)
            assert worker.not_ready() is None
    assert await pipeline.stored() == 2
    async with pipeline.consumer():
        await producer.commit_transaction()
        await pipeline.until_accounted(5)
    await producer.stop()

    assert await pipeline.totals() == totals(stored=4, skipped=1)


async def test_consumer_follows_its_offset_rows_when_the_database_is_restored(
    pipeline: Pipeline,
) -> None:
    records = sample(20, seed=5)
    async with pipeline.consumer():
        await pipeline.produce(records[:10], partition=0)
        await pipeline.until_accounted(10)
        async with pipeline.connection.transaction():
            await pipeline.connection.execute("TRUNCATE engagements, post_totals")
            await pipeline.reset_offsets()
        await pipeline.produce(records[10:], partition=0)
        await pipeline.until_accounted(20)

    assert await pipeline.totals() == totals(stored=20)
    assert await pipeline.stored() == 20


async def test_consumers_of_the_same_external_ids_give_each_one_number_and_never_deadlock(
    pipeline: Pipeline,
) -> None:
    events = 4_000
    users = set()
    async with pipeline.consumer(batch_max_rows=100), pipeline.consumer(batch_max_rows=100):
        for partition in range(topics.PARTITIONS):
            records = [
                replace(each, user_id=None, user=f"user-{each.post_id}")
                for each in sample(events // topics.PARTITIONS, seed=19 + partition)
            ]
            users |= {each.user for each in records}
            await pipeline.produce(records, partition=partition)
        await pipeline.until_accounted(events)

    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    numbers = "SELECT (SELECT count(*) FROM external_ids), count(DISTINCT user_id) FROM engagements"
    assert await pipeline.connection.fetchval(deadlocks) == 0
    assert await pipeline.stored() == events
    assert tuple(await pipeline.connection.fetchrow(numbers)) == (len(users), len(users))


async def test_each_event_is_stored_once_when_connections_are_killed(pipeline: Pipeline) -> None:
    records = sample(3_000, seed=7)
    async with pipeline.consumer(batch_max_rows=100):
        for start in range(0, 3_000, 500):
            await pipeline.produce(records[start : start + 500])
            await pipeline.connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'engage-consumer' AND datname = current_database()"
            )
        await pipeline.until_accounted(3_000)

    assert await pipeline.stored() == 3_000
    assert await pipeline.failed_checks() == []


async def test_caught_up_timestamp_advances_without_events(pipeline: Pipeline) -> None:
    query = "SELECT min(caught_up_timestamp) > $1 FROM consumer_offsets"
    async with pipeline.consumer():
        await pipeline.produce([now_record()])
        await pipeline.until_accounted(1)
        stored_at = datetime.now(UTC)
        await until(lambda: pipeline.connection.fetchval(query, stored_at))


async def test_added_partitions_are_read_from_their_start(pipeline: Pipeline, kafka: Kafka) -> None:
    async with pipeline.consumer():
        await pipeline.produce([now_record()], partition=0)
        await pipeline.until_accounted(1)
        await add_partitions(kafka, pipeline.settings.topic, 6)
        await pipeline.producer.client.force_metadata_update()
        await pipeline.produce([now_record()], partition=5)
        await pipeline.until_accounted(2)

    assert await pipeline.connection.fetchval("SELECT count(*) FROM consumer_offsets") == 6


async def test_log_lines_of_a_batch_have_its_id_and_offsets(pipeline: Pipeline) -> None:
    with capture_logs([merge_contextvars]) as lines:
        async with pipeline.consumer():
            for seed in (1, 2):
                await pipeline.produce(sample(50, seed=seed))
                await pipeline.until_accounted(50 * seed)

    batches = [line for line in lines if line["event"] == "batch stored"]
    assert sum(batch["rows"] for batch in batches) == 100
    assert len({batch["batch"] for batch in batches}) == len(batches) >= 2
    assert sum(end - first for batch in batches for first, end in batch["offsets"].values()) == 100


async def test_latency_is_the_time_since_receipt_and_null_for_a_batch_without_rows(
    pipeline: Pipeline,
) -> None:
    now = datetime.now(UTC)
    event = record(engaged_timestamp=now, received_timestamp=now - timedelta(seconds=90))
    latencies = []
    async with pipeline.consumer():
        for records in (1, 2):
            await pipeline.produce([event], partition=0)
            await pipeline.until_accounted(records)
            query = sql.load("live_pipeline")
            row = await query.fetchrow(pipeline.connection, topic=pipeline.settings.topic)
            latencies.append(row["latency_seconds"])

    assert 90 <= latencies[0] < 120
    assert latencies[1] is None
