"""What the clients for threads and for asyncio share."""

import ssl
from typing import Literal

from engagement_client.courier import Courier
from engagement_client.event import Tracked
from engagement_client.limits import Limits
from engagement_client.reports import Counts, OnFailure, OnRejected, Reporter
from engagement_client.transport import Transport

WhenFull = Literal["block", "drop"]


class BufferFullError(Exception):
    """There was no room for an event in time; ``event`` is it, with its identity."""

    def __init__(self, event: Tracked) -> None:
        super().__init__("the buffer is full")
        self.event = event


class ClosedError(Exception):
    """The client was closed; ``event`` was not taken."""

    def __init__(self, event: Tracked) -> None:
        super().__init__("the client is closed")
        self.event = event


class Session:
    """A client without its ways to wait.

    Args:
        url: of the ingest service.
        key: a key of scope ingest; None where the service asks for none.
        limits: how much is kept, how long is waited.
        when_full: "block" waits for room and then raises BufferFullError; "drop" reports the
            event to ``on_failure`` at once.
        on_rejected: called with (event, tag, sentence) for each event that the service refused.
        on_failure: called with a Failure when events are not tried again.
        ssl_context: for https; Python's default, which verifies, when absent.

    Callbacks are called in the client's own thread, in one that tracks while the buffer is full,
    or in the one that closes the client.

    Raises:
        ValueError: the URL or the key cannot be one.
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
        self._courier = Courier(transport, self._limits, self._reporter)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._url!r})"

    @property
    def counts(self) -> Counts:
        """What became of the events so far."""
        return self._courier.counts

    @property
    def undelivered(self) -> tuple[Tracked, ...]:
        """Events that were not acknowledged before the client had to end."""
        return self._courier.undelivered

    def _no_room(self, event: Tracked) -> None:
        """Deal with an event that was not taken, never silently."""
        if self._courier.is_closed:
            raise ClosedError(event)
        is_first = self._courier.count_dropped()
        if self._when_full == "block":
            raise BufferFullError(event)
        self._reporter.dropped(event, is_first=is_first)

    @property
    def _block_seconds(self) -> float:
        return self._limits.block_seconds if self._when_full == "block" else 0.0
