"""The consumer against a real broker and a real database."""

import asyncio
import json
import random
import signal
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from msgspec.structs import replace
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from consumer.__main__ import run
from consumer.log import Log
from schema import topics
from schema.errors import Unavailable
from schema.event import TYPES, Record
from schema.wire import encode
from sql import load
from tests.conftest import Kafka, add_partitions, create_topic
from tests.factories import record
from tests.integration.consumer.conftest import Pipeline, until


def now_record(**fields: object) -> Record:
    now = datetime.now(UTC)
    return record(**({"engaged_timestamp": now, "received_timestamp": now} | fields))


def sample(number: int, seed: int, days: float = 1.0) -> list[Record]:
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


async def test_poison_is_kept_with_its_bytes_and_its_neighbours_are_stored(
    pipeline: Pipeline,
) -> None:
    good = [now_record() for _ in range(3)]
    async with pipeline.consumer():
        await pipeline.produce_raw(encode(good[0]), b"\xff", None, encode(good[1]), b"[]")
        await pipeline.produce_raw(encode(good[2]))
        await pipeline.until_accounted(6)

    dead = await pipeline.connection.fetch('SELECT * FROM dead_letters ORDER BY "offset"')
    assert [(row["offset"], row["reason"], row["value"]) for row in dead] == [
        (1, "malformed_json", b"\xff"),
        (2, "empty_value", None),
        (4, "not_an_object", b"[]"),
    ]
    assert await pipeline.stored() == 3


async def test_a_forged_time_of_receipt_is_a_dead_letter(pipeline: Pipeline) -> None:
    forged = datetime(2099, 1, 1, tzinfo=UTC)
    async with pipeline.consumer():
        await pipeline.produce_raw(
            encode(record(engaged_timestamp=forged, received_timestamp=forged)),
            encode(now_record()),
        )
        await pipeline.until_accounted(2)

    assert await pipeline.stored() == 1
    assert await pipeline.connection.fetchval("SELECT reason FROM dead_letters") == "day_refused"


async def test_what_postgresql_refuses_leaves_alone_and_its_neighbours_are_stored(
    pipeline: Pipeline,
) -> None:
    """No such event is known; an operator's own constraint stands for those that are not."""
    await pipeline.connection.execute(
        "ALTER TABLE engagements ADD CONSTRAINT of_the_operator CHECK (post_id <> 666)"
    )
    refused = [now_record(post_id=666) for _ in range(3)]
    good = [now_record() for _ in range(500)]
    mixed = [*good[:200], refused[0], refused[1], *good[200:450], refused[2], *good[450:]]

    await pipeline.produce(mixed, partition=0)
    async with pipeline.consumer():
        await pipeline.until_accounted(len(mixed))

    dead = await pipeline.connection.fetch('SELECT * FROM dead_letters ORDER BY "offset"')
    assert [(row["offset"], row["value"]) for row in dead] == [
        (200, encode(refused[0])),
        (201, encode(refused[1])),
        (452, encode(refused[2])),
    ]
    assert {row["reason"] for row in dead} == {"refused_by_database"}
    assert all("of_the_operator" in row["detail"] for row in dead)
    assert await pipeline.stored() == len(good)
    await pipeline.assert_rollups_match()


async def test_what_was_refused_is_stored_when_it_comes_again_and_the_cause_is_gone(
    pipeline: Pipeline,
) -> None:
    await pipeline.connection.execute(
        "ALTER TABLE engagements ADD CONSTRAINT of_the_operator CHECK (post_id <> 666)"
    )
    refused = now_record(post_id=666)
    async with pipeline.consumer():
        await pipeline.produce([refused])
        await pipeline.until_accounted(1)
        await pipeline.connection.execute("ALTER TABLE engagements DROP CONSTRAINT of_the_operator")
        await pipeline.produce([refused])
        await pipeline.until_accounted(2)

    assert await pipeline.stored() == 1


async def test_a_refused_retraction_leaves_alone(pipeline: Pipeline) -> None:
    await pipeline.connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'not post %', NEW.post_id; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON retractions FOR EACH ROW"
        " WHEN (NEW.post_id = 666) EXECUTE FUNCTION refuse()"
    )
    gone, kept = now_record(post_id=666), now_record(post_id=42)
    await pipeline.produce_raw(retraction(gone), encode(kept), retraction(kept))
    async with pipeline.consumer():
        await pipeline.until_accounted(3)

    dead = await pipeline.connection.fetch("SELECT * FROM dead_letters")
    assert [(row["offset"], row["reason"]) for row in dead] == [(0, "refused_by_database")]
    assert await pipeline.stored() == 0


async def test_when_everything_is_refused_the_partition_halts_at_the_limit(
    pipeline: Pipeline,
) -> None:
    await pipeline.connection.execute(
        "ALTER TABLE engagements ADD CONSTRAINT of_the_operator CHECK (post_id <> 666)"
    )
    await pipeline.produce([now_record(post_id=666) for _ in range(300)], partition=0)
    async with pipeline.consumer(dead_letter_limit=10) as worker:

        async def halted() -> bool:
            return "dead_letters_in_a_row" in (worker.not_ready() or "")

        await until(halted)
    assert await pipeline.connection.fetchval("SELECT count(*) FROM dead_letters") == 10
    assert await pipeline.accounted() == 10


async def test_a_run_of_poison_halts_at_the_limit_and_resumes_when_told(pipeline: Pipeline) -> None:
    async with pipeline.consumer(dead_letter_limit=10) as worker:
        await pipeline.produce_raw(*[b"x"] * 15)
        await pipeline.produce_raw(encode(now_record()), partition=1)

        async def halted() -> bool:
            return worker.not_ready() is not None and await pipeline.stored() == 1

        await until(halted)
        assert await pipeline.connection.fetchval("SELECT count(*) FROM dead_letters") == 10

        await pipeline.connection.execute(
            "UPDATE consumer_offsets SET halt_reason = NULL, dead_in_a_row = 0"
        )
        await pipeline.until_accounted(16)

    assert await pipeline.connection.fetchval("SELECT count(*) FROM dead_letters") == 15


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


def retraction(event: Record, **fields: object) -> bytes:
    named = {
        "retracted_event_id": str(event.event_id),
        "engaged_timestamp": event.engaged_timestamp.isoformat(),
        "post_id": event.post_id,
    }
    return json.dumps(named | fields).encode()


@pytest.mark.parametrize("is_first", [True, False], ids=["before its event", "after it"])
async def test_an_event_that_is_taken_back_is_gone_whatever_comes_first(
    pipeline: Pipeline, is_first: bool
) -> None:
    stays, goes = now_record(post_id=7, type="like"), now_record(post_id=7, type="like")
    taken_back, event = retraction(goes), encode(goes)
    values = [taken_back, event] if is_first else [event, taken_back]
    async with pipeline.consumer():
        await pipeline.produce_raw(encode(stays), values[0])
        await pipeline.until_accounted(2)
        await pipeline.produce_raw(values[1], taken_back, event)
        await pipeline.until_accounted(5)

    assert await pipeline.stored() == 1
    await pipeline.assert_rollups_match()
    assert await pipeline.connection.fetch(load("verify_ledger").text) == []
    assert (await pipeline.totals())["dead_lettered"] == 0


async def test_an_event_and_what_takes_it_back_may_share_a_batch(pipeline: Pipeline) -> None:
    goes = now_record(post_id=7)
    await pipeline.produce_raw(encode(goes), retraction(goes), encode(goes))
    async with pipeline.consumer():
        await pipeline.until_accounted(3)

    assert await pipeline.stored() == 0
    await pipeline.assert_rollups_match()
    assert await pipeline.connection.fetch(load("verify_ledger").text) == []


async def test_a_retraction_that_names_another_post_takes_nothing(pipeline: Pipeline) -> None:
    stays = now_record(post_id=7)
    async with pipeline.consumer():
        await pipeline.produce_raw(encode(stays), retraction(stays, post_id=8), b'{"x": 1}')
        await pipeline.until_accounted(3)

    assert await pipeline.stored() == 1
    assert (await pipeline.totals())["dead_lettered"] == 1


async def test_many_retractions_in_random_order_leave_what_was_not_taken_back(
    pipeline: Pipeline,
) -> None:
    draw = random.Random(5)
    records = sample(400, seed=5)
    gone = records[:150]
    values = (
        [encode(r) for r in records] + [retraction(r) for r in gone] + [encode(r) for r in gone]
    )
    draw.shuffle(values)
    async with pipeline.consumer():
        await pipeline.produce_raw(*values[:300])
        await pipeline.produce_raw(*values[300:], partition=0)
        await pipeline.until_accounted(len(values))

    assert await pipeline.stored() == 250
    await pipeline.assert_rollups_match()
    assert await pipeline.connection.fetch(load("verify_ledger").text) == []


async def test_a_retraction_is_a_change_that_refreshes_the_view(pipeline: Pipeline) -> None:
    async def refresh() -> str:
        return str(await pipeline.connection.fetchval("SELECT refresh_engagement_stats()"))

    goes = now_record(post_id=7)
    async with pipeline.consumer():
        await pipeline.produce_raw(encode(goes))
        await pipeline.until_accounted(1)
        assert await refresh() == "refreshed"
        before = await pipeline.connection.fetchrow(load("versions").text)
        await pipeline.produce_raw(retraction(goes))
        await pipeline.until_accounted(2)

    after = await pipeline.connection.fetchrow(load("versions").text)
    assert after["live_version"] != before["live_version"]
    assert await refresh() == "refreshed"
    assert await refresh() == "unchanged"


async def _hangs() -> None:
    await asyncio.Event().wait()


async def _fails() -> None:
    raise Unavailable("Kafka: FencedInstanceIdError")


@pytest.mark.parametrize("harm", [_hangs, _fails])
async def test_a_consumer_that_reads_nothing_while_kafka_answers_ends_by_itself(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, harm: Callable[[], Awaitable[None]]
) -> None:
    harmed = asyncio.Event()
    poll = Log.poll

    async def harmed_poll(log: Log, timeout_ms: int, max_records: int) -> object:
        if await pipeline.stored():
            harmed.set()
            await harm()
        return await poll(log, timeout_ms, max_records)

    monkeypatch.setattr(Log, "poll", harmed_poll)
    await pipeline.produce([now_record()])
    settings = pipeline.settings.model_copy(update={"silence_limit_seconds": 1.0})

    assert await asyncio.wait_for(run(settings), 30) == 1
    assert harmed.is_set()


async def test_a_consumer_that_reads_nothing_is_not_ready(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pipeline.consumer() as worker:
        await pipeline.produce([now_record()])
        await pipeline.until_accounted(1)
        with monkeypatch.context() as harm:
            harm.setattr(Log, "poll", lambda *_: _fails())

            async def not_ready() -> bool:
                return worker.not_ready() == "Kafka gives no records"

            await until(not_ready)
        await pipeline.produce([now_record()])
        await pipeline.until_accounted(2)
        assert worker.not_ready() is None


async def test_a_consumer_without_its_topic_is_not_ready_and_works_once_it_is_made(
    pipeline: Pipeline, kafka: Kafka
) -> None:
    topic = f"late.{uuid.uuid4()}"
    pipeline.settings = pipeline.settings.model_copy(update={"topic": topic})

    async with pipeline.consumer() as worker:

        async def names_the_topic() -> bool:
            assert worker.not_ready() is not None
            return f"no topic {topic}: make it" in (worker.not_ready() or "")

        async def ready() -> bool:
            return worker.not_ready() is None

        await until(names_the_topic)
        await create_topic(kafka, topic, 1)
        await until(ready)
        await pipeline.produce([now_record()])
        await pipeline.until_accounted(1)


async def test_a_spare_member_of_the_group_is_ready(pipeline: Pipeline, kafka: Kafka) -> None:
    topic = f"narrow.{uuid.uuid4()}"
    await create_topic(kafka, topic, 1)
    pipeline.settings = pipeline.settings.model_copy(update={"topic": topic})
    async with pipeline.consumer() as one, pipeline.consumer() as other:

        async def both_ready() -> bool:
            return one.not_ready() is None and other.not_ready() is None

        await until(both_ready)
        assert len(one._log.assigned() | other._log.assigned()) == 1


async def test_an_idle_consumer_is_not_taken_for_one_that_hangs(pipeline: Pipeline) -> None:
    async with pipeline.consumer() as worker:
        await pipeline.produce([now_record()])
        await pipeline.until_accounted(1)
        silences = []
        for _ in range(30):
            await asyncio.sleep(0.1)
            silences.append(worker.silent_seconds())
    assert max(silences) < 2.0


async def test_a_broker_that_takes_connections_and_says_nothing_holds_no_sigterm(
    pipeline: Pipeline,
) -> None:
    connected, hung_up = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()  # until the client hangs up
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    address = f"127.0.0.1:{port}"
    settings = pipeline.settings.model_copy(update={"kafka_bootstrap_servers": address})
    running = asyncio.create_task(run(settings))
    await connected.wait()
    signal.raise_signal(signal.SIGTERM)

    assert await asyncio.wait_for(running, 5) == 0
    server.close()
    await asyncio.wait_for(hung_up.wait(), 5)


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
