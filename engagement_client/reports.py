"""What the caller learns about events that did not simply arrive."""

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
    """Why events were not delivered."""

    BUFFER_FULL = "buffer_full"
    """There was no room; only where ``when_full`` is "drop"."""

    REFUSED = "refused"
    """The service refused the request as a whole: its key, its URL. The detail tells."""

    GAVE_UP = "gave_up"
    """Not acknowledged within ``give_up_seconds``; stored or not, nobody knows."""

    CLOSED = "closed"
    """Not acknowledged before the client had to end; stored or not, nobody knows."""


@dataclass(frozen=True)
class Failure:
    """Events that were not delivered and are not tried again.

    Keep them (``event.to_json()``) and give them to ``Client.add`` later (``from_json(text)``):
    their identities make sure that one that had arrived after all is not counted twice.
    Retractions are among them.
    """

    reason: Reason
    events: tuple[Tracked, ...]
    detail: str = ""


@dataclass(frozen=True)
class Counts:
    """What became of the events so far: tracked is the sum of all the others.

    Attributes:
        tracked: events given to the client.
        delivered: accepted by the service.
        rejected: refused by the service for what they are; see ``on_rejected``.
        undelivered: not delivered and not tried again; see ``on_failure``.
        dropped: found no room in the buffer.
        waiting: in the buffer or on their way.
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
    """Logs and calls back. What a callback or a logger raises ends here: events wait behind it."""

    def __init__(self, on_rejected: OnRejected | None, on_failure: OnFailure | None) -> None:
        self._on_rejected = on_rejected
        self._on_failure = on_failure

    def retrying(self, trouble: str, seconds: float) -> None:
        """Tell that events are tried again after so many seconds."""
        wait = max(seconds, 0.0)
        _log(logging.WARNING, "not delivered (%s); trying again in %.1f s", trouble, wait)

    def rejected(self, rejections: Sequence[Rejection]) -> None:
        """Tell which events the service refused."""
        if not rejections:
            return
        tags = ", ".join(sorted({rejection.error for rejection in rejections}))
        _log(logging.WARNING, "the service refused %d events: %s", len(rejections), tags)
        for entry, error, detail in rejections:
            _call(self._on_rejected, from_json(entry.raw), error, detail)

    def dropped(self, event: Tracked, *, is_first: bool) -> None:
        """Tell of an event that found no room; a row of them is logged once."""
        if is_first:
            _log(logging.ERROR, "the buffer is full: events are dropped")
        _call(self._on_failure, Failure(Reason.BUFFER_FULL, (event,)))

    def failed(self, reason: Reason, events: Sequence[Tracked], detail: str = "") -> None:
        """Tell which events are not tried again."""
        if not events:
            return
        _log(logging.ERROR, "%d events undelivered: %s %s", len(events), reason, detail)
        _call(self._on_failure, Failure(reason, tuple(events), detail))


def _call(callback: Callable[..., object] | None, *arguments: Any) -> None:
    if callback is None:
        return
    try:
        callback(*arguments)
    except (Exception, SystemExit):  # noqa: BLE001  (which it is, the log tells)
        _log(logging.ERROR, "a callback failed", exc_info=True)


def _log(level: int, message: str, *arguments: Any, **options: Any) -> None:
    with contextlib.suppress(Exception):  # a filter or handler of the caller's
        logger.log(level, message, *arguments, **options)
