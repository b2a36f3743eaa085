"""The journal of a load: what was sent, and the outcome of each event.

A line is written before a batch's first attempt and one after its last, so the outcome of batches
that a crash interrupts is known to be unknown. Reports are compared with the account of journals,
which has each identity once.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from loadgen.events import ACCEPTED, UNKNOWN, Event, Item
from loadgen.ledger import Totals
from runtime.files import open_append


class Run(msgspec.Struct, tag="run", tag_field="line"):
    """The start of a run. *ledger* has the totals before it, if they were read."""

    plan: str
    ledger: Totals | None = None


class Sent(msgspec.Struct, tag="sent", tag_field="line"):
    """A batch before it is sent. An invalid event is represented by its expected error."""

    batch: int
    events: list[Event | str]


class Answered(msgspec.Struct, tag="answered", tag_field="line"):
    """The end of a batch: the outcomes, by position, of events that were not accepted."""

    batch: int
    others: dict[int, str]


class Journal:
    def __init__(self, path: Path, *, is_synced: bool = False) -> None:
        """Open *path*; *is_synced*: each batch is on the disk before it is sent."""
        self._is_synced = is_synced
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file: BinaryIO = open_append(path)
        self.start_byte = self._file.seek(0, os.SEEK_END)
        self._encode = msgspec.json.Encoder().encode
        self._batch = 0

    def begin(self, run: Run) -> None:
        """Write the start of a run, after a line that a crash may have truncated."""
        if self.start_byte:
            self._append(b"")
        self._append(self._encode(run))

    def sent(self, items: Sequence[Item]) -> int:
        """Write a batch before it is sent. Return its number."""
        self._batch += 1
        events = b",".join(item.body if item.event else self._encode(item.error) for item in items)
        self._append(b'{"line":"sent","batch":%d,"events":[%s]}' % (self._batch, events))
        if self._is_synced:
            os.fsync(self._file.fileno())
        return self._batch

    def answered(self, batch: int, outcomes: Sequence[str]) -> None:
        """Write the final outcome of each event of a batch."""
        others = {place: code for place, code in enumerate(outcomes) if code != ACCEPTED}
        self._append(self._encode(Answered(batch, others)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _append(self, line: bytes) -> None:
        self._file.write(line + b"\n")
        self._file.flush()


def read(path: Path, start_byte: int = 0) -> Iterator[Run | Sent | Answered]:
    """Yield the lines of a journal except truncated ones, whose batch has no outcome."""
    decoder = msgspec.json.Decoder(Run | Sent | Answered)
    with path.open("rb") as file:
        file.seek(start_byte)
        for line in file:
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError:
                continue


@dataclass
class Account:
    """The sum of journals.

    Attributes:
        sent: events sent, repeats and invalid ones included.
        accepted: how many of these were accepted.
        identities: the accepted events by id.
        unknown: events that may be stored, or not, by id; none of them is in *identities*.
        refused: events by the error they were refused with.
        unexpected: unexpected outcomes, by their description.
        posts: accepted identities by post, as counts by type.
        before: the ledger's totals before the first run, if a run asked for them.
    """

    sent: int = 0
    accepted: int = 0
    identities: dict[str, Event] = field(default_factory=dict)
    unknown: dict[str, Event] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    unexpected: Counter[str] = field(default_factory=Counter)
    posts: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    before: Totals | None = None

    def add(self, event: Event | str, outcome: str) -> None:
        """Count a sent batch. An invalid event is represented by its expected error."""
        self.sent += 1
        if isinstance(event, str):
            self._add_invalid(event, outcome)
        elif outcome == ACCEPTED:
            self._add_accepted(event)
        elif outcome == UNKNOWN:
            if event.event_id not in self.identities:
                self.unknown[event.event_id] = event
        else:
            self.refused[outcome] += 1
            self.unexpected[f"a valid event was refused as {outcome}"] += 1

    def _add_accepted(self, event: Event) -> None:
        self.accepted += 1
        if event.event_id not in self.identities:
            self.identities[event.event_id] = event
            self.unknown.pop(event.event_id, None)
            self.posts[event.post_id][event.type] += 1

    def _add_invalid(self, error: str, outcome: str) -> None:
        if outcome in (ACCEPTED, UNKNOWN):
            self.accepted += outcome == ACCEPTED
        else:
            self.refused[outcome] += 1
        if outcome not in (error, UNKNOWN):
            self.unexpected[f"an event to be refused as {error} was {outcome}"] += 1


def settle(journals: Iterable[Path], start_byte: int = 0) -> Account:
    """Add journals up, each from *start_byte* on. A batch without an end is unknown."""
    account = Account()
    for journal in journals:
        _settle_one(account, journal, start_byte)
    return account


def _settle_one(account: Account, journal: Path, start_byte: int) -> None:
    pending: dict[int, Sent] = {}
    for line in read(journal, start_byte):
        if isinstance(line, Sent):
            pending[line.batch] = line
        elif isinstance(line, Answered):
            events = pending.pop(line.batch).events
            for place, event in enumerate(events):
                account.add(event, line.others.get(place, ACCEPTED))
        else:
            _give_up(account, pending)
            _note_run(account, line)
    _give_up(account, pending)


class Follower:
    """The account of journals, some of which another part of the program still writes."""

    def __init__(self, complete: Iterable[Path], growing: Iterable[Path] = ()) -> None:
        """Read the journals. A batch without an end is unknown in complete ones only."""
        self.account = settle(complete)
        self._positions = dict.fromkeys(growing, 0)
        self._pending: dict[tuple[Path, int], Sent] = {}
        self.read_on()

    @property
    def is_waiting(self) -> bool:
        """Whether a batch has no outcome yet."""
        return bool(self._pending)

    def read_on(self) -> None:
        """Add what was appended to the growing journals to the account."""
        for path in self._positions:
            for line in self._appended(path):
                if isinstance(line, Sent):
                    self._pending[path, line.batch] = line
                elif isinstance(line, Answered):
                    sent = self._pending.pop((path, line.batch))
                    for place, event in enumerate(sent.events):
                        self.account.add(event, line.others.get(place, ACCEPTED))
                else:
                    _note_run(self.account, line)

    def _appended(self, path: Path) -> Iterator[Run | Sent | Answered]:
        decoder = msgspec.json.Decoder(Run | Sent | Answered)
        with path.open("rb") as file:
            file.seek(self._positions[path])
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._positions[path] += len(line)
                if line.strip():
                    yield decoder.decode(line)


def _note_run(account: Account, run: Run) -> None:
    before = account.before
    if run.ledger and (before is None or run.ledger.stored < before.stored):
        account.before = run.ledger


def _give_up(account: Account, pending: dict[int, Sent]) -> None:
    for sent in pending.values():
        for event in sent.events:
            account.add(event, UNKNOWN)
    pending.clear()
