"""What one transaction writes: each partition's share, and when it is time to write. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from consumer.decode import (
    DeadLetter,
    Fingerprint,
    Message,
    Retracted,
    Row,
    Rules,
    decode,
    fingerprint,
)
from schema.errors import Halted

Identity = tuple[datetime, UUID]


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
    """One partition's part of a batch: ``expected`` is where its offset row must stand."""

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

    def drop(self, stored: set[Identity]) -> None:
        """Count the rows that are stored already as duplicates."""
        kept = [row for row in self.rows if row[:2] not in stored]
        self.duplicates += len(self.rows) - len(kept)
        self.rows = kept

    def skip(self, retracted: set[Identity]) -> None:
        """Count the rows that were taken back before they came as skipped."""
        kept = [row for row in self.rows if row[:2] not in retracted]
        self.skipped += len(self.rows) - len(kept)
        self.rows = kept


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
        if self.opened_at is None:
            return False
        return self.is_full or self.clock() - self.opened_at >= self.max_age_seconds

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
        ids = [row[1].int for share in self.shares.values() for row in share.rows]
        if len(set(ids)) == len(ids):
            return
        seen: set[Identity] = set()
        for share in self.shares.values():
            kept = []
            for row in share.rows:
                if row[:2] not in seen:
                    seen.add(row[:2])
                    kept.append(row)
            share.duplicates += len(share.rows) - len(kept)
            share.rows = kept


def take(cursor: Cursor, share: Share, messages: Sequence[Message], rules: Rules) -> None:
    """Move *messages*, in offset order, into *share* and advance the cursor.

    Offsets that are missing between records (transaction markers, aborted records) are counted
    as skipped; records before the cursor were dealt with and are ignored.

    Raises:
        Halted: the first record is not the one that was stored last. Nothing was taken.
    """
    messages = _after_anchor(cursor, messages)
    messages = [message for message in messages if message.offset >= cursor.next_offset]
    if not messages:
        return
    for message, outcome in zip(messages, decode(messages, rules), strict=True):
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
    share.next_offset = cursor.next_offset
    share.dead_in_a_row = cursor.dead_in_a_row
    share.fingerprint = fingerprint(message)


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
