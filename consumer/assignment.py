"""Partitions of this consumer: where each is read, why it is not, and the batch they fill.

A partition has a *cursor* once its offset row was read and the client was sent there. Only those
are read. After an assignment, and after any failure, the offset rows decide again.
"""

import time
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

from consumer import metrics
from consumer.batch import Batch, Cursor, add_records
from consumer.decode import REJECTED, DeadLetter, Rules
from consumer.offsets import (
    Position,
    count_offset_rows,
    halt_partition,
    read_positions,
    update_caught_up,
)
from consumer.record_batches import split
from consumer.rows import Identity
from consumer.settings import ConsumerSettings
from consumer.topic import Topic
from runtime import tracing
from runtime.logging import get_logger
from schema.errors import Halted
from sql.pool import Connection

_HALT_CHECK_SECONDS: Final = 2.0
_MAX_REJECTIONS: Final = 10_000
_LOCKED_RETRY_SECONDS: Final = (0.5, 1.0, 2.0, 4.0)

logger = get_logger("consumer")


class Assignment:
    """The assigned partitions and the batch that is filled from them."""

    def __init__(self, settings: ConsumerSettings, topic: Topic) -> None:
        self._settings = settings
        self._topic = topic
        self._rules = Rules(settings.window, settings.dead_letter_limit)
        self._cursors: dict[int, Cursor] = {}
        self._next_halt_check_at = 0.0
        # Partitions that stopped before an event of a locked day.
        self._locked: set[int] = set()
        self._locked_attempts = 0
        self._locked_retry_at = 0.0
        self._polled_at: dict[int, datetime | None] = {}
        self.halted: dict[int, Halted] = {}
        self.batch = self._new_batch()

    def _new_batch(self) -> Batch:
        settings = self._settings
        return Batch(
            settings.batch_max_rows,
            settings.batch_max_bytes,
            settings.batch_max_age_seconds,
            time.monotonic,
        )

    # Filling the batch.

    def add(self, partition: int, polled: Sequence[Any]) -> None:
        """Add polled records to the batch, unless the partition lost its cursor meanwhile."""
        cursor = self._cursors.get(partition)
        if cursor is None:
            return
        messages, unreadable = split(polled)
        part = self.batch.open_partition(partition, cursor)
        locked_day: date | None = None
        try:
            locked_day = add_records(cursor, part, messages, self._rules)
        except Halted as halt:
            part.halt = halt
        if unreadable is not None and part.halt is None and locked_day is None:
            part.halt = unreadable.as_halt(partition)
        self.batch.records += len(messages)
        self.batch.size_bytes += sum([len(message.value or b"") for message in messages])
        if tracing.is_on():
            part.trace_parents |= tracing.parents_in(messages)
        lag = self._lag(partition, cursor)
        if part.halt is not None or locked_day is not None:
            self._topic.pause([partition])
            del self._cursors[partition]
        elif lag == 0:
            part.caught_up = self._topic.polled_at(partition)
        if part.halt is None:
            metrics.LAG.labels(partition).set(lag)
        if locked_day is not None:
            self._locked.add(partition)
            if part.next_offset == part.first_offset:
                self.batch.discard(partition)

    def _lag(self, partition: int, cursor: Cursor) -> int:
        return (self._topic.end(partition) or cursor.next_offset) - cursor.next_offset

    def take_batch(self) -> Batch:
        """Return the batch to be written, and begin the next one."""
        full, self.batch = self.batch, self._new_batch()
        return full

    # Outcomes of writing.

    def reject(self, days: set[date], events: dict[Identity, str]) -> None:
        """Make what PostgreSQL rejected dead letters when it is read again."""
        self._rules.rejected_days.update(days)
        if len(self._rules.rejected_events) > _MAX_REJECTIONS:
            self._rules.rejected_events.clear()
        self._rules.rejected_events.update(events)

    def forget_rejections(self, letters: Sequence[DeadLetter]) -> None:
        """Forget the rejections behind stored dead letters: their cause may be corrected."""
        ids = {
            letter.event_id.bytes
            for letter in letters
            if letter.reason == REJECTED and letter.event_id is not None
        }
        rejected = self._rules.rejected_events
        for identity in [each for each in rejected if each[1] in ids] if ids else ():
            del rejected[identity]

    def postpone_days(self, days: set[date], partitions: set[int]) -> None:
        """Read *partitions* up to the first event of these days, and try the rest later."""
        now = time.monotonic()
        is_first = now > self._locked_retry_at + _LOCKED_RETRY_SECONDS[-1]
        self._locked_attempts = 0 if is_first else self._locked_attempts + 1
        pause = _LOCKED_RETRY_SECONDS[min(self._locked_attempts, len(_LOCKED_RETRY_SECONDS) - 1)]
        self._locked_retry_at = now + pause
        self._rules.locked_days.update(days)
        for partition in partitions:
            self.discard(partition)

    def halt(self, partition: int, reason: Halted) -> None:
        """Stop reading a partition until its offset row is no longer halted."""
        if partition not in self._topic.assigned():
            return
        if partition not in self.halted:
            logger.error(
                "partition halted", partition=partition, reason=reason.reason, detail=reason.detail
            )
        metrics.HALTED.labels(partition).set(1)
        self.halted[partition] = reason
        self.discard(partition)

    # Positions.

    def discard(self, partition: int) -> None:
        """Pause a partition and discard what was read ahead."""
        self._cursors.pop(partition, None)
        self.batch.discard(partition)
        self._topic.pause([partition])

    def discard_all(self) -> None:
        """Pause all partitions and discard what was read ahead."""
        for partition in list(self._cursors):
            self.discard(partition)
        self.batch = self._new_batch()

    def revoke(self, partition: int) -> None:
        """Discard a partition, its halt and its metrics: it may be another consumer's now."""
        self.discard(partition)
        self.halted.pop(partition, None)
        self._locked.discard(partition)
        for gauge in (metrics.LAG, metrics.HALTED):
            gauge.remove(partition)

    def without_position(self) -> set[int]:
        """Return the partitions whose offset rows must be read; sometimes the halted ones too."""
        assigned = self._topic.assigned()
        now = time.monotonic()
        if self._rules.locked_days and now >= self._locked_retry_at:
            self._rules.locked_days.clear()
            self._locked.clear()
        is_read = self._topic.reading() & set(self._cursors)
        todo = assigned - is_read - set(self.halted) - self._locked
        if self.halted and now >= self._next_halt_check_at:
            self._next_halt_check_at = now + _HALT_CHECK_SECONDS
            todo |= assigned & set(self.halted)
        # What the batch holds is to be written first, or the same records would be read twice.
        return todo - set(self.batch.partitions)

    async def seek_positions(self, connection: Connection, partitions: set[int]) -> None:
        """Read each partition from its offset row on, or halt it. Raises Unavailable."""
        topic = self._settings.topic
        positions = await read_positions(connection, topic, partitions, self._topic.offset_ranges)
        for partition, position in positions.items():
            halt = position.halt
            if halt is not None and not position.is_halted_already:
                offset = position.cursor.next_offset
                if not await halt_partition(connection, topic, partition, offset, halt):
                    continue  # another consumer moved it: read the row again
            if partition in self._topic.assigned():
                self._seek(partition, position)

    def _seek(self, partition: int, position: Position) -> None:
        if position.halt is not None:
            self.halt(partition, position.halt)
            self._topic.pause_at(partition, position.seek_to)
            return
        if self.halted.pop(partition, None):
            metrics.HALTED.labels(partition).set(0)
            logger.info("partition resumed", partition=partition)
        self._topic.read_from(partition, position.seek_to)
        self._cursors[partition] = position.cursor

    # Progress without records.

    @property
    def is_idle(self) -> bool:
        """Whether partitions are read and the batch is empty."""
        return bool(self._cursors) and self.batch.opened_at is None

    def has_polled(self) -> bool:
        """Return whether Kafka responded since the last call, or has nothing to be polled."""
        before, self._polled_at = (
            self._polled_at,
            {partition: self._topic.polled_at(partition) for partition in self._cursors},
        )
        has_nothing_to_read = not self._topic.assigned() - set(self.halted) - self._locked
        return has_nothing_to_read or before != self._polled_at

    async def skip_markers(self) -> None:
        """Count offsets that the client passed without a record, such as transaction markers."""
        for partition, cursor in list(self._cursors.items()):
            position = await self._topic.position(partition)
            if position is None or cursor.unverified is not None:
                continue
            if position > cursor.next_offset:
                part = self.batch.open_partition(partition, cursor)
                part.skipped += position - cursor.next_offset
                part.next_offset = cursor.next_offset = position

    async def update_caught_up(self, connection: Connection) -> None:
        """Record, for partitions that were read to their end, that all of it is stored."""
        read = []
        for partition, cursor in self._cursors.items():
            lag = self._lag(partition, cursor)
            metrics.LAG.labels(partition).set(lag)
            polled_at = self._topic.polled_at(partition)
            if lag == 0 and polled_at is not None:
                read.append((partition, cursor.next_offset, polled_at))
        if read:
            await update_caught_up(connection, self._settings.topic, read)

    async def count_unassigned(self, connection: Connection) -> int:
        """Return how many partitions were never assigned to a consumer: the topic grew."""
        known = await count_offset_rows(connection, self._settings.topic)
        return self._topic.count_partitions() - known
