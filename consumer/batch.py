"""The records of one transaction, by partition, and when to write them. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from consumer.decode import (
    DeadLetter,
    Fingerprint,
    Message,
    RetractedEvent,
    Rules,
    decode,
    decode_plain,
    fingerprint,
)
from consumer.rows import DAY, Identity, Row, day, day_number
from runtime.logging import new_id
from schema.errors import Halted


@dataclass
class Cursor:
    """Read position of a partition, which is ahead of its offset row.

    ``unverified``: fingerprint of the last consumed record, until the first record that is read
    after an assignment was compared with it. If they differ, the topic was re-created.
    """

    next_offset: int
    consecutive_dead_letters: int = 0
    unverified: Fingerprint | None = None


@dataclass
class PartitionBatch:
    """The part of a batch from one partition.

    Attributes:
        first_offset: where the partition's offset row must be when the batch is written.
        next_offset: where the offset row is moved to.
        skipped: offsets without an event to store, ``expired`` of them events of expired days.
        fingerprint: of the last record.
        caught_up: when the partition was read to its end.
        halt: why the partition halts after this batch.
        trace_parents: requests that produced the records, if tracing is on.
    """

    first_offset: int
    next_offset: int
    consecutive_dead_letters: int
    rows: list[Row] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    retracted: list[RetractedEvent] = field(default_factory=list)
    duplicates: int = 0
    skipped: int = 0
    expired: int = 0
    fingerprint: Fingerprint | None = None
    caught_up: datetime | None = None
    halt: Halted | None = None
    trace_parents: set[bytes] = field(default_factory=set)

    def drop_duplicates(self, stored: set[Identity]) -> None:
        """Remove rows that are stored already, and count them as duplicates."""
        self.duplicates += self._remove(stored)

    def skip_retracted(self, retracted: set[Identity]) -> None:
        """Remove rows that were retracted before they arrived, and count them as skipped."""
        self.skipped += self._remove(retracted)

    def skip_expired(self, days: Iterable[date]) -> None:
        """Remove rows of expired days, and count them as skipped."""
        numbers = {day_number(expired) for expired in days}
        before = len(self.rows)
        self.rows = [row for row in self.rows if row[0] // DAY not in numbers]
        self.expired += before - len(self.rows)
        self.skipped += before - len(self.rows)

    def _remove(self, identities: set[Identity]) -> int:
        """Remove rows and return their number; the IDs alone exclude nearly all other rows."""
        ids = {event_id for _, event_id in identities}
        before = len(self.rows)
        self.rows = [row for row in self.rows if row[1] not in ids or row[:2] not in identities]
        return before - len(self.rows)


@dataclass
class Batch:
    """The records of one transaction."""

    max_rows: int
    max_bytes: int
    max_age_seconds: float
    clock: Callable[[], float]
    partitions: dict[int, PartitionBatch] = field(default_factory=dict)
    records: int = 0
    size_bytes: int = 0
    opened_at: float | None = None
    batch_id: str = field(default_factory=new_id)

    @property
    def rows(self) -> list[Row]:
        """The rows of all partitions."""
        return [row for part in self.partitions.values() for row in part.rows]

    @property
    def retracted(self) -> list[RetractedEvent]:
        """The events that the records of all partitions retract."""
        return [event for part in self.partitions.values() for event in part.retracted]

    @property
    def is_full(self) -> bool:
        """Whether to write before reading more."""
        return self.records >= self.max_rows or self.size_bytes >= self.max_bytes

    @property
    def is_due(self) -> bool:
        """Whether to write now: full, or its oldest record has reached the maximum age."""
        due_in = self.due_in_seconds
        return due_in is not None and (self.is_full or due_in <= 0)

    @property
    def due_in_seconds(self) -> float | None:
        """Seconds until its oldest record reaches the maximum age; None without records."""
        if self.opened_at is None:
            return None
        return self.opened_at + self.max_age_seconds - self.clock()

    def open_partition(self, partition: int, cursor: Cursor) -> PartitionBatch:
        """Return the partition's part; a new one begins at the cursor."""
        if partition not in self.partitions:
            self.partitions[partition] = PartitionBatch(
                cursor.next_offset, cursor.next_offset, cursor.consecutive_dead_letters
            )
        if self.opened_at is None:
            self.opened_at = self.clock()
        return self.partitions[partition]

    def discard(self, partition: int) -> None:
        """Remove the partition's part. A batch without parts is empty."""
        self.partitions.pop(partition, None)
        if not self.partitions:
            self.opened_at = None
            self.records = self.size_bytes = 0

    def copy(self) -> "Batch":
        """Return a copy for one attempt to write it.

        Duplicates and skipped rows are specific to an attempt: the next one may lack the partition
        with the first of two repeats.
        """
        parts = {partition: replace(part) for partition, part in self.partitions.items()}
        return replace(self, partitions=parts)

    def drop_repeats(self) -> None:
        """Keep the first row of each identity, and count the others as duplicates."""
        ids = Counter(row[1] for row in self.rows)
        repeated = {event_id for event_id, number in ids.items() if number > 1}
        if not repeated:
            return
        seen: set[Identity] = set()

        def is_first(row: Row) -> bool:
            before = len(seen)
            seen.add(row[:2])
            return len(seen) > before

        for part in self.partitions.values():
            before = len(part.rows)
            part.rows = [row for row in part.rows if row[1] not in repeated or is_first(row)]
            part.duplicates += before - len(part.rows)


def add_records(
    cursor: Cursor, part: PartitionBatch, messages: Sequence[Message], rules: Rules
) -> date | None:
    """Add *messages*, in offset order, to *part* and advance the cursor.

    Missing offsets (transaction markers, aborted records) count as skipped. Records before the
    cursor are ignored.

    Returns:
        The locked day before whose event it stopped, or None.

    Raises:
        Halted: the first record is not the last consumed one. Nothing was added.
    """
    messages = _verified(cursor, messages)
    if messages and messages[0].offset < cursor.next_offset:
        messages = [message for message in messages if message.offset >= cursor.next_offset]
    if not messages:
        return None
    locked_day: date | None = None
    last: Message | None
    rows = decode_plain(messages, rules)
    if rows is None:
        last, locked_day = _add_each(cursor, part, messages, rules)
    else:
        last = messages[-1]
        part.rows += rows
        part.skipped += last.offset + 1 - cursor.next_offset - len(rows)
        cursor.next_offset = last.offset + 1
        cursor.consecutive_dead_letters = 0
    part.next_offset = cursor.next_offset
    part.consecutive_dead_letters = cursor.consecutive_dead_letters
    part.fingerprint = part.fingerprint if last is None else fingerprint(last)
    return locked_day


def _verified(cursor: Cursor, messages: Sequence[Message]) -> Sequence[Message]:
    """Compare the first record with the last consumed one, and remove it."""
    expected = cursor.unverified
    if expected is None or not messages:
        return messages
    found = fingerprint(messages[0])
    if found != expected:
        raise Halted(
            "log_diverged",
            f"offset {expected.offset} was stored with CRC-32 {expected.crc:08x},"
            f" the log now has offset {found.offset} with {found.crc:08x}",
        )
    cursor.unverified = None
    return messages[1:]


def _add_each(
    cursor: Cursor, part: PartitionBatch, messages: Sequence[Message], rules: Rules
) -> tuple[Message | None, date | None]:
    """Add records one by one, until the limit of dead letters or a locked day.

    Returns the last record that was added, and the locked day.
    """
    last: Message | None = None
    for message in messages:
        decoded = decode(message, rules)
        if (locked_day := _locked_day(decoded, rules)) is not None:
            return last, locked_day
        last = message
        part.skipped += message.offset - cursor.next_offset
        cursor.next_offset = message.offset + 1
        if isinstance(decoded, DeadLetter):
            part.dead_letters.append(decoded)
            cursor.consecutive_dead_letters += 1
            if cursor.consecutive_dead_letters >= rules.dead_letter_limit:
                part.halt = Halted(
                    "too_many_dead_letters",
                    f"{cursor.consecutive_dead_letters} records in a row cannot be stored,"
                    f" the last at offset {message.offset}: {decoded.reason}",
                )
                break
            continue
        if isinstance(decoded, RetractedEvent):
            part.retracted.append(decoded)
            part.skipped += 1
        else:
            part.rows.append(decoded)
        cursor.consecutive_dead_letters = 0
    return last, None


def _locked_day(decoded: Row | RetractedEvent | DeadLetter, rules: Rules) -> date | None:
    if not rules.locked_days or isinstance(decoded, DeadLetter | RetractedEvent):
        return None
    needed = day(decoded[0])
    return needed if needed in rules.locked_days else None
