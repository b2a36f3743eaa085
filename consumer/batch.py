"""What one transaction writes: each partition's share, and when it is time to write. Pure."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from consumer.decode import (
    DeadLetter,
    Fingerprint,
    Message,
    Retracted,
    Rules,
    decode,
    decode_plain,
    fingerprint,
)
from consumer.rows import Identity, Row
from schema.errors import Halted
from schema.telemetry import new_id


@dataclass
class Cursor:
    """Where the reading of a partition stands, ahead of what is stored.

    ``anchor`` is the fingerprint of the last record dealt with: the first record read after an
    assignment must match it, else the log is not the one the offsets speak of.
    """

    next_offset: int
    dead_in_a_row: int = 0
    anchor: Fingerprint | None = None


@dataclass
class Share:
    """One partition's part of a batch: ``expected`` is where its offset row must stand.

    ``parents``: the requests that its records came with, while anything is traced.
    """

    expected: int
    next_offset: int
    dead_in_a_row: int
    rows: list[Row] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    retracted: list[Retracted] = field(default_factory=list)
    duplicates: int = 0
    skipped: int = 0
    fingerprint: Fingerprint | None = None
    caught_up: datetime | None = None
    halt: Halted | None = None
    parents: set[bytes] = field(default_factory=set)

    def drop(self, stored: set[Identity]) -> None:
        """Count the rows that are stored already as duplicates."""
        self.duplicates += self._remove(stored)

    def skip(self, retracted: set[Identity]) -> None:
        """Count the rows that were taken back before they came as skipped."""
        self.skipped += self._remove(retracted)

    def _remove(self, gone: set[Identity]) -> int:
        """Remove rows; return how many there were. Few are, so their ids are looked at first."""
        ids = {event_id for _, event_id in gone}
        before = len(self.rows)
        self.rows = [row for row in self.rows if row[1] not in ids or row[:2] not in gone]
        return before - len(self.rows)


@dataclass
class Batch:
    """Shares by partition, filled by the reader and emptied by the writer."""

    max_rows: int
    max_bytes: int
    max_age_seconds: float
    clock: Callable[[], float]
    shares: dict[int, Share] = field(default_factory=dict)
    records: int = 0
    size_bytes: int = 0
    opened_at: float | None = None
    batch_id: str = field(default_factory=new_id)

    @property
    def halting(self) -> set[int]:
        """The partitions that halt once this is written."""
        return {partition for partition, share in self.shares.items() if share.halt is not None}

    @property
    def is_full(self) -> bool:
        """Tell whether no more should be read before this is written."""
        return self.records >= self.max_rows or self.size_bytes >= self.max_bytes

    @property
    def is_due(self) -> bool:
        """Tell whether to write now: full, or its oldest record has waited long enough."""
        due_in = self.due_in_seconds
        return due_in is not None and (self.is_full or due_in <= 0)

    @property
    def due_in_seconds(self) -> float | None:
        """How long its oldest record may wait yet; None: there is none."""
        if self.opened_at is None:
            return None
        return self.opened_at + self.max_age_seconds - self.clock()

    def share(self, partition: int, cursor: Cursor) -> Share:
        """Return the partition's share, opened at the cursor if it is new."""
        if partition not in self.shares:
            self.shares[partition] = Share(
                cursor.next_offset, cursor.next_offset, cursor.dead_in_a_row
            )
        if self.opened_at is None:
            self.opened_at = self.clock()
        return self.shares[partition]

    def attempt(self) -> "Batch":
        """Return a batch to be written in this one's place.

        What the writing finds out, such as which rows are duplicates, is true of that attempt
        alone: the next one may be without the partition that held the first of two repeats.
        """
        shares = {partition: replace(share) for partition, share in self.shares.items()}
        return replace(self, shares=shares)

    def drop_repeats(self) -> None:
        """Keep the first of each identity; the later ones are duplicates."""
        ids = Counter(row[1] for share in self.shares.values() for row in share.rows)
        recurring = {event_id for event_id, number in ids.items() if number > 1}
        if not recurring:
            return
        seen: set[Identity] = set()

        def is_first(row: Row) -> bool:
            before = len(seen)
            seen.add(row[:2])
            return len(seen) > before

        for share in self.shares.values():
            before = len(share.rows)
            share.rows = [row for row in share.rows if row[1] not in recurring or is_first(row)]
            share.duplicates += before - len(share.rows)


def take(cursor: Cursor, share: Share, messages: Sequence[Message], rules: Rules) -> None:
    """Move *messages*, in offset order, into *share* and advance the cursor.

    Offsets that are missing between records (transaction markers, aborted records) are counted
    as skipped; records before the cursor were dealt with and are ignored.

    Raises:
        Halted: the first record is not the one that was stored last. Nothing was taken.
    """
    messages = _after_anchor(cursor, messages)
    if messages and messages[0].offset < cursor.next_offset:
        messages = [message for message in messages if message.offset >= cursor.next_offset]
    if not messages:
        return
    rows = decode_plain(messages, rules)
    if rows is None:
        last = _take_each(cursor, share, messages, rules)
    else:
        last = messages[-1]
        share.rows += rows
        share.skipped += last.offset + 1 - cursor.next_offset - len(rows)
        cursor.next_offset = last.offset + 1
        cursor.dead_in_a_row = 0
    share.next_offset = cursor.next_offset
    share.dead_in_a_row = cursor.dead_in_a_row
    share.fingerprint = fingerprint(last)


def _take_each(cursor: Cursor, share: Share, messages: Sequence[Message], rules: Rules) -> Message:
    """Take messages one by one until too many in a row are dead letters; return the last one."""
    for message in messages:
        outcome = decode(message, rules)
        share.skipped += message.offset - cursor.next_offset
        cursor.next_offset = message.offset + 1
        if isinstance(outcome, DeadLetter):
            share.dead.append(outcome)
            cursor.dead_in_a_row += 1
            if cursor.dead_in_a_row >= rules.dead_letter_limit:
                share.halt = Halted(
                    "dead_letters_in_a_row",
                    f"{cursor.dead_in_a_row} records in a row cannot be stored,"
                    f" the last at offset {message.offset}: {outcome.reason}",
                )
                break
        elif isinstance(outcome, Retracted):
            # It leaves no row of its own in engagements.
            share.retracted.append(outcome)
            share.skipped += 1
            cursor.dead_in_a_row = 0
        else:
            share.rows.append(outcome)
            cursor.dead_in_a_row = 0
    return message


def _after_anchor(cursor: Cursor, messages: Sequence[Message]) -> Sequence[Message]:
    """Compare the first record with the anchor, and drop it."""
    if cursor.anchor is None or not messages:
        return messages
    found = fingerprint(messages[0])
    if found != cursor.anchor:
        raise Halted(
            "log_diverged",
            f"offset {cursor.anchor.offset} was stored with CRC-32 {cursor.anchor.crc:08x},"
            f" the log now has offset {found.offset} with {found.crc:08x}",
        )
    cursor.anchor = None
    return messages[1:]
