"""The client for asyncio."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self, Unpack
from uuid import UUID

from engagement_client.client import Session
from engagement_client.event import Details, Event, EventType, Named, Retraction, Tracked


class AsyncClient(Session):
    """Sends events in the background. One for a process, used by all of its tasks.

    A separate thread delivers, as in Client: a busy event loop delays no delivery, and one that
    ends loses no events. No method blocks the loop: tracking waits only for room.

    Raises:
        ValueError: (when tracking) the service would reject the event.
        BufferFullError: (when tracking) the buffer stayed full, and ``when_full`` is "block".
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
        """Retract an event, for example after an unlike, by its ID and its post.

        Pass ``at`` if the event was tracked with it. A retraction can be repeated, and can arrive
        before its event.
        """
        return await self.add(Retraction.of(event_id, named))

    async def add(self, event: Tracked) -> UUID:
        """Track an event that has an identity, such as one of a Failure."""
        sender = self._sender
        entry = sender.entry(event)
        if sender.offer(entry):
            return event.event_id
        is_taken = False

        def is_decided() -> bool:
            nonlocal is_taken
            is_taken = sender.offer(entry)
            return is_taken or sender.is_closed

        await self._wait(is_decided, self._block_seconds)
        if not is_taken:
            self._reject_full(event)
        return event.event_id

    async def flush(self, timeout_seconds: float = 10.0) -> bool:
        """Send buffered events now. Return whether all were settled in time.

        Settled events were delivered, rejected or reported as a failure.
        """
        return await self._wait(self._sender.request_flush(), timeout_seconds)

    async def close(self) -> None:
        """Deliver buffered events for at most ``close_seconds``; the others are ``undelivered``."""
        await asyncio.to_thread(self._sender.close)

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
        """Wait until *is_met* returns true; call it whenever events settle."""
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()

        def wake() -> None:
            # The loop may be closed meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(changed.set)

        with self._sender.listening(wake):
            try:
                async with asyncio.timeout(seconds):
                    while not is_met():
                        await changed.wait()
                        changed.clear()
            except TimeoutError:
                return False
        return True
