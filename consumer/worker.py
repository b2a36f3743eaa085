"""The loop: settle where to read, poll, decode while the batch before is being written."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

import sql
from consumer import metrics
from consumer.batch import Batch, Cursor, take
from consumer.decode import Rules
from consumer.log import Log
from consumer.positions import Position, read_positions
from consumer.settings import ConsumerSettings
from consumer.writer import DaysRefused, Fenced, Writer, halt
from schema.errors import Halted, Unavailable
from schema.telemetry import get_logger
from sql.pool import OUTAGES

_IDLE_POLL_MS: Final = 200
_WRITING_POLL_MS: Final = 5
_IDLE_NOTE_SECONDS: Final = 0.5
_RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
_HALT_CHECK_SECONDS: Final = 2.0
_REVOKE_SECONDS: Final = 2.0
_JOINING: Final = "joining the group"

logger = get_logger("consumer")


class Worker(ConsumerRebalanceListener):  # type: ignore[misc]
    """Moves events from the topic to the tables until asked to stop.

    Partitions are *unsettled* from their assignment, and after any failure, until their offset
    row was read and the reading was moved there. Only settled ones, those with a cursor, are read.
    """

    def __init__(self, settings: ConsumerSettings, kafka: AIOKafkaConsumer) -> None:
        self._settings = settings
        self._kafka = kafka
        self._log = Log(kafka, settings.topic)
        self._writer = Writer(settings)
        self._rules = Rules(settings.window, settings.dead_letter_limit)
        self._cursors: dict[int, Cursor] = {}
        self._halted: dict[int, Halted] = {}
        self._batch = self._new_batch()
        self._writing: asyncio.Task[None] | None = None
        self._stopping = False
        self._rebalancing = True
        self._problem: str | None = _JOINING
        self._failures = 0
        self._next_attempt_at = 0.0
        self._next_halt_check_at = 0.0
        self._next_note_at = 0.0

    def stop(self) -> None:
        """Ask the loop to write what it holds and return."""
        self._stopping = True

    def not_ready(self) -> str | None:
        """Return why this consumer does not do its work, or None."""
        if self._halted:
            partition, why = min(self._halted.items())
            return f"partition {partition} is halted: {why.reason}"
        return self._problem

    async def run(self) -> None:
        """Work until stopped; what was read by then is written."""
        self._kafka.subscribe([self._settings.topic], listener=self)
        while not self._stopping:
            await self._step()
        await self._start_writing()
        await self._finish_writing()
        self._writer.terminate()

    async def _step(self) -> None:
        if self._writing is not None and self._writing.done():
            await self._finish_writing()
        settled = await self._settle()
        if self._batch.is_full or (self._batch.is_due and self._writing is None):
            await self._start_writing()
        room = max(1, self._settings.batch_max_rows - self._batch.records)
        try:
            self._take(await self._log.poll(self._patience_ms() if settled else 50, room))
        except Unavailable as error:
            logger.debug("poll failed", error=str(error))
            self._unsettle()
            await asyncio.sleep(_RETRY_SECONDS[0] / 4)
        if self._batch.opened_at is None and self._writing is None:
            await self._note_idle()

    # The rebalance listener only sets flags; the offset rows fence what comes too late.

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Let the write under way finish within a bound, and forget what was read ahead."""
        self._rebalancing = True
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=_REVOKE_SECONDS)
        for tp in revoked:
            self._forget(tp.partition)
            self._halted.pop(tp.partition, None)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Leave the new partitions paused until they are settled."""
        self._rebalancing = False
        partitions = sorted(tp.partition for tp in assigned)
        for partition in partitions:
            self._forget(partition)
        if self._problem == _JOINING:
            self._problem = None
        logger.info("partitions assigned", partitions=partitions)

    # Reading.

    def _patience_ms(self) -> int:
        if self._writing is not None:
            return _WRITING_POLL_MS
        if self._batch.opened_at is None:
            return _IDLE_POLL_MS
        waited = time.monotonic() - self._batch.opened_at
        return max(1, int(1000 * (self._settings.batch_max_age_seconds - waited)))

    def _take(self, polled: Mapping[int, Sequence[Any]]) -> None:
        for partition, messages in polled.items():
            cursor = self._cursors.get(partition)
            if cursor is None:
                continue  # fetched before it was revoked or unsettled
            share = self._batch.share(partition, cursor)
            try:
                take(cursor, share, messages, self._rules)
            except Halted as reason:
                share.halt = reason
            if share.halt is not None:
                self._log.pause([partition])
                del self._cursors[partition]
            elif cursor.next_offset == self._log.end(partition):
                share.caught_up = self._log.polled_timestamp(partition)
            self._batch.records += len(messages)
            self._batch.size_bytes += sum(len(message.value or b"") for message in messages)

    # Writing.

    async def _start_writing(self) -> None:
        """Begin to write the batch, once the one before is written."""
        await self._finish_writing()
        if self._batch.opened_at is None:
            return  # the write before failed and took this batch with it
        self._writing = asyncio.create_task(self._write(self._batch))
        self._batch = self._new_batch()
        await asyncio.sleep(0)

    async def _finish_writing(self) -> None:
        writing, self._writing = self._writing, None
        if writing is None:
            return
        try:
            await writing
        except DaysRefused as error:
            self._rules.refused_days.update(error.days)
            logger.warning("days refused", days=len(error.days), first=str(min(error.days)))
            self._unsettle()
        except (Unavailable, *OUTAGES) as error:
            self._failed("PostgreSQL is away", error)
        except Exception as error:  # noqa: BLE001  (whatever it was, the offset rows tell)
            self._failed("a batch could not be written", error)
        else:
            self._failures = 0

    async def _write(self, batch: Batch) -> None:
        began = time.monotonic()
        while batch.shares:
            try:
                await self._writer.write(batch)
                break
            except Fenced as error:
                metrics.FENCED.inc(len(error.partitions))
                logger.warning("fenced", partitions=sorted(error.partitions))
                for partition in error.partitions:
                    del batch.shares[partition]
                    self._forget(partition)
        metrics.report(batch, time.monotonic() - began)
        for partition, share in batch.shares.items():
            if share.halt is not None:
                self._note_halt(partition, share.halt)

    def _failed(self, what: str, error: Exception) -> None:
        """Forget everything read ahead; try again after a pause that grows to two seconds."""
        metrics.FAILURES.inc()
        self._problem = what
        logger.warning(what, error=type(error).__name__, detail=str(error))
        self._writer.terminate()
        self._unsettle()
        pause = _RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS) - 1)]
        self._failures += 1
        self._next_attempt_at = time.monotonic() + pause

    def _unsettle(self) -> None:
        for partition in list(self._cursors):
            self._forget(partition)
        self._batch = self._new_batch()

    def _forget(self, partition: int) -> None:
        """Stop reading a partition until it is settled again."""
        self._cursors.pop(partition, None)
        self._batch.shares.pop(partition, None)
        self._log.pause([partition])

    # Settling.

    async def _settle(self) -> bool:
        """Move each unsettled partition to its offset row. False: not all could be."""
        now = time.monotonic()
        assigned = self._log.assigned()
        todo = assigned - (self._log.reading() & set(self._cursors)) - set(self._halted)
        if self._halted and now >= self._next_halt_check_at:
            self._next_halt_check_at = now + _HALT_CHECK_SECONDS
            todo |= assigned & set(self._halted)
        if not todo:
            return True
        if self._rebalancing or now < self._next_attempt_at:
            return False
        await self._finish_writing()
        try:
            bounds = await self._log.bounds(todo)
            connection = await self._writer.connection()
            positions = await read_positions(connection, self._settings.topic, bounds)
            for partition, position in positions.items():
                if position.halt is not None and not position.is_halted_already:
                    topic, why = self._settings.topic, position.halt
                    await halt(connection, topic, partition, why.reason, why.detail)
                self._go_on(partition, position)
        except (Unavailable, *OUTAGES) as error:
            self._failed("Kafka or PostgreSQL is away", error)
            return False
        self._problem = None
        return True

    def _go_on(self, partition: int, position: Position) -> None:
        if partition not in self._log.assigned():
            return
        if position.halt is not None:
            self._note_halt(partition, position.halt)
            return
        if self._halted.pop(partition, None):
            metrics.HALTED.labels(partition).set(0)
            logger.info("partition resumed", partition=partition)
        self._log.read_from(partition, position.seek_to)
        self._cursors[partition] = position.cursor

    def _note_halt(self, partition: int, why: Halted) -> None:
        if partition not in self._halted:
            logger.error("partition halted", partition=partition, reason=why.reason, why=why.detail)
        metrics.HALTED.labels(partition).set(1)
        self._halted[partition] = why
        self._forget(partition)

    # When there is nothing to write.

    async def _note_idle(self) -> None:
        """Twice a second: how far the log was read, in our rows and in Kafka's group."""
        now = time.monotonic()
        if now < self._next_note_at or not self._cursors:
            return
        self._next_note_at = now + _IDLE_NOTE_SECONDS
        try:
            await self._skip_what_has_no_records()
            await self._note_caught_up()
        except (Unavailable, *OUTAGES) as error:
            self._failed("Kafka or PostgreSQL is away", error)
            return
        try:
            await self._log.tell_group({p: c.next_offset for p, c in self._cursors.items()})
        except Unavailable as error:
            logger.debug("group not told", error=str(error))

    async def _skip_what_has_no_records(self) -> None:
        """Account for offsets the client has passed without a record, such as end markers."""
        for partition, cursor in list(self._cursors.items()):
            position = await self._log.position(partition)
            if position is None or cursor.anchor is not None:
                continue
            if position > cursor.next_offset:
                share = self._batch.share(partition, cursor)
                share.skipped += position - cursor.next_offset
                share.next_offset = cursor.next_offset = position

    async def _note_caught_up(self) -> None:
        read = []
        for partition, cursor in self._cursors.items():
            lag = (self._log.end(partition) or cursor.next_offset) - cursor.next_offset
            metrics.LAG.labels(partition).set(lag)
            polled = self._log.polled_timestamp(partition)
            if lag == 0 and polled is not None:
                read.append((partition, cursor.next_offset, polled))
        if not read:
            return
        partitions, next_offsets, caught_up = (list(column) for column in zip(*read, strict=True))
        query = sql.load("note_caught_up")
        values = query.bind(
            topic=self._settings.topic,
            partitions=partitions,
            next_offsets=next_offsets,
            caught_up=caught_up,
        )
        connection = await self._writer.connection()
        await connection.execute(query.text, *values)

    def _new_batch(self) -> Batch:
        settings = self._settings
        return Batch(
            settings.batch_max_rows,
            settings.batch_max_bytes,
            settings.batch_max_age_seconds,
            time.monotonic,
        )
