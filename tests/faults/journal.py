"""What became of each event, on disk before the load goes on: the clients' side of the promise."""

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Outcome(StrEnum):
    """What the client knows of an event."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """5xx, a reset or a timeout: it may be stored or not, until it is sent again."""


@dataclass(frozen=True)
class Event:
    event_id: str
    engaged_timestamp: str
    post_id: int
    type: str

    @property
    def body(self) -> dict[str, object]:
        return asdict(self)


class Journal:
    """A file of one line for each answer; what is known of an event is what was said best of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.outcomes: dict[Event, Outcome] = {}

    def note(self, outcomes: Iterable[tuple[Event, Outcome]]) -> None:
        """Write outcomes down; the operating system has them when this returns."""
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            for event, outcome in outcomes:
                file.write(json.dumps([outcome, event.body]) + "\n")
                if self.outcomes.get(event) is not Outcome.ACCEPTED:
                    self.outcomes[event] = outcome

    def of(self, outcome: Outcome) -> list[Event]:
        with self._lock:
            return [event for event, found in self.outcomes.items() if found is outcome]
