"""The client for threads."""

from types import TracebackType
from typing import Self, Unpack
from uuid import UUID

from engagement_client.event import Details, Event, EventType, Named, Retraction, Tracked
from engagement_client.session import Session


class Client(Session):
    """Sends events in the background. One for a process, used by all of its threads.

    Each method that tracks returns the event's id as soon as the event is in the buffer.

    Raises:
        ValueError: (when tracking) the service would refuse the event.
        BufferFullError: (when tracking) there was no room in time, and ``when_full`` is "block".
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
        """Take an event back, an unlike for instance: by its id, and its post as it was tracked.

        Give ``at``, too, if the event was given one. It may be done twice, and even come before
        its event: the event stays taken back.
        """
        return self.add(Retraction.of(event_id, named))

    def add(self, event: Tracked) -> UUID:
        """Track what has its identity already, such as an event of a Failure."""
        if not self._courier.put(self._courier.entry(event), self._block_seconds):
            self._no_room(event)
        return event.event_id

    def flush(self, timeout_seconds: float = 10.0) -> bool:
        """Send what waits at once; tell whether all of it was settled in time.

        Settled events were delivered, rejected or reported as a failure.
        """
        return self._courier.flush(timeout_seconds)

    def close(self) -> None:
        """Deliver what waits, for at most ``close_seconds``; the rest is `undelivered`."""
        self._courier.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()
