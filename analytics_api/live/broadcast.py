"""Messages for many subscribers, none of which can delay the publisher or another one."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from prometheus_client import Counter, Gauge

from web.problems import Problem

CLIENTS: Final = Gauge("engage_api_live_clients", "Open /live streams.")
DROPPED: Final = Counter(
    "engage_api_live_dropped_total", "Streams closed because their client was too slow."
)

_BUFFERED: Final = 16
_RETRY_AFTER_SECONDS: Final = 10


class Message(NamedTuple):
    """A message to all subscribers. Without an ID it is not repeated to those that reconnect."""

    message_id: str | None
    data: bytes


class Subscriber:
    """One client's buffer. It ends when it is full, or when the publisher closes."""

    def __init__(self, missed: Iterable[Message]) -> None:
        self._buffer = deque(missed)
        self._arrived = asyncio.Event()
        self.is_ended = False

    def append(self, message: Message) -> bool:
        """Buffer a message. Return False if the buffer is full: the subscriber has ended."""
        if len(self._buffer) >= _BUFFERED:
            self.end()
            return False
        self._buffer.append(message)
        self._arrived.set()
        return True

    def end(self) -> None:
        """End the subscriber after its buffered messages."""
        self.is_ended = True
        self._arrived.set()

    async def next(self, timeout_seconds: float) -> Message | None:
        """Return the next message; None: none arrived in time, or the subscriber has ended."""
        if not self._buffer and not self.is_ended:
            self._arrived.clear()
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._arrived.wait()
            except TimeoutError:
                return None
        return self._buffer.popleft() if self._buffer else None


class Broadcast:
    """The subscribers, and the last messages for those that reconnect.

    Args:
        max_subscribers: at the same time.
    """

    def __init__(self, max_subscribers: int) -> None:
        self._max_subscribers = max_subscribers
        self._subscribers: set[Subscriber] = set()
        self._last: deque[Message] = deque(maxlen=_BUFFERED)
        self._is_closed = False

    @property
    def has_subscribers(self) -> bool:
        """Whether there is any subscriber."""
        return bool(self._subscribers)

    def subscribe(self, last_id: str | None) -> Subscriber:
        """Return a new subscriber, after the message of *last_id*, or at the last message.

        Raises:
            Problem: 503, there are too many.
        """
        if self._is_closed or len(self._subscribers) >= self._max_subscribers:
            detail = "too many streams are open; request the same address as JSON instead"
            headers = {"Retry-After": str(_RETRY_AFTER_SECONDS)}
            raise Problem(503, "too_many_streams", detail, headers=headers)
        subscriber = Subscriber(self._since(last_id))
        self._subscribers.add(subscriber)
        CLIENTS.set(len(self._subscribers))
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Remove a subscriber."""
        self._subscribers.discard(subscriber)
        CLIENTS.set(len(self._subscribers))

    def publish(self, message: Message) -> None:
        """Send a message to all subscribers; those with a full buffer are dropped."""
        if message.message_id is not None:
            self._last.append(message)
        for subscriber in list(self._subscribers):
            if not subscriber.append(message):
                DROPPED.inc()
                self.unsubscribe(subscriber)

    def close(self) -> None:
        """End all subscribers, and accept no new ones."""
        self._is_closed = True
        for subscriber in self._subscribers:
            subscriber.end()

    def _since(self, last_id: str | None) -> list[Message]:
        messages = list(self._last)
        for place, message in enumerate(messages):
            if message.message_id == last_id:
                return messages[place + 1 :]
        return messages[-1:]
