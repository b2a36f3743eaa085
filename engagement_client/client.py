"""The client for threads, and the base class that it shares with the one for asyncio."""

import ssl
from types import TracebackType
from typing import Literal, Self, Unpack
from uuid import UUID

from engagement_client.buffer import Limits
from engagement_client.event import Details, Event, EventType, Named, Retraction, Tracked
from engagement_client.reports import Counts, OnFailure, OnRejected, Reporter
from engagement_client.sender import Sender
from engagement_client.transport import Transport

WhenFull = Literal["block", "drop"]


class BufferFullError(Exception):
    """The buffer stayed full until the timeout. ``event`` has its identity."""

    def __init__(self, event: Tracked) -> None:
        super().__init__("the buffer is full")
        self.event = event


class ClosedError(Exception):
    """The client is closed. ``event`` was not buffered."""

    def __init__(self, event: Tracked) -> None:
        super().__init__("the client is closed")
        self.event = event


class Session:
    """Base class of the clients for threads and for asyncio.

    Args:
        url: URL of the ingest service.
        key: a key of scope ingest; None if the service requires none.
        limits: limits of memory and timeouts.
        when_full: "block" waits for room and then raises BufferFullError; "drop" reports the
            event to ``on_failure`` immediately.
        on_rejected: called with (event, error code, detail) for each rejected event.
        on_failure: called with a Failure when events are not retried.
        ssl_context: for https. Default: Python's default context, which verifies.

    Callbacks are called in the client's own thread, in one that tracks while the buffer is full,
    or in the one that closes the client.

    Raises:
        ValueError: the URL or the key is invalid.
    """

    def __init__(  # noqa: PLR0913  (all but the first two by name)
        self,
        url: str,
        key: str | None = None,
        *,
        limits: Limits | None = None,
        when_full: WhenFull = "block",
        on_rejected: OnRejected | None = None,
        on_failure: OnFailure | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if when_full not in ("block", "drop"):
            raise ValueError('when_full: expected "block" or "drop"')
        self._url = url
        self._limits = limits or Limits()
        self._when_full = when_full
        self._reporter = Reporter(on_rejected, on_failure)
        transport = Transport(url, key, self._limits.request_seconds, ssl_context)
        self._sender = Sender(transport, self._limits, self._reporter)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._url!r})"

    @property
    def counts(self) -> Counts:
        """Counts of the events so far."""
        return self._sender.counts

    @property
    def undelivered(self) -> tuple[Tracked, ...]:
        """Events that were not acknowledged before the client was closed."""
        return self._sender.undelivered

    def _reject_full(self, event: Tracked) -> None:
        """Raise or report that an event was not buffered."""
        if self._sender.is_closed:
            raise ClosedError(event)
        is_first = self._sender.count_dropped()
        if self._when_full == "block":
            raise BufferFullError(event)
        self._reporter.dropped(event, is_first=is_first)

    @property
    def _block_seconds(self) -> float:
        return self._limits.block_seconds if self._when_full == "block" else 0.0


class Client(Session):
    """Sends events in the background. One for a process, used by all of its threads.

    Tracking methods return the event's ID as soon as the event is in the buffer.

    Raises:
        ValueError: (when tracking) the service would reject the event.
        BufferFullError: (when tracking) the buffer stayed full, and ``when_full`` is "block".
        ClosedError: (when tracking) the client is closed.
    """

    def view(self, **details: Unpack[Details]) -> UUID:
        """Track a view."""
        return self.track("view", **details)

    def like(self, **details: Unpack[Details]) -> UUID:
        """Track a like."""
        return self.track("like", **details)

    def comment(self, **details: Unpack[Details]) -> UUID:
        """Track a comment."""
        return self.track("comment", **details)

    def share(self, **details: Unpack[Details]) -> UUID:
        """Track a share."""
        return self.track("share", **details)

    def track(self, kind: EventType, **details: Unpack[Details]) -> UUID:
        """Track an event of this type."""
        return self.add(Event.stamp(kind, details))

    def retract(self, event_id: UUID | str, **named: Unpack[Named]) -> UUID:
        """Retract an event, for example after an unlike, by its ID and its post.

        Pass ``at`` if the event was tracked with it. A retraction can be repeated, and can arrive
        before its event.
        """
        return self.add(Retraction.of(event_id, named))

    def add(self, event: Tracked) -> UUID:
        """Track an event that has an identity, such as one of a Failure."""
        if not self._sender.put(self._sender.entry(event), self._block_seconds):
            self._reject_full(event)
        return event.event_id

    def flush(self, timeout_seconds: float = 10.0) -> bool:
        """Send buffered events now. Return whether all were settled in time.

        Settled events were delivered, rejected or reported as a failure.
        """
        return self._sender.flush(timeout_seconds)

    def close(self) -> None:
        """Deliver buffered events for at most ``close_seconds``; the others are ``undelivered``."""
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()
