"""What waits for delivery, in bounded memory. Pure: knows no clock, no thread and no network."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engagement_client.event import Event
from engagement_client.limits import Limits

_COMMA_OR_BRACKET_BYTES = 1


class Entry(NamedTuple):
    """One event as it is sent, and the monotonic time in seconds when it was tracked.

    ``path``: the route that it goes to; a batch goes to one.
    """

    raw: bytes
    tracked_at: float
    path: str = Event.PATH


Batch = Sequence[Entry]


class Buffer:
    """Events in the order they came; a batch that is out keeps its place until it is settled.

    One batch is out at a time, and what comes back of it goes out before anything younger:
    when ``settled`` reaches what ``added`` was at some moment, all events of before are settled.

    Attributes:
        added: events taken in so far.
        settled: events that left for good so far.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: deque[Entry] = deque()
        self._waiting_bytes = 0
        self._again: deque[Batch] = deque()
        self._out: Batch = ()
        self._held_bytes = 0
        self._is_pressed = False
        self.added = 0
        self.settled = 0

    def __len__(self) -> int:
        return self.added - self.settled

    def add(self, entry: Entry) -> bool:
        """Take an event in; False: there is no room."""
        size = _size(entry)
        is_full = len(self) >= self._limits.max_events
        if is_full or self._held_bytes + size > self._limits.max_bytes:
            self._is_pressed = True
            return False
        self._waiting.append(entry)
        self._waiting_bytes += size
        self._held_bytes += size
        self.added += 1
        return True

    def due_at(self) -> float | None:
        """Return the monotonic time at which the next batch is to be sent; None: never."""
        if self._again:
            return 0.0
        if not self._waiting:
            return None
        is_full = len(self._waiting) >= self._limits.batch_events or self._is_pressed
        if is_full or self._waiting_bytes >= self._limits.batch_bytes:
            return 0.0
        return self._waiting[0].tracked_at + self._limits.flush_seconds

    def take(self) -> Batch:
        """Return the next batch, which is out until it is settled; empty: nothing waits."""
        self._is_pressed = False
        if self._again:
            self._out = self._again.popleft()
            return self._out
        # The closing bracket; every event counts the comma or bracket before it.
        batch: list[Entry] = []
        room = self._limits.batch_bytes - _COMMA_OR_BRACKET_BYTES
        while self._waiting and len(batch) < self._limits.batch_events:
            size = _size(self._waiting[0])
            if batch and (size > room or self._waiting[0].path != batch[0].path):
                break
            room -= size
            self._waiting_bytes -= size
            batch.append(self._waiting.popleft())
        self._out = batch
        return batch

    def settle(self, again: Sequence[Batch]) -> None:
        """End the batch that is out, but for these parts of it, which are to go out next."""
        returning = [part for part in again if part]
        self._again.extendleft(reversed(returning))
        kept = [entry for part in returning for entry in part]
        self._held_bytes -= _bytes(self._out) - _bytes(kept)
        self.settled += len(self._out) - len(kept)
        self._out = ()

    def surrender(self) -> Batch:
        """Give everything away, oldest first, also what is out."""
        left = [*self._out, *(entry for part in self._again for entry in part), *self._waiting]
        self._out = ()
        self._again.clear()
        self._waiting.clear()
        self._waiting_bytes = self._held_bytes = 0
        self.settled = self.added
        return left


def _size(entry: Entry) -> int:
    return len(entry.raw) + _COMMA_OR_BRACKET_BYTES


def _bytes(entries: Iterable[Entry]) -> int:
    return sum(map(_size, entries))
