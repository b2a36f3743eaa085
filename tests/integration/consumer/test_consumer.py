"""The consumer against a real broker and a real database."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from msgspec.structs import replace
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from schema import topics
from schema.wire import encode
from tests.conftest import Kafka, add_partitions
from tests.factories import record
from tests.integration.consumer.conftest import Pipeline, now_record, sample, until


async def test_each_event_becomes_one_row_and_the_rollups_match(pipeline: Pipeline) -> None:
    records = sample(2_000, seed=1, days=3)
    async with pipeline.consumer():
        await pipeline.produce(records)
        await pipeline.until_accounted(2_000)

    assert await pipeline.stored() == 2_000
    await pipeline.assert_rollups_match()


async def test_duplicates_near_and_far_are_counted_and_not_stored(pipeline: Pipeline) -> None:
    records = sample(500, seed=2)
    async with pipeline.consumer():
        await pipeline.produce(records + records[:100])
        await pipeline.until_accounted(600)
    async with pipeline.consumer():  # another process, which remembers nothing
        await pipeline.produce(records[200:400] + sample(50, seed=3))
        await pipeline.until_accounted(850)

    assert await pipeline.stored() == 550
    assert await pipeline.totals() == {
        "stored": 550,
        "duplicates": 300,
        "dead_lettered": 0,
        "skipped": 0,
    }
    await pipeline.assert_rollups_match()


async def test_the_same_identity_in_two_partitions_is_one_row(pipeline: Pipeline) -> None:
    first = now_record(post_id=1)
    again = now_record(
        post_id=2, event_id=first.event_id, engaged_timestamp=first.engaged_timestamp
    )
    async with pipeline.consumer(), pipeline.consumer():
        await asyncio.gather(pipeline.produce([first], 0), pipeline.produce([again], 1))
        await pipeline.until_accounted(2)

    assert await pipeline.stored() == 1
    await pipeline.assert_rollups_match()


async def test_transactions_are_read_committed_and_their_markers_skipped(
    pipeline: Pipeline,
) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=pipeline.settings.kafka_bootstrap_servers,
        transactional_id=f"tx-{pipeline.settings.topic}",
    )
    topic = pipeline.settings.topic
    async with pipeline.consumer():
        await producer.start()
        try:
            for keep in (True, False, True):
                await producer.begin_transaction()
                await producer.send_and_wait(topic, encode(now_record()), key=b"1", partition=0)
                await (producer.commit_transaction if keep else producer.abort_transaction)()
        finally:
            await producer.stop()
        # Two committed events, one aborted, three end markers, the last one at the log's end.
        await pipeline.until_accounted(6)

    assert await pipeline.totals() == {
        "stored": 2,
        "duplicates": 0,
        "dead_lettered": 0,
        "skipped": 4,
    }


async def test_what_stands_behind_an_open_transaction_waits_for_it_also_over_a_restart(
    pipeline: Pipeline,
) -> None:
    topic = pipeline.settings.topic
    producer = AIOKafkaProducer(
        bootstrap_servers=pipeline.settings.kafka_bootstrap_servers,
        transactional_id=f"open-{topic}",
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, encode(now_record()), key=b"1", partition=0)
        await pipeline.produce([now_record()], partition=0)
        for elsewhere in (1, 2):
            async with pipeline.consumer() as worker:
                await pipeline.produce([now_record()], partition=1)
                await pipeline.until_accounted(elsewhere)
                assert worker.not_ready() is None
        assert await pipeline.stored() == 2
        async with pipeline.consumer():
            await producer.commit_transaction()
            await pipeline.until_accounted(5)
    finally:
        await producer.stop()

    assert await pipeline.totals() == {
        "stored": 4,
        "duplicates": 0,
        "dead_lettered": 0,
        "skipped": 1,
    }


async def test_a_batch_over_many_days_makes_its_partitions(pipeline: Pipeline) -> None:
    now = datetime.now(UTC)
    records = [
        record(engaged_timestamp=now - timedelta(days=days), received_timestamp=now)
        for days in range(60)
    ]
    async with pipeline.consumer():
        await pipeline.produce(records)
        await pipeline.until_accounted(60)

    assert await pipeline.stored() == 60


async def test_a_consumer_whose_rows_were_moved_writes_nothing_and_goes_on_from_them(
    pipeline: Pipeline,
) -> None:
    records = sample(20, seed=5)
    async with pipeline.consumer():
        await pipeline.produce(records[:10], partition=0)
        await pipeline.until_accounted(10)
        # As if PostgreSQL came back with less than it had: rows and offsets go together.
        async with pipeline.connection.transaction():
            await pipeline.connection.execute("TRUNCATE engagements, post_totals, quarter_hours")
            await pipeline.connection.execute(
                "UPDATE consumer_offsets SET next_offset = 0, stored = 0, fingerprint_offset = NULL"
            )
        await pipeline.produce(records[10:], partition=0)
        await pipeline.until_accounted(20)

    assert await pipeline.stored() == 20
    await pipeline.assert_rollups_match()


async def test_two_that_write_the_same_posts_and_names_at_once_never_deadlock(
    pipeline: Pipeline,
) -> None:
    events = 4_000
    async with pipeline.consumer(batch_max_rows=100), pipeline.consumer(batch_max_rows=100):
        for partition in range(topics.PARTITIONS):
            records = sample(events // topics.PARTITIONS, seed=19 + partition)
            await pipeline.produce(
                (
                    replace(record, user_id=None, user=f"user-{record.post_id}")
                    for record in records
                ),
                partition=partition,
            )
        await pipeline.until_accounted(events)

    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert await pipeline.connection.fetchval(deadlocks) == 0
    assert await pipeline.stored() == events


async def test_replaying_the_whole_log_changes_nothing(pipeline: Pipeline) -> None:
    async with pipeline.consumer():
        await pipeline.produce(sample(1_000, seed=6))
        await pipeline.until_accounted(1_000)
    before = await pipeline.connection.fetch("SELECT * FROM post_totals ORDER BY post_id")
    await pipeline.connection.execute(
        "UPDATE consumer_offsets SET next_offset = first_offset, stored = 0,"
        " fingerprint_offset = NULL"
    )
    async with pipeline.consumer():
        await pipeline.until_accounted(1_000)

    assert await pipeline.totals() == {
        "stored": 0,
        "duplicates": 1_000,
        "dead_lettered": 0,
        "skipped": 0,
    }
    after = await pipeline.connection.fetch("SELECT * FROM post_totals ORDER BY post_id")
    assert before == after


async def test_a_topic_made_anew_halts_as_diverged(pipeline: Pipeline) -> None:
    async with pipeline.consumer():
        await pipeline.produce([now_record()], partition=0)
        await pipeline.until_accounted(1)
    await pipeline.connection.execute(
        "UPDATE consumer_offsets SET fingerprint_crc = fingerprint_crc # 1 WHERE partition = 0"
    )
    async with pipeline.consumer() as worker:

        async def halted() -> bool:
            return "log_diverged" in (worker.not_ready() or "")

        await until(halted)

    assert await pipeline.stored() == 1
    reason = await pipeline.connection.fetchval(
        "SELECT halt_reason FROM consumer_offsets WHERE partition = 0"
    )
    assert reason == "log_diverged"


async def test_killed_connections_lose_and_double_nothing(pipeline: Pipeline) -> None:
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
    await pipeline.assert_rollups_match()


async def test_a_locked_table_is_waited_for(pipeline: Pipeline) -> None:
    async with pipeline.consumer():
        await pipeline.produce([now_record()])
        await pipeline.until_accounted(1)
        async with pipeline.connection.transaction():
            await pipeline.connection.execute("LOCK TABLE engagements IN EXCLUSIVE MODE")
            await pipeline.produce(sample(100, seed=8))
            await asyncio.sleep(0.3)
        await pipeline.until_accounted(101)

    assert await pipeline.stored() == 101


async def test_caught_up_is_noted_while_nothing_comes(pipeline: Pipeline) -> None:
    question = "SELECT min(caught_up_timestamp) FROM consumer_offsets"
    async with pipeline.consumer():
        await pipeline.produce([now_record()])
        await pipeline.until_accounted(1)
        began = datetime.now(UTC)

        async def noted() -> bool:
            value = await pipeline.connection.fetchval(question)
            return value is not None and value > began

        await until(noted)


async def test_partitions_added_later_are_read_from_their_start(
    pipeline: Pipeline, kafka: Kafka
) -> None:
    async with pipeline.consumer():
        await pipeline.produce([now_record()], partition=0)
        await pipeline.until_accounted(1)
        await add_partitions(kafka, pipeline.settings.topic, 6)
        await pipeline.producer.client.force_metadata_update()
        await pipeline.produce([now_record()], partition=5)
        await pipeline.until_accounted(2)

    assert await pipeline.connection.fetchval("SELECT count(*) FROM consumer_offsets") == 6


@pytest.mark.parametrize("version_table", ["engagements", "post_totals", "dead_letters"])
async def test_the_consumers_role_may_not_delete(pipeline: Pipeline, version_table: str) -> None:
    await pipeline.connection.execute("SET ROLE engage_consumer")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pipeline.connection.execute(f"DELETE FROM {version_table}")


async def test_each_batchs_log_lines_carry_its_id_and_where_it_stood(pipeline: Pipeline) -> None:
    with capture_logs([merge_contextvars]) as lines:
        async with pipeline.consumer():
            for seed in (1, 2):
                await pipeline.produce(sample(50, seed=seed))
                await pipeline.until_accounted(50 * seed)

    batches = [line for line in lines if line["event"] == "batch stored"]
    assert sum(batch["rows"] for batch in batches) == 100
    assert len({batch["batch"] for batch in batches}) == len(batches) >= 2
    moved = [until - since for batch in batches for since, until in batch["offsets"].values()]
    assert sum(moved) == 100
