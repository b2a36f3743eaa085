"""The expected contents of the pipeline in dicts and sets: no SQL, no Kafka, no clock."""

import copy
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

PARTITIONS = 2
DEAD_LETTER_LIMIT = 3
Identity = tuple[datetime, UUID]


@dataclass(frozen=True)
class Event:
    event_id: UUID
    time: datetime
    post: int | str
    user: int | str | None
    type: str

    @property
    def identity(self) -> Identity:
        return self.time, self.event_id

    @property
    def day(self) -> date:
        return self.time.date()

    @property
    def bucket(self) -> datetime:
        return self.time - (self.time - datetime.min.replace(tzinfo=self.time.tzinfo)) % (
            timedelta(minutes=15)
        )


@dataclass(frozen=True)
class Retraction:
    event: Event

    @property
    def key(self) -> Hashable:
        return *self.event.identity, self.event.post


@dataclass(frozen=True)
class Garbage:
    """A record that is no event; it may name a user."""

    value: bytes | None


Entry = Event | Retraction | Garbage


@dataclass
class Log:
    """One partition of the topic; a re-created topic has another *generation*."""

    generation: int = 0
    start: int = 0
    entries: list[Entry] = field(default_factory=list)

    @property
    def end(self) -> int:
        return len(self.entries)


@dataclass
class OffsetRow:
    """A partition's row of consumer_offsets."""

    first: int = 0
    next: int = 0
    stored: int = 0
    dead_lettered: int = 0
    duplicates: int = 0
    skipped: int = 0
    consecutive_dead_letters: int = 0
    fingerprint: tuple[int, int] | None = None
    halt: str | None = None


@dataclass
class DeadLetter:
    entry: Entry
    outcome: str | None = None


@dataclass
class Archived:
    """A day's archive file, as the database describes it."""

    rows: dict[Identity, Event]
    is_restored: bool = False
    is_complete: bool = False
    is_kept: bool = False


@dataclass
class Tables:
    """The database; a backup is a deep copy of it."""

    offset_rows: dict[int, OffsetRow] = field(
        default_factory=lambda: {number: OffsetRow() for number in range(PARTITIONS)}
    )
    rows: dict[Identity, Event] = field(default_factory=dict)
    by_post: Counter[Hashable] = field(default_factory=Counter)
    by_bucket: Counter[Hashable] = field(default_factory=Counter)
    retractions: dict[Hashable, bool] = field(default_factory=dict)
    dead_letters: dict[tuple[int, int, int], DeadLetter] = field(default_factory=dict)
    erased: set[int | str] = field(default_factory=set)
    expired: Counter[date] = field(default_factory=Counter)
    archived: dict[date, Archived] = field(default_factory=dict)
    replayed: int = 0

    def add(self, event: Event, number: int) -> None:
        self.by_post[event.post, event.type] += number
        self.by_bucket[event.bucket, event.type] += number

    def store(self, event: Event) -> str:
        """Store a valid event. Return the outcome."""
        if not self.accepts_events(event.day):
            return "expired"
        if event.identity in self.rows:
            return "duplicate"
        if Retraction(event).key in self.retractions:
            return "retracted"
        self.rows[event.identity] = self.without_erased(event)
        self.add(event, +1)
        return "stored"

    def accepts_events(self, day: date) -> bool:
        """Return whether the day did not expire, or was restored completely."""
        file = self.archived.get(day)
        return day not in self.expired or (
            file is not None and file.is_restored and file.is_complete
        )

    def retract(self, retraction: Retraction) -> None:
        stored = self.rows.get(retraction.event.identity)
        self.retractions.setdefault(retraction.key, False)
        if stored is not None and stored.post == retraction.event.post:
            del self.rows[stored.identity]
            self.add(stored, -1)
            self.retractions[retraction.key] = True

    def without_erased(self, event: Event) -> Event:
        return replace(event, user=None) if event.user in self.erased else event


class Model:
    """Tables, logs, and the archive's files, which a backup of the tables does not include."""

    def __init__(self, received: datetime) -> None:
        self.received = received
        self.tables = Tables()
        self.logs = {number: Log() for number in range(PARTITIONS)}
        self.files: dict[date, dict[Identity, Event]] = {}
        self.backup: Tables | None = None

    # The consumer.

    def consume(self, window: timedelta) -> None:
        """Consume the logs to their ends, with this window."""
        for number, row in self.tables.offset_rows.items():
            log = self.logs[number]
            if row.halt is None:
                row.halt = _halt_reason(row, log)
            while row.halt is None and row.next < log.end:
                self._consume_one(number, row, log, window)

    def _consume_one(self, number: int, row: OffsetRow, log: Log, window: timedelta) -> None:
        offset, entry = row.next, log.entries[row.next]
        row.next += 1
        row.fingerprint = log.generation, offset
        if isinstance(entry, Retraction):
            self.tables.retract(entry)
            row.skipped += 1
        elif isinstance(entry, Garbage) or self.received - entry.time > window:
            row.dead_lettered += 1
            row.consecutive_dead_letters += 1
            self.tables.dead_letters.setdefault((log.generation, number, offset), DeadLetter(entry))
            if row.consecutive_dead_letters >= DEAD_LETTER_LIMIT:
                row.halt = "too_many_dead_letters"
            return
        else:
            outcome = self.tables.store(entry)
            row.stored += outcome == "stored"
            row.duplicates += outcome == "duplicate"
            row.skipped += outcome in ("expired", "retracted")
        row.consecutive_dead_letters = 0

    def resume(self, number: int, position: str | int) -> None:
        row, log = self.tables.offset_rows[number], self.logs[number]
        positions = {"stored": row.next, "earliest": log.start, "latest": log.end}
        target = positions[position] if isinstance(position, str) else position
        if position != "stored" or row.halt == "log_diverged":
            row.fingerprint = None
        row.first += min(target - row.next, 0)
        row.skipped += max(target - row.next, 0)
        row.next = target
        row.consecutive_dead_letters = 0
        row.halt = None

    # The operator.

    def replay(self) -> None:
        for letter in self.tables.dead_letters.values():
            if letter.outcome is None and isinstance(letter.entry, Event):
                outcome = self.tables.store(letter.entry)
                self.tables.replayed += outcome == "stored"
                letter.outcome = outcome if outcome != "expired" else None

    def erase(self, user: int | str) -> None:
        self.tables.erased.add(user)
        self.tables.rows = {
            identity: self.tables.without_erased(event)
            for identity, event in self.tables.rows.items()
        }

    def expire(self, first_kept: date, days: list[date], *, has_archive: bool) -> None:
        for day in days:
            file = self.tables.archived.get(day)
            must_stay = file is not None and file.is_kept
            if day < first_kept and not must_stay and self.has_partition(day):
                self._expire(day, file, has_archive=has_archive)

    def has_partition(self, day: date) -> bool:
        file = self.tables.archived.get(day)
        return day not in self.tables.expired or (file is not None and file.is_restored)

    def _expire(self, day: date, file: Archived | None, *, has_archive: bool) -> None:
        expired = {i: event for i, event in self.tables.rows.items() if event.day == day}
        for identity in expired:
            del self.tables.rows[identity]
        self.tables.expired[day] += len(expired)
        if has_archive and expired:
            self.tables.archived[day] = Archived(expired)
            self.files[day] = expired
        elif file is not None:
            file.is_restored = file.is_kept = False

    def is_damaged(self, day: date) -> bool:
        """Return whether the day's file is not the one that the database describes."""
        return self.files.get(day) != self.tables.archived[day].rows

    def restore(self, day: date, *, is_kept: bool) -> None:
        file = self.tables.archived.get(day)
        if file is None or file.is_restored or self.is_damaged(day):
            return
        file.is_restored, file.is_kept = True, is_kept
        file.is_complete = len(file.rows) == self.tables.expired[day]
        for event in file.rows.values():
            if Retraction(event).key not in self.tables.retractions:
                self.tables.rows[event.identity] = self.tables.without_erased(event)
                self.tables.expired[day] -= 1
        if not self.tables.expired[day]:
            del self.tables.expired[day]

    def scrub(self) -> None:
        for day, file in self.tables.archived.items():
            file.rows = {i: self.tables.without_erased(e) for i, e in file.rows.items()}
            self.files[day] = file.rows

    def back_up(self) -> None:
        self.backup = copy.deepcopy(self.tables)

    def roll_back(self) -> None:
        assert self.backup is not None
        self.tables = copy.deepcopy(self.backup)

    def recreate_topic(self) -> None:
        self.logs = {n: Log(log.generation + 1) for n, log in self.logs.items()}


def _halt_reason(row: OffsetRow, log: Log) -> str | None:
    """Return why an assigned partition halts, or None."""
    if row.next > log.end:
        return "log_diverged"
    if row.next < log.start:
        return "records_lost"
    if row.fingerprint is None or row.fingerprint[1] < log.start:
        return None
    return None if row.fingerprint[0] == log.generation else "log_diverged"
