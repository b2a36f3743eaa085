"""Events on their way to the broker, and the requests that wait for them."""

import asyncio
import time
from collections import deque
from typing import Any, NamedTuple

from ingest_service import metrics
from schema.tracing import record_headers


class Waiter:
    """One request that waits for the acknowledgement of its events."""

    def __init__(self, events: int) -> None:
        self.acknowledged = [False] * events
        self.headers = record_headers()
        self.is_gone = False
        self.all_settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open = events

    def settle(self, place: int, *, acknowledged: bool) -> None:
        """Note the outcome of one event."""
        self.acknowledged[place] = acknowledged
        self._open -= 1
        if not self._open and not self.all_settled.done():
            self.all_settled.set_result(None)
        if self.is_gone and acknowledged:
            metrics.LATE_ACKS.inc()


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
    while queue:
        entry = queue[0]
        headers = entry.waiter.headers
        if (
            batch.append(key=entry.key, value=entry.value, timestamp=now_ms, headers=headers)
            is None
        ):
            break
        entries.append(queue.popleft())
    return entries
