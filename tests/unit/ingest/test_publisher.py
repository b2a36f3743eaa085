"""What the publisher does when its producer breaks or falls silent; the broker is a fake here."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber, RequestTimedOutError

from ingest_service import publisher as module
from ingest_service.publisher import Publisher
from ingest_service.settings import IngestSettings
from schema.errors import Unavailable
from tests.factories import record


class Batch:
    """As much of a batch as is needed: three events fit."""

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
    """Makes producers, and decides what becomes of their batches."""

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


@pytest.fixture
async def publisher(broker: Broker) -> AsyncIterator[Publisher]:
    assert broker.producers == 0
    publisher = Publisher(IngestSettings(produce_deadline_seconds=0.2, max_waiting_events=10))
    publisher.start()
    await until(lambda: publisher.not_ready() is None)
    yield publisher
    await publisher.stop()


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 2
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def test_a_producer_that_is_still_connecting_is_stopped_too(broker: Broker) -> None:
    broker.is_away = True
    publisher = Publisher(IngestSettings())
    publisher.start()
    await until(lambda: broker.producers == 1)

    await publisher.stop()
    assert broker.stopped == 1


@pytest.mark.parametrize("is_away", [False, True])
async def test_a_start_waits_for_kafka_but_not_for_ever(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.05)
    broker.is_away = is_away
    publisher = Publisher(IngestSettings())
    publisher.start()
    await publisher.until_connected()

    assert (publisher.not_ready() is not None) == is_away
    await publisher.stop()


async def test_events_that_share_no_batch_are_all_acknowledged(
    broker: Broker, publisher: Publisher
) -> None:
    assert await publisher.publish([record() for _ in range(7)]) == [True] * 7
    assert len(broker.events) == 7


async def test_after_a_fatal_error_a_new_producer_is_made(
    broker: Broker, publisher: Publisher
) -> None:
    broker.errors = [OutOfOrderSequenceNumber()]

    assert await publisher.publish([record()]) == [False]
    await until(lambda: broker.producers == 2 and publisher.not_ready() is None)
    assert await publisher.publish([record()]) == [True]


async def test_after_an_error_that_may_pass_the_producer_stays(
    broker: Broker, publisher: Publisher
) -> None:
    broker.errors = [RequestTimedOutError()]

    assert await publisher.publish([record()]) == [False]
    assert await publisher.publish([record()]) == [True]
    assert broker.producers == 1


async def test_a_silent_broker_is_waited_for_within_the_deadline(
    broker: Broker, publisher: Publisher
) -> None:
    broker.is_silent = True
    began = time.monotonic()

    assert await publisher.publish([record()]) == [False]
    assert time.monotonic() - began < 1
    broker.is_silent = False
    broker.answers.set()


async def test_when_too_much_waits_more_is_refused_at_once(
    broker: Broker, publisher: Publisher
) -> None:
    broker.is_silent = True
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(publisher.publish([record() for _ in range(10)]))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="too many events wait"):
            await publisher.publish([record()])
        broker.is_silent = False
        broker.answers.set()
    assert waiting.result() == [True] * 10
    assert await publisher.publish([record()]) == [True]


async def test_a_late_acknowledgement_is_counted(broker: Broker, publisher: Publisher) -> None:
    before = module.metrics.LATE_ACKS._value.get()
    broker.is_silent = True
    assert await publisher.publish([record()]) == [False]
    broker.is_silent = False
    broker.answers.set()

    await until(lambda: module.metrics.LATE_ACKS._value.get() == before + 1)


async def test_a_silent_broker_does_not_hold_the_stop(broker: Broker) -> None:
    publisher = Publisher(IngestSettings(produce_deadline_seconds=0.05))
    publisher.start()
    await until(lambda: publisher.not_ready() is None)
    broker.is_silent = True
    assert await publisher.publish([record()]) == [False]

    async with asyncio.timeout(2):
        await publisher.stop()


async def test_when_one_partition_fails_what_was_on_its_way_to_others_is_unknown_at_once(
    broker: Broker,
) -> None:
    broker.partitions, broker.silent_partitions = 2, {1}
    publisher = Publisher(IngestSettings(produce_deadline_seconds=60, max_waiting_events=1))
    publisher.start()
    await until(lambda: publisher.not_ready() is None)
    on_its_way = asyncio.create_task(publisher.publish([record(post_id=_post_of(1))]))
    await until(lambda: broker.sent_to == {1})
    publisher._senders[0].cancel()  # as if its producer had failed

    async with asyncio.timeout(2):
        assert await on_its_way == [False]
    await until(lambda: broker.producers == 2 and publisher.not_ready() is None)
    broker.silent_partitions.clear()
    assert await publisher.publish([record(post_id=_post_of(1))]) == [True]  # there is room again
    await publisher.stop()


async def test_partitions_that_are_added_are_sent_to(broker: Broker, publisher: Publisher) -> None:
    broker.partitions = 2
    await until(lambda: publisher._partitions == 2)

    assert await publisher.publish([record(post_id=_post_of(1))]) == [True]
    assert broker.sent_to == {1}
    assert broker.producers == 1


async def test_what_waits_for_a_partition_that_is_gone_is_unknown(broker: Broker) -> None:
    broker.partitions, broker.silent_partitions = 2, {1}
    publisher = Publisher(IngestSettings(produce_deadline_seconds=60, max_waiting_events=2))
    publisher.start()
    await until(lambda: publisher.not_ready() is None)
    waiting = [asyncio.create_task(publisher.publish([record(post_id=_post_of(1))]))]
    await until(lambda: broker.sent_to == {1})
    waiting.append(asyncio.create_task(publisher.publish([record(post_id=_post_of(1))])))
    await asyncio.sleep(0)
    broker.partitions = 1
    publisher._senders[1].cancel()

    async with asyncio.timeout(2):
        assert await asyncio.gather(*waiting) == [[False], [False]]
    await until(lambda: publisher.not_ready() is None)
    assert await publisher.publish([record(post_id=_post_of(1))] * 2) == [True, True]
    await publisher.stop()


def _post_of(partition: int) -> int:
    """Return a post whose events go to this one of two partitions."""
    return next(post for post in range(1, 100) if module._hash(post) % 2 == partition)
