"""Events into Kafka by group commit: while a batch is on its way, the next one gathers."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from ingest_service import metrics
from ingest_service.settings import IngestSettings
from ingest_service.waiting import Deadline, Entry, Waiter, fill
from schema.errors import Unavailable
from schema.event import Record, Retraction
from schema.telemetry import get_logger
from schema.topics import partition_key
from schema.transport import kafka_arguments, start
from schema.wire import encode

_BATCH_BYTES: Final = 512 * 1024
_KNOWN_KEYS: Final = 50_000
_RETRY_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 2.0
_STOP_SECONDS: Final = 5.0
_SILENCE_SECONDS: Final = 5.0
_METADATA_SECONDS: Final = 5  # how soon partitions added to the topic are noticed

logger = get_logger("publisher")


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
        self._connected = asyncio.Event()
        self._stopping = False
        self._sent_at: dict[int, float] = {}
        self._waiting = 0
        self._deadline = Deadline(settings.produce_deadline_seconds)
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect; `not_ready` tells how it goes."""
        self._drained = asyncio.get_running_loop().create_future()
        self._connecting = asyncio.create_task(self._connect())
        self._watching = asyncio.create_task(self._deadline.run())

    async def until_connected(self) -> None:
        """Return when Kafka has answered for the first time, or not for a while."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._connected.wait(), _PATIENCE_SECONDS)

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
        self._deadline.watch(waiter)
        await waiter.all_settled
        waiter.is_gone = True
        return waiter.acknowledged.copy()

    async def stop(self) -> None:
        """Let what waits be acknowledged, within a bound, and disconnect."""
        self._stopping = True
        if self._waiting and self.not_ready() is None:
            await asyncio.wait({self._drained}, timeout=_STOP_SECONDS)
        tasks = [*self._senders, *filter(None, (self._connecting, self._watching))]
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
                await start(producer)
                partitions = len(await producer.partitions_for(self._settings.topic))
            except (KafkaError, OSError) as error:
                logger.warning("Kafka is away", error=type(error).__name__)
                await _stop(producer)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except asyncio.CancelledError:
                await _stop(producer)
                raise
            self._serve(producer, partitions)
            logger.info("connected", partitions=partitions)
            await self._until_broken(producer)
            logger.error("the producer failed; making a new one")
            for sender in self._senders:
                sender.cancel()
            await asyncio.gather(*self._senders, return_exceptions=True)
            await self._disconnect()

    def _serve(self, producer: AIOKafkaProducer, partitions: int) -> None:
        self._producer, self._senders = producer, []
        self._send_to(producer, partitions)
        self._connected.set()
        for partition in [p for p in self._queues if p >= partitions]:
            # Of a topic that was made anew with fewer.
            self._settle(self._queues.pop(partition), acknowledged=False)

    def _send_to(self, producer: AIOKafkaProducer, partitions: int) -> None:
        for partition in range(len(self._senders), partitions):
            self._queues.setdefault(partition, deque())
            self._wake.setdefault(partition, asyncio.Event()).set()
            self._senders.append(asyncio.create_task(self._send_batches(producer, partition)))
        self._partitions = partitions

    async def _until_broken(self, producer: AIOKafkaProducer) -> None:
        """Return when a sender ends; partitions that the topic gets meanwhile are sent to."""
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
                    logger.info("partitions were added", partitions=partitions)

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
            entries = fill(batch, queue)
            if not entries:
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
                what = {"partition": partition, "events": len(entries)}
                logger.warning("batch failed", **what, error=type(error).__name__)
                if not getattr(error, "retriable", False):
                    raise
            finally:
                # Also when this sender is cancelled, because the producer failed in another.
                del self._sent_at[partition]
                self._settle(entries, acknowledged=is_acknowledged)

    def _settle(self, entries: Sequence[Entry], *, acknowledged: bool) -> None:
        self._waiting -= len(entries)
        if self._stopping and not self._waiting and not self._drained.done():
            self._drained.set_result(None)
        metrics.WAITING.set(self._waiting)
        if acknowledged:
            metrics.ACKNOWLEDGED.inc(len(entries))
        for entry in entries:
            entry.waiter.settle(entry.place, acknowledged=acknowledged)


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer within a bound: with a pending batch and no broker it would hang."""
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        logger.warning("producer not stopped in order", error=type(error).__name__)
