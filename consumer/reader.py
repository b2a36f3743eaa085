"""What is read and from where: cursors, the batch that fills, and partitions that wait.

A partition is *unsettled* from its assignment, and after any failure, until its offset row was
read and the reading was moved there. Only settled ones, those with a cursor, are read.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sql
from consumer import metrics
from consumer.batch import Batch, Cursor, take
from consumer.decode import REFUSED, DeadLetter, Rules
from consumer.log import Log
from consumer.positions import Position, read_positions
from consumer.settings import ConsumerSettings
from consumer.transaction import halt
from consumer.writer import Refused
from schema import tracing
from schema.errors import Halted
from schema.telemetry import get_logger
from sql.pool import Connection

_HALT_CHECK_SECONDS: Final = 2.0
_REFUSALS_KEPT: Final = 10_000
# Few enough that what is being written meanwhile never waits long for the loop.
_POLL_RECORDS: Final = 2_000

logger = get_logger("consumer")


class Reader:
    """Fills batches from the log. Knows nothing of how they are written."""

    def __init__(self, settings: ConsumerSettings, log: Log) -> None:
        self._settings = settings
        self._log = log
        self._rules = Rules(settings.window, settings.dead_letter_limit)
        self._cursors: dict[int, Cursor] = {}
        self._next_halt_check_at = 0.0
        self._polled: dict[int, datetime | None] = {}
        self.halted: dict[int, Halted] = {}
        self.batch = self._new_batch()

    @property
    def is_idle(self) -> bool:
        """Tell whether partitions are read and nothing of them waits to be written."""
        return bool(self._cursors) and self.batch.opened_at is None

    def hears(self) -> bool:
        """Tell whether Kafka answered since this was last asked, where anything is asked of it."""
        heard, self._polled = (
            self._polled,
            {p: self._log.polled_timestamp(p) for p in self._cursors},
        )
        has_nothing_to_read = not self._log.assigned() - set(self.halted)
        return has_nothing_to_read or heard != self._polled

    async def read(self, timeout_ms: int) -> None:
        """Move what the log has into the batch. Raises Unavailable."""
        room = max(1, min(_POLL_RECORDS, self._settings.batch_max_rows - self.batch.records))
        for partition, messages in (await self._log.poll(timeout_ms, room)).items():
            cursor = self._cursors.get(partition)
            if cursor is None:
                continue  # fetched before it was revoked or unsettled
            share = self.batch.share(partition, cursor)
            try:
                take(cursor, share, messages, self._rules)
            except Halted as reason:
                share.halt = reason
            self.batch.records += len(messages)
            if tracing.is_on():
                share.parents |= tracing.parents_in(messages)
            self.batch.size_bytes += sum([len(message.value or b"") for message in messages])
            if share.halt is not None:
                self._log.pause([partition])
                del self._cursors[partition]
                continue
            lag = (self._log.end(partition) or cursor.next_offset) - cursor.next_offset
            metrics.LAG.labels(partition).set(lag)
            if lag == 0:
                share.caught_up = self._log.polled_timestamp(partition)

    def hand_over(self) -> Batch:
        """Return the batch for writing and begin the next one."""
        full, self.batch = self.batch, self._new_batch()
        return full

    def refuse(self, refused: Refused) -> None:
        """Treat what PostgreSQL refuses as dead letters when it is read again."""
        self._rules.refused_days.update(refused.days)
        if len(self._rules.refused_events) > _REFUSALS_KEPT:
            self._rules.refused_events.clear()
        self._rules.refused_events.update(refused.events)

    def kept(self, letters: Sequence[DeadLetter]) -> None:
        """Forget refusals that led to these dead letters: what refused them may be mended."""
        ids = {
            letter.event_id.bytes
            for letter in letters
            if letter.reason == REFUSED and letter.event_id is not None
        }
        known = self._rules.refused_events
        for identity in [identity for identity in known if identity[1] in ids] if ids else ():
            del known[identity]

    def forget(self, partition: int) -> None:
        """Stop reading a partition until it is settled again."""
        self._cursors.pop(partition, None)
        self.batch.shares.pop(partition, None)
        self._log.pause([partition])

    def let_go(self, partition: int) -> None:
        """Forget a partition that is another consumer's from now on, and say no more of it."""
        self.forget(partition)
        self.halted.pop(partition, None)
        for gauge in (metrics.LAG, metrics.HALTED):
            gauge.remove(partition)

    def unsettle(self) -> None:
        """Forget everything read ahead."""
        for partition in list(self._cursors):
            self.forget(partition)
        self.batch = self._new_batch()

    def unsettled(self) -> set[int]:
        """Return the partitions whose offset rows are to be read: now and then the halted too."""
        assigned = self._log.assigned()
        todo = assigned - (self._log.reading() & set(self._cursors)) - set(self.halted)
        now = time.monotonic()
        if self.halted and now >= self._next_halt_check_at:
            self._next_halt_check_at = now + _HALT_CHECK_SECONDS
            todo |= assigned & set(self.halted)
        # Those rows are to be written first, else the same records would be taken twice.
        return todo - self.batch.halting

    async def settle(self, connection: Connection, partitions: set[int]) -> None:
        """Move each partition to its offset row, or halt it. Raises Unavailable."""
        topic = self._settings.topic
        positions = await read_positions(connection, topic, partitions, self._log.bounds)
        for partition, position in positions.items():
            why = position.halt
            if why is not None and not position.is_halted_already:
                stood_at = position.cursor.next_offset
                if not await halt(connection, topic, partition, stood_at, why):
                    continue  # somebody moved it meanwhile: look again
            if partition in self._log.assigned():
                self._go_on(partition, position)

    def _go_on(self, partition: int, position: Position) -> None:
        if position.halt is not None:
            self.note_halt(partition, position.halt)
            # A partition without any position would fail every poll, for the others too.
            self._log.hold_at(partition, position.seek_to)
            return
        if self.halted.pop(partition, None):
            metrics.HALTED.labels(partition).set(0)
            logger.info("partition resumed", partition=partition)
        self._log.read_from(partition, position.seek_to)
        self._cursors[partition] = position.cursor

    def note_halt(self, partition: int, why: Halted) -> None:
        """Read the partition no more until its row says otherwise."""
        if partition not in self.halted:
            logger.error("partition halted", partition=partition, reason=why.reason, why=why.detail)
        metrics.HALTED.labels(partition).set(1)
        self.halted[partition] = why
        self.forget(partition)

    async def skip_what_has_no_records(self) -> None:
        """Account for offsets the client has passed without a record, such as end markers."""
        for partition, cursor in list(self._cursors.items()):
            position = await self._log.position(partition)
            if position is None or cursor.anchor is not None:
                continue
            if position > cursor.next_offset:
                share = self.batch.share(partition, cursor)
                share.skipped += position - cursor.next_offset
                share.next_offset = cursor.next_offset = position

    async def note_caught_up(self, connection: Connection) -> None:
        """Keep in the offset rows until when everything there was is stored."""
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
        await connection.execute(query.text, *values)

    async def nobodys(self, connection: Connection) -> int:
        """Return how many partitions of the topic no consumer ever had: it grew unnoticed."""
        query = sql.load("count_offsets")
        known: int = await connection.fetchval(query.text, *query.bind(topic=self._settings.topic))
        return self._log.partitions() - known

    def _new_batch(self) -> Batch:
        settings = self._settings
        return Batch(
            settings.batch_max_rows,
            settings.batch_max_bytes,
            settings.batch_max_age_seconds,
            time.monotonic,
        )
