"""What stands in the log is not what it should be: a consumer process of its own, on such a log."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import TopicAlreadyExistsError
from pydantic import SecretStr

from consumer.settings import ConsumerSettings
from schema import topics
from schema.event import MAX_EVENT_BYTES, encode
from sql import load
from tests.conftest import Database, Kafka, create_topic
from tests.faults.rig import Process, process
from tests.integration.consumer.conftest import Pipeline, until
from tests.integration.consumer.test_consumer import sample

GOOD = 5_000
POISON_EVERY = 25


@pytest.fixture
async def log(kafka: Kafka, topic: str, database: Database) -> AsyncIterator[Pipeline]:
    """A topic and a database without a consumer."""
    settings = ConsumerSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        database_url=SecretStr(database.url),
        topic=topic,
        consumer_group=f"group-{uuid.uuid4()}",
        session_timeout_seconds=3.0,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, acks="all", max_request_size=2**20
    )
    await producer.start()
    connection = await asyncpg.connect(database.url)
    yield Pipeline(settings, producer, connection)
    await connection.close()
    await producer.stop()


@contextmanager
def consuming(log: Pipeline, folder: Path, name: str = "consumer") -> Iterator[Process]:
    settings = log.settings
    variables = {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "DATABASE_ROLE": "engage_consumer",
        "TOPIC": settings.topic,
        "CONSUMER_GROUP": settings.consumer_group,
        "SESSION_TIMEOUT_SECONDS": "3",
    }
    with process("consumer", folder, variables, name) as running:
        yield running


def _event(**fields: object) -> bytes:
    now = datetime.now(UTC).isoformat()
    usual = {"event_id": str(uuid.uuid4()), "post_id": 1, "type": "view", "engaged_timestamp": now}
    return json.dumps(usual | fields).encode()


def _raw(member: bytes) -> bytes:
    """Return an event with a member that no honest encoder writes."""
    return _event()[:-1] + b", " + member + b"}"


POISON: dict[str, bytes | None] = {
    "no value": None,
    "nothing": b"",
    "not JSON": b"no event",
    "an array": b"[]",
    "not UTF-8": b"\xff\xfe",
    "NUL in a name": _event(post_id=None, post="a\0b"),
    "a lone surrogate in a name": _raw(rb'"user": "\ud800"'),
    "raw surrogate bytes": _raw(b'"user": "\xed\xa0\x80"'),
    "a number beyond floats": _raw(b'"user_id": 1e200000'),
    "an integer of 5,000 digits": _raw(b'"user_id": ' + b"9" * 5_000),
    "depth": b"[" * 100_000,
    "no type": json.dumps({"event_id": str(uuid.uuid4()), "post_id": 1}).encode(),
    "unknown type": _event(type="dislike"),
    "an id of 2^63": _event(post_id=2**63),
    "the year 10000": _event(engaged_timestamp="9999-12-31T23:59:59-14:00"),
    "the year 0": _event(engaged_timestamp="0000-01-01T00:00:00Z"),
    "no time zone": _event(engaged_timestamp="2026-01-01T00:00:00"),
    "the nil UUID": _event(event_id=str(uuid.UUID(int=0))),
    "too large": _event(user="x" * (MAX_EVENT_BYTES + 1)),
    "almost a megabyte": b"x" * (2**20 - 1_000),
}  # fmt: skip


async def test_f20_each_kind_of_poison_is_kept_once_and_harms_no_neighbour(
    log: Pipeline, tmp_path: Path
) -> None:
    kinds = list(POISON.values())
    good = [encode(record) for record in sample(GOOD, seed=20)]
    written: list[tuple[int, int, bytes | None]] = []
    with consuming(log, tmp_path) as consumer:
        sent = []
        for number, value in enumerate(good):
            sent.append(await log.producer.send(log.settings.topic, value, partition=0))
            if number % POISON_EVERY == 0:
                poison = kinds[number // POISON_EVERY % len(kinds)]
                meta = await log.producer.send_and_wait(
                    log.settings.topic, poison, key=b"bad", partition=0
                )
                written.append((meta.partition, meta.offset, poison))
        await asyncio.gather(*sent)
        await log.until_accounted(GOOD + len(written))

        assert consumer.child.poll() is None
    found = await log.connection.fetch(
        'SELECT partition, "offset", value FROM dead_letters ORDER BY partition, "offset"'
    )
    assert [tuple(row) for row in found] == sorted(written, key=lambda letter: letter[:2])
    assert await log.stored() == GOOD
    await log.assert_rollups_match()
    assert await log.connection.fetch(load("verify_ledger").text) == []


async def _halt_of(log: Pipeline, partition: int) -> tuple[str | None, str | None]:
    row = await log.connection.fetchrow(
        "SELECT halt_reason, halt_detail FROM consumer_offsets WHERE partition = $1", partition
    )
    return (None, None) if row is None else (row[0], row[1])


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
            return (await _halt_of(log, 0))[0] is not None and await log.stored() == 110

        await until(halted)

    assert await _halt_of(log, 0) == (
        "records_lost",
        "60 records from offset 100 on left the log before they were read",
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
            return (await _halt_of(log, 0))[0] == "log_diverged"

        await until(halted, within_seconds=60)

    assert await log.stored() == 50
    await log.assert_rollups_match()


async def _until_made_again(kafka: Kafka, topic: str) -> None:
    async def made() -> bool:
        try:
            await create_topic(kafka, topic, topics.PARTITIONS)
        except TopicAlreadyExistsError:
            return False
        return True

    await until(made)
