"""Ready, waiting or stuck: what a consumer tells of itself, and when it ends by itself."""

import asyncio
import signal
import uuid
from collections.abc import Awaitable, Callable

import pytest

from consumer.__main__ import run
from consumer.log import Log
from schema.errors import Unavailable
from tests.conftest import Kafka, create_topic
from tests.integration.consumer.conftest import Pipeline, now_record, until


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
