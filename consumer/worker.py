"""The loop: settle where to read, poll, decode while the batch before is being written."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

import sql
from consumer import metrics
from consumer.batch import Batch, Cursor, take
from consumer.decode import Rules, instant
from consumer.positions import LogBounds, read_positions
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
_KAFKA_QUESTION_SECONDS: Final = 5.0
_REVOKE_SECONDS: Final = 2.0
_JOINING: Final = "joining the group"

logger = get_logger("consumer")


class Worker(ConsumerRebalanceListener):  # type: ignore[misc]
    """Moves events from the topic to the tables until asked to stop.

    Partitions are *unsettled* from their assignment, and after any failure, until their offset
    row was read and the reading was moved there. Only settled ones are read.
    """

    def __init__(self, settings: ConsumerSettings, consumer: AIOKafkaConsumer) -> None:
        self._settings = settings
        self._kafka = consumer
        self._writer = Writer(settings)
        self._rules = Rules(settings.window, settings.dead_letter_limit)
        self._cursors: dict[int, Cursor] = {}
        self._halted: dict[int, Halted] = {}
        self._writing: asyncio.Task[None] | None = None
        self._batch = self._new_batch()
        self._stopping = asyncio.Event()
        self._failures = 0
        self._next_attempt_at = 0.0
        self._next_halt_check_at = 0.0
        self._next_note_at = 0.0
        self._problem: str | None = _JOINING

    def stop(self) -> None:
        """Ask the loop to finish what it holds and return."""
        self._stopping.set()

    def not_ready(self) -> str | None:
        """Return why this consumer does not do its work, or None."""
        if self._halted:
            partition, why = min(self._halted.items())
            return f"partition {partition} is halted: {why.reason}"
        return self._problem

    async def run(self) -> None:
        """Work until stopped; what was read by then is written."""
        self._kafka.subscribe([self._settings.topic], listener=self)
        while not self._stopping.is_set():
            await self._step()
        if self._batch.opened_at is not None:
            await self._write_pending()
        await self._finish_write()
        self._writer.terminate()

    # The rebalance listener: flags only, the loop does the work.

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Let the write under way finish within a bound, and forget what was read ahead."""
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=_REVOKE_SECONDS)
        for tp in revoked:
            self._forget(tp.partition)
            self._halted.pop(tp.partition, None)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Leave the new partitions paused until they are settled."""
        self._kafka.pause(*assigned)
        if self._problem == _JOINING:
            self._problem = None
        logger.info("partitions assigned", partitions=sorted(tp.partition for tp in assigned))

    # One turn of the loop.

    async def _step(self) -> None:
        if self._writing is not None and self._writing.done():
            await self._finish_write()
        if not await self._settle():
            await self._poll(_IDLE_POLL_MS)
            return
        if self._batch.is_full or (self._batch.is_due and self._writing is None):
            await self._write_pending()
        self._take(await self._poll(self._patience_ms()))
        if self._batch.opened_at is None and self._writing is None:
            await self._note_idle()

    def _patience_ms(self) -> int:
        if self._writing is not None:
            return _WRITING_POLL_MS
        if self._batch.opened_at is None:
            return _IDLE_POLL_MS
        waited = time.monotonic() - self._batch.opened_at
        return max(1, int(1000 * (self._settings.batch_max_age_seconds - waited)))

    async def _poll(self, timeout_ms: int) -> Mapping[TopicPartition, Sequence[Any]]:
        room = max(1, self._settings.batch_max_rows - self._batch.records)
        try:
            polled: Mapping[TopicPartition, Sequence[Any]] = await self._kafka.getmany(
                timeout_ms=timeout_ms, max_records=room
            )
        except KafkaError as error:
            # No position yet, or one outside the log: reading the offset rows again tells.
            logger.debug("poll failed", error=type(error).__name__)
            self._unsettle()
            await asyncio.sleep(0.05)
            return {}
        return polled

    def _take(self, polled: Mapping[TopicPartition, Sequence[Any]]) -> None:
        for tp, messages in polled.items():
            cursor = self._cursors.get(tp.partition)
            if cursor is None:
                continue
            share = self._batch.share(tp.partition, cursor)
            try:
                take(cursor, share, messages, self._rules)
            except Halted as reason:
                share.halt = reason
            if share.halt is not None:
                self._kafka.pause(tp)
                del self._cursors[tp.partition]
            elif cursor.next_offset == self._kafka.highwater(tp):
                share.caught_up = instant(self._kafka.last_poll_timestamp(tp))
            self._batch.records += len(messages)
            self._batch.size_bytes += sum(len(message.value or b"") for message in messages)

    # Writing.

    async def _write_pending(self) -> None:
        """Start writing the batch, once the one before is written."""
        await self._finish_write()
        if self._batch.opened_at is None:
            return  # the write before failed and took this batch with it
        self._writing = asyncio.create_task(self._write(self._batch))
        self._batch = self._new_batch()
        await asyncio.sleep(0)

    async def _finish_write(self) -> None:
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
                    batch.shares.pop(partition, None)
                    self._forget(partition)
        self._report(batch, time.monotonic() - began)

    def _report(self, batch: Batch, seconds: float) -> None:
        shares = batch.shares.values()
        rows = sum(len(share.rows) for share in shares)
        metrics.STORED.inc(rows)
        metrics.DUPLICATES.inc(sum(share.duplicates for share in shares))
        metrics.SKIPPED.inc(sum(share.skipped for share in shares))
        metrics.BATCH_ROWS.observe(rows)
        metrics.WRITE_SECONDS.observe(seconds)
        if rows:
            oldest = min(row[5] for share in shares for row in share.rows)
            metrics.END_TO_END_SECONDS.observe((datetime.now(UTC) - oldest).total_seconds())
        for partition, share in batch.shares.items():
            for letter in share.dead:
                metrics.DEAD_LETTERS.labels(letter.reason).inc()
                logger.warning(
                    "dead letter", partition=partition, offset=letter.offset, reason=letter.reason
                )
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
        tp = TopicPartition(self._settings.topic, partition)
        if tp in self._kafka.assignment():
            self._kafka.pause(tp)

    # Settling.

    async def _settle(self) -> bool:
        """Move each unsettled partition to its offset row. False: not all could be."""
        now = time.monotonic()
        assigned = {tp.partition for tp in self._kafka.assignment()}
        todo = assigned - set(self._cursors) - set(self._halted)
        if self._halted and now >= self._next_halt_check_at:
            self._next_halt_check_at = now + _HALT_CHECK_SECONDS
            todo |= set(self._halted) & assigned
        if not todo:
            return True
        if now < self._next_attempt_at:
            return False
        await self._finish_write()
        try:
            await self._move(todo)
        except (Unavailable, *OUTAGES) as error:
            self._failed("PostgreSQL is away", error)
            return False
        except KafkaError as error:
            self._failed("Kafka is away", error)
            return False
        self._problem = None
        return True

    async def _move(self, partitions: set[int]) -> None:
        topic = self._settings.topic
        tps = {p: TopicPartition(topic, p) for p in partitions}
        async with asyncio.timeout(_KAFKA_QUESTION_SECONDS):
            starts = await self._kafka.beginning_offsets(list(tps.values()))
            ends = await self._kafka.end_offsets(list(tps.values()))
        bounds = {p: LogBounds(starts[tp], ends[tp]) for p, tp in tps.items()}
        connection = await self._writer.connection()
        positions = await read_positions(connection, topic, bounds)
        assignment = self._kafka.assignment()
        for partition, found in positions.items():
            if tps[partition] not in assignment:
                continue
            if found.halt is not None:
                if not found.is_halted_already:
                    await halt(connection, topic, partition, found.halt.reason, found.halt.detail)
                self._note_halt(partition, found.halt)
                continue
            if self._halted.pop(partition, None):
                metrics.HALTED.labels(partition).set(0)
                logger.info("partition resumed", partition=partition)
            self._kafka.seek(tps[partition], found.seek_to)
            self._kafka.resume(tps[partition])
            self._cursors[partition] = found.cursor

    def _note_halt(self, partition: int, why: Halted) -> None:
        if partition not in self._halted:
            logger.error("partition halted", partition=partition, reason=why.reason, why=why.detail)
        metrics.HALTED.labels(partition).set(1)
        self._halted[partition] = why
        self._forget(partition)

    # When there is nothing to do.

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
            self._failed("PostgreSQL is away", error)
            return
        await self._tell_group()

    async def _skip_what_has_no_records(self) -> None:
        """Account for offsets the client has passed without a record, such as end markers."""
        for partition, cursor in self._cursors.items():
            tp = TopicPartition(self._settings.topic, partition)
            async with asyncio.timeout(_KAFKA_QUESTION_SECONDS):
                position = await self._kafka.position(tp)
            if cursor.anchor is None and position > cursor.next_offset:
                share = self._batch.share(partition, cursor)
                share.skipped += position - cursor.next_offset
                share.next_offset = cursor.next_offset = position

    async def _note_caught_up(self) -> None:
        read: list[tuple[int, int, datetime]] = []
        for partition, cursor in self._cursors.items():
            tp = TopicPartition(self._settings.topic, partition)
            lag = (self._kafka.highwater(tp) or cursor.next_offset) - cursor.next_offset
            metrics.LAG.labels(partition).set(lag)
            polled_ms = self._kafka.last_poll_timestamp(tp)
            if lag == 0 and polled_ms:
                read.append((partition, cursor.next_offset, instant(polled_ms)))
        if not read:
            return
        query = sql.load("note_caught_up")
        partitions, next_offsets, caught_up = (list(column) for column in zip(*read, strict=True))
        connection = await self._writer.connection()
        await connection.execute(
            query.text,
            *query.bind(
                topic=self._settings.topic,
                partitions=partitions,
                next_offsets=next_offsets,
                caught_up=caught_up,
            ),
        )

    async def _tell_group(self) -> None:
        """Commit to Kafka's group too: only lag tools read it, so failures do not matter."""
        offsets = {
            TopicPartition(self._settings.topic, partition): OffsetAndMetadata(
                cursor.next_offset, ""
            )
            for partition, cursor in self._cursors.items()
        }
        try:
            async with asyncio.timeout(_KAFKA_QUESTION_SECONDS):
                await self._kafka.commit(offsets)
        except (KafkaError, TimeoutError) as error:
            logger.debug("group not told", error=type(error).__name__)

    def _new_batch(self) -> Batch:
        settings = self._settings
        return Batch(
            settings.batch_max_rows,
            settings.batch_max_bytes,
            settings.batch_max_age_seconds,
            time.monotonic,
        )
