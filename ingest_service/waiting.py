"""Events on their way to the broker, and the requests that wait for them."""

import asyncio
import time
from collections import deque
from typing import Any, Final, NamedTuple

from ingest_service import metrics
from schema.topics import RECORD_HEADERS

_LOOK_SECONDS: Final = 0.1


class Waiter:
    """One request that waits for the acknowledgement of its events."""

    def __init__(self, events: int) -> None:
        self.acknowledged = [False] * events
        self.is_gone = False
        self.all_settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open = events

    def settle(self, place: int, *, acknowledged: bool) -> None:
        """Note the outcome of one event."""
        self.acknowledged[place] = acknowledged
        self._open -= 1
        if not self._open:
            self.give_up()
        if self.is_gone and acknowledged:
            metrics.LATE_ACKS.inc()

    def give_up(self) -> None:
        """Let the request go on with what is known; does nothing where it does already."""
        if not self.all_settled.done():
            self.all_settled.set_result(None)


class Deadline:
    """Gives up what waits longer than it may.

    One look at the oldest, some times a second, instead of a timer for each request: all have the
    same time, so they wait in the order in which theirs is over.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiters: deque[tuple[float, Waiter]] = deque()

    def watch(self, waiter: Waiter) -> None:
        """Begin a request's time."""
        self._waiters.append((time.monotonic() + self._seconds, waiter))

    async def run(self) -> None:
        """Look until cancelled."""
        waiters = self._waiters
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            while waiters and (waiters[0][1].all_settled.done() or waiters[0][0] < now):
                waiters.popleft()[1].give_up()


class Entry(NamedTuple):
    """One event on its way, and the place in its request that learns the outcome."""

    key: bytes
    value: bytes
    waiter: Waiter
    place: int


def fill(batch: Any, queue: deque[Entry]) -> list[Entry]:
    """Move entries from the queue into the batch until it is full."""
    entries = []
    now_ms = time.time_ns() // 1_000_000
    headers = list(RECORD_HEADERS)
    while queue:
        entry = queue[0]
        if (
            batch.append(key=entry.key, value=entry.value, timestamp=now_ms, headers=headers)
            is None
        ):
            break
        entries.append(queue.popleft())
    return entries
