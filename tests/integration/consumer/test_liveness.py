import asyncio
import signal
import uuid
from collections.abc import Awaitable, Callable

import pytest

from consumer.__main__ import run
from consumer.topic import Topic
from schema.errors import Unavailable
from tests.conftest import Kafka, create_topic
from tests.integration.consumer.conftest import Pipeline, now_record
from tests.waiting import until


async def _hang() -> None:
    await asyncio.Event().wait()


async def _fail() -> None:
    raise Unavailable("Kafka: FencedInstanceIdError")


@pytest.mark.parametrize("fault", [_hang, _fail])
async def test_consumer_exits_when_it_polls_nothing_while_kafka_is_reachable(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, fault: Callable[[], Awaitable[None]]
) -> None:
    is_faulty = asyncio.Event()
    poll = Topic.poll

    async def poll_until_stored(topic: Topic, timeout_ms: int, max_records: int) -> object:
        if await pipeline.stored():
            is_faulty.set()
            await fault()
        return await poll(topic, timeout_ms, max_records)

    monkeypatch.setattr(Topic, "poll", poll_until_stored)
    await pipeline.produce([now_record()])
    settings = pipeline.settings.model_copy(update={"stall_timeout_seconds": 1.0})

    assert await asyncio.wait_for(run(settings), 30) == 1
    assert is_faulty.is_set()


async def test_consumer_is_not_ready_while_polls_fail(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pipeline.consumer() as worker:
        await pipeline.produce([now_record()])
        await pipeline.until_accounted(1)
        with monkeypatch.context() as fault:
            fault.setattr(Topic, "poll", lambda *_: _fail())
            await until(lambda: worker.not_ready() == "Kafka returns no records")
        await pipeline.produce([now_record()])
        await pipeline.until_accounted(2)
        assert worker.not_ready() is None


async def test_consumer_is_ready_once_its_topic_is_created(
    pipeline: Pipeline, kafka: Kafka
) -> None:
    topic = f"late.{uuid.uuid4()}"
    pipeline.settings = pipeline.settings.model_copy(update={"topic": topic})

    async with pipeline.consumer() as worker:
        await until(lambda: f"no topic {topic}: create it" in str(worker.not_ready()))
        await create_topic(kafka, topic, 1)
        await until(lambda: worker.not_ready() is None)
        await pipeline.produce([now_record()])
        await pipeline.until_accounted(1)


async def test_consumer_without_partitions_is_ready(pipeline: Pipeline, kafka: Kafka) -> None:
    topic = f"narrow.{uuid.uuid4()}"
    await create_topic(kafka, topic, 1)
    pipeline.settings = pipeline.settings.model_copy(update={"topic": topic})
    async with pipeline.consumer() as one, pipeline.consumer() as other:
        await until(lambda: one.not_ready() is None and other.not_ready() is None)
        assert len(one._topic.assigned() | other._topic.assigned()) == 1


async def test_idle_consumer_makes_progress(pipeline: Pipeline) -> None:
    async with pipeline.consumer() as worker:
        await pipeline.produce([now_record()])
        await pipeline.until_accounted(1)
        seconds = []
        for _ in range(30):
            await asyncio.sleep(0.1)
            seconds.append(worker.seconds_without_progress())
    assert max(seconds) < 2.0


async def test_sigterm_stops_the_consumer_while_the_broker_does_not_respond(
    pipeline: Pipeline,
) -> None:
    connected, disconnected = asyncio.Event(), asyncio.Event()

    async def never_respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()  # until the client disconnects
        writer.close()
        await writer.wait_closed()
        disconnected.set()

    server = await asyncio.start_server(never_respond, "127.0.0.1")
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    settings = pipeline.settings.model_copy(update={"kafka_bootstrap_servers": address})
    running = asyncio.create_task(run(settings))
    await connected.wait()
    signal.raise_signal(signal.SIGTERM)

    assert await asyncio.wait_for(running, 5) == 0
    server.close()
    await asyncio.wait_for(disconnected.wait(), 5)
