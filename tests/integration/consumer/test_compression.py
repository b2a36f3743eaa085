import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, codec

from engage.commands.consumer import resume_partitions
from schema import topics
from schema.errors import SetupError
from schema.wire import encode
from tests.integration.consumer.conftest import Pipeline, now_record, totals
from tests.waiting import until

CODECS = [None, "gzip", "snappy", "lz4", "zstd"]
HALTED = "partition 0 is halted: unreadable_batch"


@asynccontextmanager
async def producer(pipeline: Pipeline, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    opened = AIOKafkaProducer(
        bootstrap_servers=pipeline.settings.kafka_bootstrap_servers, acks="all", **options
    )
    await opened.start()
    try:
        yield opened
    finally:
        await opened.stop()


async def send(pipeline: Pipeline, to: AIOKafkaProducer, partition: int, events: int) -> None:
    for _ in range(events):
        value = encode(now_record())
        await to.send_and_wait(pipeline.settings.topic, value, partition=partition)


async def halt(pipeline: Pipeline) -> tuple[str | None, str | None]:
    query = "SELECT halt_reason, halt_detail FROM consumer_offsets WHERE partition = 0"
    return tuple(await pipeline.connection.fetchrow(query))


async def test_events_of_every_codec_are_stored_unless_their_transaction_was_aborted(
    pipeline: Pipeline,
) -> None:
    async with pipeline.consumer():
        for name in CODECS:
            async with producer(pipeline, compression_type=name) as plain:
                await send(pipeline, plain, 0, 3)
            options = {"compression_type": name, "transactional_id": str(uuid.uuid4())}
            async with producer(pipeline, **options) as transactional:
                async with transactional.transaction():
                    await send(pipeline, transactional, 0, 3)
                await transactional.begin_transaction()
                await send(pipeline, transactional, 0, 3)
                await transactional.abort_transaction()
        # With an end marker for each transaction.
        await pipeline.until_accounted(11 * len(CODECS))

    found = await pipeline.totals()
    assert found == totals(stored=6 * len(CODECS), skipped=5 * len(CODECS))
    assert await pipeline.failed_checks() == []


async def test_unreadable_batch_halts_its_partition_alone_until_it_is_skipped(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = pipeline.settings
    system: Any = SimpleNamespace(topic=settings.topic, database_url=pipeline.url, kafka=settings)
    others = range(1, topics.PARTITIONS)
    await pipeline.produce([now_record() for _ in range(4)], partition=0)
    async with producer(pipeline, compression_type="lz4", linger_ms=50) as compressing:
        batch = compressing.create_batch()
        for _ in range(3):
            batch.append(key=b"7", value=encode(now_record()), timestamp=None)
        await (await compressing.send_batch(batch, settings.topic, partition=0))
    await pipeline.produce([now_record() for _ in range(5)], partition=0)
    with monkeypatch.context() as patched:
        patched.setattr(codec, "has_lz4", lambda: False)
        async with pipeline.consumer() as worker:
            await until(lambda: worker.not_ready() == HALTED)
            for partition in others:
                await pipeline.produce([now_record() for _ in range(10)], partition=partition)
            await pipeline.until_accounted(4 + 10 * len(others))
            _, detail = await halt(pipeline)
            assert "offset 4 " in str(detail)
            assert "lz4" in str(detail)
            assert "`engage consumer resume --partition 0 --offset 7` skips it" in str(detail)

            [move] = await resume_partitions(system, 0)
            assert (move.partition, move.next_offset) == (0, 4)

            async def is_halted_again() -> bool:
                return (await halt(pipeline))[0] == "unreadable_batch"

            await until(is_halted_again)
            with pytest.raises(SetupError, match="has the offsets 0 to 12"):
                await resume_partitions(system, 0, offset=99)
            [move] = await resume_partitions(system, 0, offset=7)
            assert (move.partition, move.next_offset) == (0, 7)
            await pipeline.until_accounted(12 + 10 * len(others))
            await until(lambda: worker.not_ready() is None)

    assert await pipeline.totals() == totals(stored=39, skipped=3)
    assert await pipeline.failed_checks() == []
