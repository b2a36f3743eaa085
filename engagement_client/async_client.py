"""The client for asyncio."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self, Unpack
from uuid import UUID

from engagement_client.event import Details, Event, EventType, Named, Retraction, Tracked
from engagement_client.session import Session


class AsyncClient(Session):
    """Sends events in the background. One for a process, used by all of its tasks.

    A thread of its own delivers, as in Client, so a busy event loop delays no delivery and one
    that ends loses nothing. No method blocks the loop: tracking waits only for room.

    Raises:
        ValueError: (when tracking) the service would refuse the event.
        BufferFullError: (when tracking) there was no room in time, and ``when_full`` is "block".
        ClosedError: (when tracking) the client is closed.
    """

    async def view(self, **details: Unpack[Details]) -> UUID:
        """Track a view."""
        return await self.track("view", **details)

    async def like(self, **details: Unpack[Details]) -> UUID:
        """Track a like."""
        return await self.track("like", **details)

    async def comment(self, **details: Unpack[Details]) -> UUID:
        """Track a comment."""
        return await self.track("comment", **details)

    async def share(self, **details: Unpack[Details]) -> UUID:
        """Track a share."""
        return await self.track("share", **details)

    async def track(self, kind: EventType, **details: Unpack[Details]) -> UUID:
        """Track an event of this type."""
        return await self.add(Event.stamp(kind, details))

    async def retract(self, event_id: UUID | str, **named: Unpack[Named]) -> UUID:
        """Take an event back, an unlike for instance: by its id, and its post as it was tracked.

        Give ``at``, too, if the event was given one. It may be done twice, and even come before
        its event: the event stays taken back.
        """
        return await self.add(Retraction.of(event_id, named))

    async def add(self, event: Tracked) -> UUID:
        """Track what has its identity already, such as an event of a Failure."""
        courier = self._courier
        entry = courier.entry(event)
        if courier.offer(entry):
            return event.event_id
        is_taken = False

        def is_decided() -> bool:
            nonlocal is_taken
            is_taken = courier.offer(entry)
            return is_taken or courier.is_closed

        await self._wait(is_decided, self._block_seconds)
        if not is_taken:
            self._no_room(event)
        return event.event_id

    async def flush(self, timeout_seconds: float = 10.0) -> bool:
        """Send what waits at once; tell whether all of it was settled in time.

        Settled events were delivered, rejected or reported as a failure.
        """
        return await self._wait(self._courier.hurry(), timeout_seconds)

    async def close(self) -> None:
        """Deliver what waits, for at most ``close_seconds``; the rest is `undelivered`."""
        await asyncio.to_thread(self._courier.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _wait(self, is_met: Callable[[], bool], seconds: float) -> bool:
        """Wait until it is met; it is asked whenever something settled."""
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def wake() -> None:
            # Whoever waited in a loop that is closed is not there any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(changed.set)

        with self._courier.listening(wake):
            try:
                async with asyncio.timeout(seconds):
                    while not is_met():
                        await changed.wait()
                        changed.clear()
            except TimeoutError:
                return False
        return True
