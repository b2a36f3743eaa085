"""What journals add up to: each identity once, however often it was sent."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from loadgen.events import Event
from loadgen.journal import Answered, Run, Sent, read
from loadgen.ledger import Totals
from loadgen.replies import ACCEPTED, UNKNOWN


@dataclass
class Account:
    """The sum of journals.

    Attributes:
        sent: events sent, repeats and invalid ones included.
        accepted: how many of these were accepted.
        identities: the accepted events by id.
        unknown: events that may be stored, or not, by id; none of them is in *identities*.
        refused: events by the error they were refused with.
        surprises: outcomes that are not as they should be, by what happened.
        posts: accepted identities by post, as counts by type.
        before: the ledger's totals before the first run, if a run asked for them.
    """

    sent: int = 0
    accepted: int = 0
    identities: dict[str, Event] = field(default_factory=dict)
    unknown: dict[str, Event] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    surprises: Counter[str] = field(default_factory=Counter)
    posts: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    before: Totals | None = None

    def add(self, event: Event | str, outcome: str) -> None:
        """Count one sending; in the place of an invalid event stands the error it must get."""
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
            self.surprises[f"a valid event was refused as {outcome}"] += 1

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
            self.surprises[f"an event to be refused as {error} was {outcome}"] += 1


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


def _note_run(account: Account, run: Run) -> None:
    before = account.before
    if run.ledger and (before is None or run.ledger.stored < before.stored):
        account.before = run.ledger


def _give_up(account: Account, pending: dict[int, Sent]) -> None:
    for sent in pending.values():
        for event in sent.events:
            account.add(event, UNKNOWN)
    pending.clear()
