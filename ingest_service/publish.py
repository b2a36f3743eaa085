"""Events to Kafka, with group commit: while one batch is in flight, the next one fills."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from ingest_service import metrics
from ingest_service.settings import IngestSettings
from runtime.logging import get_logger
from runtime.tracing import record_headers
from runtime.transport import kafka_arguments, start
from schema import topics
from schema.event import Record, Retraction
from schema.wire import encode
from web.problems import unavailable

_KNOWN_KEYS: Final = 50_000
_RETRY_SECONDS: Final = 0.5
_START_SECONDS: Final = 2.0
_STOP_SECONDS: Final = 5.0
_ACK_TIMEOUT_SECONDS: Final = 5.0
_CHECK_SECONDS: Final = 0.1
_METADATA_SECONDS: Final = 5  # how soon partitions added to the topic are used

logger = get_logger("publisher")


@lru_cache(maxsize=_KNOWN_KEYS)
def _hash(post: int | str) -> int:
    """Return the hash of a key that the default partitioner of every Kafka client uses."""
    return int(murmur2(topics.partition_key(post)) & 0x7FFFFFFF)


class PendingRequest:
    """A request whose events are in flight.

    Args:
        events: how many there are.
        key_id: of the request's API key, for the record headers.
    """

    def __init__(self, events: int, key_id: str | None = None) -> None:
        self.acknowledged = [False] * events
        self.headers = record_headers(key_id)
        self.has_response = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._in_flight = events

    def settle(self, index: int, *, acknowledged: bool) -> None:
        """Record the outcome of one event."""
        self.acknowledged[index] = acknowledged
        self._in_flight -= 1
        if not self._in_flight:
            self.finish()
        if self.has_response and acknowledged:
            metrics.LATE_ACKS.inc()

    def finish(self) -> None:
        """Let the request continue with the outcomes known so far."""
        if not self.done.done():
            self.done.set_result(None)


class Timeouts:
    """Finishes requests whose events are not acknowledged in time.

    It checks the oldest ones ten times a second, which costs less than a timer for each request.
    All have the same timeout, so they expire in the order in which they were added.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._requests: deque[tuple[float, PendingRequest]] = deque()

    def add(self, request: PendingRequest) -> None:
        """Start the timeout of a request."""
        self._requests.append((time.monotonic() + self._seconds, request))

    async def run(self) -> None:
        """Check until cancelled."""
        requests = self._requests
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            now = time.monotonic()
            while requests and (requests[0][1].done.done() or requests[0][0] < now):
                requests.popleft()[1].finish()


class PendingEvent(NamedTuple):
    """One event in flight, and its position among the events of its request."""

    key: bytes
    value: bytes
    request: PendingRequest
    position: int


def fill(batch: Any, queue: deque[PendingEvent]) -> list[PendingEvent]:
    """Move events from the queue into a Kafka batch until it is full, and return them."""
    events = []
    now_ms = time.time_ns() // 1_000_000
    while queue:
        event = queue[0]
        appended = batch.append(
            key=event.key, value=event.value, timestamp=now_ms, headers=event.request.headers
        )
        if appended is None:
            break
        events.append(queue.popleft())
    return events


class Publisher:
    """Sends events with acks=all and returns which of them were acknowledged.

    One task per partition owns its batches, so that requests share them and none waits for a
    timer.
    """

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._arguments = kafka_arguments(settings)
        self._producer: AIOKafkaProducer | None = None
        self._partitions = 0
        self._queues: dict[int, deque[PendingEvent]] = {}
        self._wake: dict[int, asyncio.Event] = {}
        self._senders: list[asyncio.Task[None]] = []
        self._connecting: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._stopping = False
        self._sent_at: dict[int, float] = {}
        self._in_flight = 0
        self._timeouts = Timeouts(settings.produce_timeout_seconds)
        self._timing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start connecting to Kafka in the background."""
        self._drained = asyncio.get_running_loop().create_future()
        self._connecting = asyncio.create_task(self._connect())
        self._timing = asyncio.create_task(self._timeouts.run())

    async def until_connected(self) -> None:
        """Wait for the first connection to Kafka, at most two seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connected.wait(), _START_SECONDS)

    def not_ready(self) -> str | None:
        """Return why events cannot be accepted; None: they can."""
        if self._producer is None:
            return "no connection to Kafka"
        if any(sender.done() for sender in self._senders):
            return "the Kafka producer failed"
        oldest = min(self._sent_at.values(), default=None)
        if oldest is not None and time.monotonic() - oldest > _ACK_TIMEOUT_SECONDS:
            return "Kafka does not acknowledge"
        return None

    async def publish(
        self, records: Sequence[Record | Retraction], key_id: str | None = None
    ) -> list[bool]:
        """Return for each record whether it was acknowledged within the timeout.

        False means *unknown*: the event may still arrive, so the client must retry it unchanged.

        Args:
            records: of one request.
            key_id: of the request's API key.

        Raises:
            Problem: 503, Kafka is away or too many events are in flight. Nothing was sent.
        """
        if self.not_ready() is not None:
            raise unavailable("unavailable", "no connection to Kafka")
        if self._in_flight + len(records) > self._settings.max_in_flight_events:
            raise unavailable("too_many_in_flight", "too many events are in flight to Kafka")
        request = PendingRequest(len(records), key_id)
        touched = set()
        for position, record in enumerate(records):
            post = record.post_id or record.post or ""
            partition = _hash(post) % self._partitions
            event = PendingEvent(topics.partition_key(post), encode(record), request, position)
            self._queues[partition].append(event)
            touched.add(partition)
        self._in_flight += len(records)
        metrics.IN_FLIGHT.set(self._in_flight)
        for partition in touched:
            self._wake[partition].set()
        self._timeouts.add(request)
        await request.done
        request.has_response = True
        return request.acknowledged.copy()

    async def stop(self) -> None:
        """Wait a few seconds for the events in flight, then disconnect."""
        self._stopping = True
        if self._in_flight and self.not_ready() is None:
            await asyncio.wait({self._drained}, timeout=_STOP_SECONDS)
        tasks = [*self._senders, *filter(None, (self._connecting, self._timing))]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._disconnect()

    # The connection.

    async def _connect(self) -> None:
        """Connect, and connect again whenever a sender ends because the producer failed."""
        while True:
            producer = AIOKafkaProducer(
                **self._arguments,
                client_id="engage-ingest",
                acks="all",
                enable_idempotence=True,
                max_batch_size=topics.MAX_BATCH_BYTES,
                linger_ms=0,
                metadata_max_age_ms=_METADATA_SECONDS * 1000,
                request_timeout_ms=10_000,
            )
            try:
                await start(producer)
                partitions = len(await producer.partitions_for(self._settings.topic))
            except (KafkaError, OSError) as error:
                logger.warning("Kafka connection failed", error=type(error).__name__)
                await _stop(producer)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except asyncio.CancelledError:
                await _stop(producer)
                raise
            self._serve(producer, partitions)
            logger.info("Kafka connected", partitions=partitions)
            await self._until_broken(producer)
            logger.error("Kafka producer failed; reconnecting")
            for sender in self._senders:
                sender.cancel()
            await asyncio.gather(*self._senders, return_exceptions=True)
            await self._disconnect()

    def _serve(self, producer: AIOKafkaProducer, partitions: int) -> None:
        self._producer, self._senders = producer, []
        self._send_to(producer, partitions)
        self._connected.set()
        for partition in [p for p in self._queues if p >= partitions]:
            # The topic was created again with fewer partitions.
            self._settle(self._queues.pop(partition), acknowledged=False)

    def _send_to(self, producer: AIOKafkaProducer, partitions: int) -> None:
        for partition in range(len(self._senders), partitions):
            self._queues.setdefault(partition, deque())
            self._wake.setdefault(partition, asyncio.Event()).set()
            self._senders.append(asyncio.create_task(self._send_batches(producer, partition)))
        self._partitions = partitions

    async def _until_broken(self, producer: AIOKafkaProducer) -> None:
        """Return when a sender ends. Start senders for partitions that are added meanwhile."""
        while True:
            ended, _ = await asyncio.wait(
                self._senders, timeout=_METADATA_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if ended:
                return
            with contextlib.suppress(KafkaError):
                partitions = len(await producer.partitions_for(self._settings.topic))
                if partitions > self._partitions:
                    self._send_to(producer, partitions)
                    logger.info("partitions added", partitions=partitions)

    async def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    # One partition.

    async def _send_batches(self, producer: AIOKafkaProducer, partition: int) -> None:
        """Send the queue of a partition, batch by batch, until the producer fails."""
        queue, wake = self._queues[partition], self._wake[partition]
        while True:
            if not queue:
                wake.clear()
                await wake.wait()
            batch = producer.create_batch()
            events = fill(batch, queue)
            if not events:
                continue
            batch.close()
            began = self._sent_at[partition] = time.monotonic()
            is_acknowledged = False
            try:
                sent = await producer.send_batch(batch, self._settings.topic, partition=partition)
                await sent
                is_acknowledged = True
                metrics.PRODUCE_SECONDS.observe(time.monotonic() - began)
            except KafkaError as error:
                logger.warning(
                    "batch not acknowledged",
                    partition=partition,
                    events=len(events),
                    error=type(error).__name__,
                )
                if not getattr(error, "retriable", False):
                    raise
            finally:
                # Also when the producer failed in another sender, which cancels this one.
                del self._sent_at[partition]
                self._settle(events, acknowledged=is_acknowledged)

    def _settle(self, events: Sequence[PendingEvent], *, acknowledged: bool) -> None:
        self._in_flight -= len(events)
        if self._stopping and not self._in_flight and not self._drained.done():
            self._drained.set_result(None)
        metrics.IN_FLIGHT.set(self._in_flight)
        if acknowledged:
            metrics.ACKNOWLEDGED.inc(len(events))
        for event in events:
            event.request.settle(event.position, acknowledged=acknowledged)


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer with a timeout, because it hangs with a pending batch and no broker."""
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        logger.warning("Kafka producer not stopped cleanly", error=type(error).__name__)
