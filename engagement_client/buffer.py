"""The limits of a client, and its buffer of events."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from engagement_client.event import Event

MAX_BATCH_EVENTS: Final = 1_000
MAX_BATCH_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one client.

    Attributes:
        max_events: maximum number of events in memory, those in flight included.
        max_bytes: maximum bytes of events in memory, as JSON.
        batch_events: maximum number of events per request.
        batch_bytes: maximum bytes of a request, uncompressed.
        flush_seconds: maximum age of a buffered event before its batch is sent.
        block_seconds: timeout of tracking while the buffer is full.
        request_seconds: timeout of a request, its response included.
        give_up_seconds: age at which an undelivered event is reported as a failure.
        close_seconds: timeout of delivery when the client or the process ends.
        max_backoff_seconds: maximum backoff between retries. A longer Retry-After is respected.

    Raises:
        ValueError: a limit is not positive, or exceeds the service's limit of a request.
    """

    max_events: int = 50_000
    max_bytes: int = 16 * 1024 * 1024
    batch_events: int = MAX_BATCH_EVENTS
    batch_bytes: int = MAX_BATCH_BYTES
    flush_seconds: float = 1.0
    block_seconds: float = 1.0
    request_seconds: float = 10.0
    give_up_seconds: float = 600.0
    close_seconds: float = 5.0
    max_backoff_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            is_wait = name in ("flush_seconds", "block_seconds", "close_seconds")
            if not getattr(self, name) >= 0 or not (getattr(self, name) or is_wait):
                raise ValueError(f"{name}: expected a positive number")
        if self.batch_events > MAX_BATCH_EVENTS or self.batch_bytes > MAX_BATCH_BYTES:
            raise ValueError(
                f"batch_events and batch_bytes: at most {MAX_BATCH_EVENTS} events and"
                f" {MAX_BATCH_BYTES} bytes"
            )


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
    """A queue of events. A batch that is in flight keeps its place until it is settled.

    One batch is in flight at a time, and its unsettled events are sent before younger ones. So
    when ``settled`` reaches an earlier value of ``added``, all events of that time are settled.

    Attributes:
        added: number of events buffered so far.
        settled: number of events that left so far.
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
        """Add an event. Return False when there is no room."""
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
        """Return the monotonic time at which the next batch is due; None: the buffer is empty."""
        if self._again:
            return 0.0
        if not self._waiting:
            return None
        is_full = len(self._waiting) >= self._limits.batch_events or self._is_pressed
        if is_full or self._waiting_bytes >= self._limits.batch_bytes:
            return 0.0
        return self._waiting[0].tracked_at + self._limits.flush_seconds

    def take(self) -> Batch:
        """Return the next batch, which is in flight until it is settled."""
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
        """Settle the batch in flight, except for these parts of it, which are sent next."""
        returning = [part for part in again if part]
        self._again.extendleft(reversed(returning))
        kept = [entry for part in returning for entry in part]
        self._held_bytes -= _bytes(self._out) - _bytes(kept)
        self.settled += len(self._out) - len(kept)
        self._out = ()

    def drain(self) -> Batch:
        """Remove and return all events, oldest first, those in flight included."""
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
