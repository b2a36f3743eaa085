"""Sending batches until each event has an outcome.

After 5xx, a timeout or a reset it is unknown whether events are stored. They are sent again with
the same IDs and times, so that none counts twice. Rejected events are not sent again.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import msgspec

from loadgen.events import ACCEPTED, UNAVAILABLE, UNKNOWN, Item, Wire
from loadgen.journal import Journal
from loadgen.plan import Histogram
from schema.errors import EngagementError, SetupError


@asynccontextmanager
async def side_by_side() -> AsyncIterator[asyncio.TaskGroup]:
    """Yield a task group that raises an error of the project itself instead of a group.

    ``except*`` would do, but for Python 3.11.2, Debian's, which puts what is raised back into one.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except ExceptionGroup as errors:
        ours = errors.subgroup(EngagementError)
        raise (ours.exceptions[0] if ours else errors) from None


_RETRYABLE: Final = frozenset({408, 425, 429})
_MISCONFIGURED: Final = {
    401: "the ingest key is missing or not known",
    403: "the ingest key may not write events",
    404: "this URL is not that of an ingest service",
    405: "this URL is not that of an ingest service",
    415: "the service does not read this content type or encoding",
}


def outcomes_of(status: int, payload: bytes, count: int) -> list[str]:
    """Return an outcome for each event of a request, in order.

    Args:
        status: of the reply.
        payload: of the reply.
        count: how many events the request held.

    Returns:
        ACCEPTED, UNAVAILABLE, or the code of the error for which an event was refused.

    Raises:
        SetupError: the request can never succeed; the message names the reason.
    """
    if status == 202:
        return [ACCEPTED] * count
    if status >= 500 or status in _RETRYABLE:
        return [UNAVAILABLE] * count
    if reason := _MISCONFIGURED.get(status):
        raise SetupError(f"{reason} (HTTP {status})")
    members = _members(payload)
    ids = members.get("event_ids")
    if isinstance(ids, list) and len(ids) == count:
        return _each(ids, members.get("errors"))
    return [str(members.get("code", f"http_{status}"))] * count


def retry_after_seconds(header: str | None) -> float:
    """Return the seconds of a Retry-After header; 0 without one, or for a date."""
    try:
        return max(float(header or 0), 0.0)
    except ValueError:
        return 0.0


def _members(payload: bytes) -> dict[str, Any]:
    try:
        members = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return members if isinstance(members, dict) else {}


def _each(ids: list[Any], errors: Any) -> list[str]:
    """Return the outcomes of a 207, or of a 422 of a batch."""
    outcomes = [UNAVAILABLE if event_id is None else ACCEPTED for event_id in ids]
    for error in errors if isinstance(errors, list) else ():
        outcomes[error["index"]] = str(error["error"])
    return outcomes


_FIRST_BACKOFF_SECONDS: Final = 0.05
_MAX_BACKOFF_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Target:
    """The ingest service, and the timeout of retries.

    Attributes:
        url: of the service, without a path.
        key: an ingest key; None where none is needed.
        connections: how many requests may be open at a time.
        request_timeout_seconds: for one attempt; the service answers within 5.
        deadline_seconds: for all attempts at a batch; after it the rest is unknown.
    """

    url: str
    key: str | None = None
    connections: int = 4
    request_timeout_seconds: float = 10.0
    deadline_seconds: float = 60.0

    def open_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            self.url,
            headers={"Authorization": f"Bearer {self.key}"} if self.key else {},
            connector=aiohttp.TCPConnector(limit=self.connections),
            timeout=aiohttp.ClientTimeout(total=self.request_timeout_seconds),
        )


@dataclass
class Tally:
    """Counts so far. Latencies are of accepted events, from the intended send time."""

    answered: int = 0
    requests: int = 0
    retries: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    latency: Histogram = field(default_factory=Histogram)


class Sender:
    """Sends batches over one session, and keeps journal and tally."""

    def __init__(
        self, session: aiohttp.ClientSession, target: Target, wire: Wire, journal: Journal
    ) -> None:
        self.tally = Tally()
        self._session = session
        self._target = target
        self._wire = wire
        self._journal = journal

    async def deliver(self, items: Sequence[Item], intended: float) -> None:
        """Send *items* until all are accepted or rejected, or the timeout has passed.

        Args:
            items: one request's worth of events.
            intended: when they were meant to be sent, on the clock of time.monotonic().

        Raises:
            SetupError: the request can never succeed.
        """
        number = self._journal.sent(items)
        deadline = time.monotonic() + self._target.deadline_seconds
        outcomes = [UNAVAILABLE] * len(items)
        waiting = list(range(len(items)))
        backoff_seconds = _FIRST_BACKOFF_SECONDS
        while True:
            asked_seconds = await self._attempt(items, waiting, outcomes, intended)
            waiting = [place for place in waiting if outcomes[place] == UNAVAILABLE]
            pause = max(asked_seconds, backoff_seconds * random.uniform(0.5, 1.0))
            if not waiting or time.monotonic() + pause > deadline:
                break
            await asyncio.sleep(pause)
            backoff_seconds = min(backoff_seconds * 2, _MAX_BACKOFF_SECONDS)
            self.tally.retries += 1
        for place in waiting:
            outcomes[place] = UNKNOWN
        self._journal.answered(number, outcomes)
        self.tally.answered += len(items)
        self.tally.outcomes.update(outcomes)

    async def _attempt(
        self, items: Sequence[Item], waiting: list[int], outcomes: list[str], intended: float
    ) -> float:
        """Send the open items, and write their outcomes into *outcomes*.

        Returns:
            The seconds the service asks to wait before the next attempt.
        """
        body = self._wire.body([items[place].body for place in waiting])
        self.tally.requests += 1
        try:
            async with self._session.post(
                self._wire.path, data=body, headers=self._wire.headers
            ) as reply:
                payload = await reply.read()
                asked_seconds = retry_after_seconds(reply.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0.0
        verdict = outcomes_of(reply.status, payload, len(waiting))
        for place, outcome in zip(waiting, verdict, strict=True):
            outcomes[place] = outcome
        accepted = verdict.count(ACCEPTED)
        if accepted:
            self.tally.latency.record(time.monotonic() - intended, accepted)
        return asked_seconds
