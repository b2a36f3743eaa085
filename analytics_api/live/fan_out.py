"""One source, many listeners: none of them can slow down the source or another one."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from prometheus_client import Counter, Gauge

from schema.http.problems import Problem

CLIENTS: Final = Gauge("engage_api_live_clients", "Streams that are open.")
DROPPED: Final = Counter("engage_api_live_dropped_total", "Streams whose client was too slow.")

_KEPT: Final = 16
_RETRY_AFTER_SECONDS: Final = 10


class Message(NamedTuple):
    """What is told once to everybody; without an id it is told to those alone who listen now."""

    message_id: str | None
    data: bytes


class Listener:
    """One client's buffer. It ends when it is full, or when nothing more will come."""

    def __init__(self, missed: Iterable[Message]) -> None:
        self._waiting = deque(missed)
        self._arrived = asyncio.Event()
        self.is_ended = False

    def tell(self, message: Message) -> bool:
        """Buffer a message. False: there is no room, so the client is dropped."""
        if len(self._waiting) >= _KEPT:
            self.end()
            return False
        self._waiting.append(message)
        self._arrived.set()
        return True

    def end(self) -> None:
        """Let the client have what it waits for, and no more."""
        self.is_ended = True
        self._arrived.set()

    async def next(self, patience_seconds: float) -> Message | None:
        """Return the next message; None: none came in time, or the end."""
        if not self._waiting and not self.is_ended:
            self._arrived.clear()
            try:
                async with asyncio.timeout(patience_seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return None
        return self._waiting.popleft() if self._waiting else None


class FanOut:
    """The listeners, and the last messages for those who come back.

    Args:
        most_listeners: at the same time.
    """

    def __init__(self, most_listeners: int) -> None:
        self._most = most_listeners
        self._listeners: set[Listener] = set()
        self._last: deque[Message] = deque(maxlen=_KEPT)
        self._is_closed = False

    @property
    def has_listeners(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def join(self, last_id: str | None) -> Listener:
        """Begin to listen: after the message of *last_id*, if it is still known, else at the last.

        Raises:
            Problem: 503, as there are too many.
        """
        if self._is_closed or len(self._listeners) >= self._most:
            detail = "all streams are taken: ask the same address for JSON instead"
            headers = {"Retry-After": str(_RETRY_AFTER_SECONDS)}
            raise Problem(503, "too_many_streams", detail, headers=headers)
        listener = Listener(self._since(last_id))
        self._listeners.add(listener)
        CLIENTS.set(len(self._listeners))
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget a listener."""
        self._listeners.discard(listener)
        CLIENTS.set(len(self._listeners))

    def tell(self, message: Message) -> None:
        """Tell everybody; who is too far behind is dropped."""
        if message.message_id is not None:
            self._last.append(message)
        for listener in list(self._listeners):
            if not listener.tell(message):
                DROPPED.inc()
                self.leave(listener)

    def close(self) -> None:
        """End every listener, and let nobody in any more."""
        self._is_closed = True
        for listener in self._listeners:
            listener.end()

    def _since(self, last_id: str | None) -> list[Message]:
        kept = list(self._last)
        for place, message in enumerate(kept):
            if message.message_id == last_id:
                return kept[place + 1 :]
        return kept[-1:]
