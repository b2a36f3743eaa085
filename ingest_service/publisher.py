"""Events into Kafka by group commit: while a batch is on its way, the next one gathers."""

import asyncio
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
from schema.errors import Unavailable
from schema.event import Record, Retraction, encode
from schema.telemetry import get_logger
from schema.topics import RECORD_HEADERS, partition_key
from schema.transport import kafka_arguments

_BATCH_BYTES: Final = 512 * 1024
_KNOWN_KEYS: Final = 50_000
_RETRY_SECONDS: Final = 0.5
_STOP_SECONDS: Final = 5.0
_SILENCE_SECONDS: Final = 5.0
_METADATA_SECONDS: Final = 5

logger = get_logger("publisher")


class Waiter:
    """One request that waits for the acknowledgement of its events."""

    def __init__(self, events: int) -> None:
        self.acknowledged = [False] * events
        self.is_gone = False
        self.all_settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open = events

    def settle(self, place: int, *, acknowledged: bool) -> None:
        """Note the outcome of one event."""
        self.acknowledged[place] = acknowledged
        self._open -= 1
        if not self._open and not self.all_settled.done():
            self.all_settled.set_result(None)
        if self.is_gone and acknowledged:
            metrics.LATE_ACKS.inc()


class Entry(NamedTuple):
    """One event on its way, and the place in its request that learns the outcome."""

    key: bytes
    value: bytes
    waiter: Waiter
    place: int


@lru_cache(maxsize=_KNOWN_KEYS)
def _hash(post: int | str) -> int:
    """Return the hash by which every Kafka client's default partitioner places this key."""
    return int(murmur2(partition_key(post)) & 0x7FFFFFFF)


class Publisher:
    """Sends events and tells which of them the broker has acknowledged with acks=all.

    One task a partition owns its batches, so requests share them and none waits for a timer.
    """

    def __init__(self, settings: IngestSettings) -> None:
        self._settings = settings
        self._arguments = kafka_arguments(settings)
        self._producer: AIOKafkaProducer | None = None
        self._partitions = 0
        self._queues: dict[int, deque[Entry]] = {}
        self._wake: dict[int, asyncio.Event] = {}
        self._senders: list[asyncio.Task[None]] = []
        self._connecting: asyncio.Task[None] | None = None
        self._stopping = False
        self._sent_at: dict[int, float] = {}
        self._waiting = 0

    def start(self) -> None:
        """Begin to connect; `not_ready` tells how it goes."""
        self._drained = asyncio.get_running_loop().create_future()
        self._connecting = asyncio.create_task(self._connect())

    def not_ready(self) -> str | None:
        """Return why events cannot be accepted, or None."""
        if self._producer is None:
            return "no connection to Kafka"
        if any(sender.done() for sender in self._senders):
            return "the producer failed"
        oldest = min(self._sent_at.values(), default=None)
        if oldest is not None and time.monotonic() - oldest > _SILENCE_SECONDS:
            return "Kafka does not acknowledge"
        return None

    async def publish(self, records: Sequence[Record | Retraction]) -> list[bool]:
        """Return for each record whether the broker acknowledged it within the deadline.

        A False means *unknown*: the event may still arrive, so it must be sent again unchanged.

        Raises:
            Unavailable: Kafka is away or too much waits; no event was handed over.
        """
        if self.not_ready() is not None:
            raise Unavailable("no connection to Kafka")
        if self._waiting + len(records) > self._settings.max_waiting_events:
            raise Unavailable("too many events wait for Kafka")
        waiter = Waiter(len(records))
        touched = set()
        for place, record in enumerate(records):
            post = record.post_id or record.post or ""
            partition = _hash(post) % self._partitions
            entry = Entry(partition_key(post), encode(record), waiter, place)
            self._queues[partition].append(entry)
            touched.add(partition)
        self._waiting += len(records)
        metrics.WAITING.set(self._waiting)
        for partition in touched:
            self._wake[partition].set()
        await asyncio.wait({waiter.all_settled}, timeout=self._settings.produce_deadline_seconds)
        waiter.is_gone = True
        return waiter.acknowledged.copy()

    async def stop(self) -> None:
        """Let what waits be acknowledged, within a bound, and disconnect."""
        self._stopping = True
        if self._waiting and self.not_ready() is None:
            await asyncio.wait({self._drained}, timeout=_STOP_SECONDS)
        tasks = [*self._senders, *([self._connecting] if self._connecting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._disconnect()

    # The connection.

    async def _connect(self) -> None:
        """Connect, and connect anew whenever a sender ends: its producer failed for good."""
        while True:
            producer = AIOKafkaProducer(
                **self._arguments,
                client_id="engage-ingest",
                acks="all",
                enable_idempotence=True,
                max_batch_size=_BATCH_BYTES,
                linger_ms=0,
                metadata_max_age_ms=_METADATA_SECONDS * 1000,
                request_timeout_ms=10_000,
            )
            try:
                await producer.start()
                self._partitions = len(await producer.partitions_for(self._settings.topic))
            except (KafkaError, OSError) as error:
                logger.warning("Kafka is away", error=type(error).__name__)
                await _stop(producer)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self._serve(producer)
            logger.info("connected", partitions=self._partitions)
            await asyncio.wait(self._senders, return_when=asyncio.FIRST_COMPLETED)
            logger.error("the producer failed; making a new one")
            for sender in self._senders:
                sender.cancel()
            await asyncio.gather(*self._senders, return_exceptions=True)
            await self._disconnect()

    def _serve(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        for partition in range(self._partitions):
            self._queues.setdefault(partition, deque())
            self._wake.setdefault(partition, asyncio.Event()).set()
        self._senders = [
            asyncio.create_task(self._send_batches(producer, partition))
            for partition in range(self._partitions)
        ]

    async def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    # One partition.

    async def _send_batches(self, producer: AIOKafkaProducer, partition: int) -> None:
        """Send what waits, one batch after the other; ends when the producer is broken."""
        queue, wake = self._queues[partition], self._wake[partition]
        while True:
            if not queue:
                wake.clear()
                await wake.wait()
            batch = producer.create_batch()
            entries = _fill(batch, queue)
            if not entries:
                continue
            batch.close()
            began = self._sent_at[partition] = time.monotonic()
            try:
                sent = await producer.send_batch(batch, self._settings.topic, partition=partition)
                await sent
            except KafkaError as error:
                logger.warning("batch failed", partition=partition, error=type(error).__name__)
                self._settle(entries, acknowledged=False)
                if not getattr(error, "retriable", False):
                    raise
            else:
                metrics.PRODUCE_SECONDS.observe(time.monotonic() - began)
                self._settle(entries, acknowledged=True)
            finally:
                del self._sent_at[partition]

    def _settle(self, entries: Sequence[Entry], *, acknowledged: bool) -> None:
        self._waiting -= len(entries)
        if self._stopping and not self._waiting and not self._drained.done():
            self._drained.set_result(None)
        metrics.WAITING.set(self._waiting)
        for entry in entries:
            entry.waiter.settle(entry.place, acknowledged=acknowledged)


def _fill(batch: Any, queue: deque[Entry]) -> list[Entry]:
    """Move entries from the queue into the batch until it is full."""
    entries = []
    now_ms = time.time_ns() // 1_000_000
    headers = list(RECORD_HEADERS)
    while queue:
        entry = queue[0]
        if (
            batch.append(key=entry.key, value=entry.value, timestamp=now_ms, headers=headers)
            is None
        ):
            break
        entries.append(queue.popleft())
    return entries


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer within a bound: with a pending batch and no broker it would hang."""
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        logger.warning("producer not stopped in order", error=type(error).__name__)
