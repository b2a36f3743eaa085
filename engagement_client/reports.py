"""Logs, callbacks and counts for the caller."""

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Self

from engagement_client.event import Tracked, from_json
from engagement_client.replies import Rejection

logger: Final = logging.getLogger("engagement_client")


class Reason(StrEnum):
    """Reasons why events were not delivered."""

    BUFFER_FULL = "buffer_full"
    """The buffer was full, and ``when_full`` is "drop"."""

    REFUSED = "refused"
    """The service rejected the request as a whole, for example its key. See the detail."""

    GAVE_UP = "gave_up"
    """Not acknowledged within ``give_up_seconds``. The event may be stored."""

    CLOSED = "closed"
    """Not acknowledged before the client was closed. The event may be stored."""


@dataclass(frozen=True)
class Failure:
    """Undelivered events that are not retried, retractions included.

    Store them (``event.to_json()``) and pass them to ``Client.add`` later (``from_json(text)``).
    Their identities prevent that a stored one is counted twice.
    """

    reason: Reason
    events: tuple[Tracked, ...]
    detail: str = ""


@dataclass(frozen=True)
class Counts:
    """Counts of events; ``tracked`` is the sum of the others.

    Attributes:
        tracked: events passed to the client.
        delivered: accepted by the service.
        rejected: rejected by the service; see ``on_rejected``.
        undelivered: not delivered and not retried; see ``on_failure``.
        dropped: the buffer was full.
        waiting: buffered or in flight.
    """

    tracked: int = 0
    delivered: int = 0
    rejected: int = 0
    undelivered: int = 0
    dropped: int = 0
    waiting: int = 0

    def plus(self, **further: int) -> Self:
        """Return the counts with these added."""
        return replace(self, **{name: getattr(self, name) + n for name, n in further.items()})


OnRejected = Callable[[Tracked, str, str], object]
OnFailure = Callable[[Failure], object]


class Reporter:
    """Logs events and calls callbacks. Their exceptions are logged: they must not stop delivery."""

    def __init__(self, on_rejected: OnRejected | None, on_failure: OnFailure | None) -> None:
        self._on_rejected = on_rejected
        self._on_failure = on_failure

    def retrying(self, error_text: str, seconds: float) -> None:
        """Report that a request is retried after this many seconds."""
        wait = max(seconds, 0.0)
        _log(logging.WARNING, "delivery failed (%s); retrying in %.1f s", error_text, wait)

    def rejected(self, rejections: Sequence[Rejection]) -> None:
        """Report rejected events."""
        if not rejections:
            return
        tags = ", ".join(sorted({rejection.error for rejection in rejections}))
        _log(logging.WARNING, "the service rejected %d events: %s", len(rejections), tags)
        for entry, error, detail in rejections:
            _call(self._on_rejected, from_json(entry.raw), error, detail)

    def dropped(self, event: Tracked, *, is_first: bool) -> None:
        """Report a dropped event. A series of them is logged once."""
        if is_first:
            _log(logging.ERROR, "the buffer is full: events are dropped")
        _call(self._on_failure, Failure(Reason.BUFFER_FULL, (event,)))

    def failed(self, reason: Reason, events: Sequence[Tracked], detail: str = "") -> None:
        """Report events that are not retried."""
        if not events:
            return
        _log(logging.ERROR, "%d events undelivered: %s %s", len(events), reason, detail)
        _call(self._on_failure, Failure(reason, tuple(events), detail))


def _call(callback: Callable[..., object] | None, *arguments: Any) -> None:
    if callback is None:
        return
    try:
        callback(*arguments)
    except (Exception, SystemExit):  # noqa: BLE001  (logged)
        _log(logging.ERROR, "a callback failed", exc_info=True)


def _log(level: int, message: str, *arguments: Any, **options: Any) -> None:
    with contextlib.suppress(Exception):  # a filter or handler of the caller's
        logger.log(level, message, *arguments, **options)
