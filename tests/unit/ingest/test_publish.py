"""The publisher when its producer fails or the broker does not respond; the broker is a fake."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber, RequestTimedOutError

from ingest_service import publish as module
from ingest_service.publish import Publisher
from ingest_service.settings import IngestSettings
from schema.event import Record
from tests.factories import record
from tests.waiting import until
from web.problems import Problem


class Batch:
    """A fake batch for three events."""

    def __init__(self) -> None:
        self.events: list[bytes] = []

    def append(self, *, value: bytes, **_: Any) -> object | None:
        if len(self.events) == 3:
            return None
        self.events.append(value)
        return object()

    def close(self) -> None:
        """Nothing is compressed."""


class Broker:
    """Creates producers, and decides the outcome of their batches."""

    def __init__(self) -> None:
        self.producers = 0
        self.events: list[bytes] = []
        self.errors: list[KafkaError] = []
        self.partitions = 1
        self.stopped = 0
        self.is_away = False
        self.is_silent = False
        self.silent_partitions: set[int] = set()
        self.sent_to: set[int] = set()
        self.answers = asyncio.Event()

    def producer(self, **_: Any) -> "Producer":
        self.producers += 1
        return Producer(self)


class Producer:
    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    async def start(self) -> None:
        if self.broker.is_away:
            await asyncio.Event().wait()

    async def stop(self) -> None:
        self.broker.stopped += 1
        if self.broker.is_silent:
            await asyncio.Event().wait()

    async def partitions_for(self, _topic: str) -> set[int]:
        return set(range(self.broker.partitions))

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, _topic: str, partition: int) -> asyncio.Future[None]:
        outcome = asyncio.get_running_loop().create_future()
        self.broker.sent_to.add(partition)
        if self.broker.is_silent or partition in self.broker.silent_partitions:
            await self.broker.answers.wait()
        if self.broker.errors:
            outcome.set_exception(self.broker.errors.pop(0))
        else:
            self.broker.events += batch.events
            outcome.set_result(None)
        return outcome


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(module, "AIOKafkaProducer", broker.producer)
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(module, "_STOP_SECONDS", 0.05)
    monkeypatch.setattr(module, "_METADATA_SECONDS", 0.01)
    return broker


@asynccontextmanager
async def connected(**settings: Any) -> AsyncIterator[Publisher]:
    """Connect a publisher; it is stopped when the block ends."""
    publisher = Publisher(IngestSettings(**settings))
    publisher.start()
    await until(lambda: publisher.not_ready() is None)
    yield publisher
    async with asyncio.timeout(2):
        await publisher.stop()


@pytest.fixture
async def publisher(broker: Broker) -> AsyncIterator[Publisher]:
    async with connected(produce_timeout_seconds=0.2, max_in_flight_events=10) as publisher:
        yield publisher


def record_of(partition: int) -> Record:
    """Return a record of a post in one of two partitions."""
    post = next(post for post in range(1, 100) if module._hash(post) % 2 == partition)
    return record(post_id=post)


@pytest.mark.parametrize("is_away", [False, True])
async def test_start_waits_for_kafka_with_a_timeout_and_stop_closes_the_producer(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    monkeypatch.setattr(module, "_START_SECONDS", 0.05)
    broker.is_away = is_away
    publisher = Publisher(IngestSettings())
    publisher.start()
    await publisher.until_connected()
    assert (publisher.not_ready() is not None) == is_away

    await publisher.stop()
    assert broker.stopped == broker.producers == 1


async def test_events_of_several_batches_are_all_acknowledged(
    broker: Broker, publisher: Publisher
) -> None:
    assert await publisher.publish([record() for _ in range(7)]) == [True] * 7
    assert len(broker.events) == 7


@pytest.mark.parametrize(
    ("error", "producers"), [(OutOfOrderSequenceNumber(), 2), (RequestTimedOutError(), 1)]
)
async def test_producer_is_replaced_after_a_fatal_error_and_kept_after_a_retriable_one(
    broker: Broker, publisher: Publisher, error: KafkaError, producers: int
) -> None:
    broker.errors = [error]

    assert await publisher.publish([record()]) == [False]
    await until(lambda: broker.producers == producers and publisher.not_ready() is None)
    assert await publisher.publish([record()]) == [True]
    assert broker.producers == producers


async def test_events_are_unknown_after_the_timeout_and_late_acknowledgements_are_counted(
    broker: Broker, publisher: Publisher
) -> None:
    before = module.metrics.LATE_ACKS._value.get()
    broker.is_silent = True
    async with asyncio.timeout(1):
        assert await publisher.publish([record()]) == [False]
    broker.is_silent = False
    broker.answers.set()

    await until(lambda: module.metrics.LATE_ACKS._value.get() == before + 1)


async def test_events_are_rejected_immediately_when_too_many_are_in_flight(
    broker: Broker, publisher: Publisher
) -> None:
    broker.is_silent = True
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(publisher.publish([record() for _ in range(10)]))
        await asyncio.sleep(0)
        with pytest.raises(Problem, match="too_many_in_flight"):
            await publisher.publish([record()])
        broker.is_silent = False
        broker.answers.set()
    assert waiting.result() == [True] * 10
    assert await publisher.publish([record()]) == [True]


async def test_stop_has_a_timeout_when_the_broker_does_not_respond(broker: Broker) -> None:
    async with connected(produce_timeout_seconds=0.05) as publisher:
        broker.is_silent = True
        assert await publisher.publish([record()]) == [False]
    assert broker.stopped == 1


async def test_events_in_flight_are_unknown_immediately_when_another_partition_fails(
    broker: Broker,
) -> None:
    broker.partitions, broker.silent_partitions = 2, {1}
    async with connected(produce_timeout_seconds=60, max_in_flight_events=1) as publisher:
        in_flight = asyncio.create_task(publisher.publish([record_of(1)]))
        await until(lambda: broker.sent_to == {1})
        publisher._senders[0].cancel()  # as if its producer had failed

        async with asyncio.timeout(2):
            assert await in_flight == [False]
        await until(lambda: broker.producers == 2 and publisher.not_ready() is None)
        broker.silent_partitions.clear()
        assert await publisher.publish([record_of(1)]) == [True]  # there is room again


async def test_added_partitions_are_used(broker: Broker, publisher: Publisher) -> None:
    broker.partitions = 2
    await until(lambda: publisher._partitions == 2)

    assert await publisher.publish([record_of(1)]) == [True]
    assert broker.sent_to == {1}
    assert broker.producers == 1


async def test_events_in_flight_are_unknown_when_their_partition_is_removed(broker: Broker) -> None:
    broker.partitions, broker.silent_partitions = 2, {1}
    async with connected(produce_timeout_seconds=60, max_in_flight_events=2) as publisher:
        waiting = [asyncio.create_task(publisher.publish([record_of(1)]))]
        await until(lambda: broker.sent_to == {1})
        waiting.append(asyncio.create_task(publisher.publish([record_of(1)])))
        await asyncio.sleep(0)
        broker.partitions = 1
        publisher._senders[1].cancel()

        async with asyncio.timeout(2):
            assert await asyncio.gather(*waiting) == [[False], [False]]
        await until(lambda: publisher.not_ready() is None)
        assert await publisher.publish([record_of(1)] * 2) == [True, True]
