"""Sending a batch until each of its events has an answer.

A 5xx, a timeout and a reset mean that nobody knows; such events are sent again with the same
ids and the same times, which makes that harmless. What is refused is not sent again.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from loadgen.journal import Journal
from loadgen.latency import Histogram
from loadgen.mixture import Item
from loadgen.replies import ACCEPTED, UNAVAILABLE, UNKNOWN, judge, retry_after_seconds
from loadgen.wire import Wire

_FIRST_BACKOFF_SECONDS: Final = 0.05
_MAX_BACKOFF_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Target:
    """The ingest service, and how long to insist.

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
        """Return a session that posts to the service."""
        return aiohttp.ClientSession(
            self.url,
            headers={"Authorization": f"Bearer {self.key}"} if self.key else {},
            connector=aiohttp.TCPConnector(limit=self.connections),
            timeout=aiohttp.ClientTimeout(total=self.request_timeout_seconds),
        )


@dataclass
class Tally:
    """What happened so far. Latencies are of accepted events, from the intended send time."""

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
        """Send *items* until all are accepted, refused, or the deadline is over.

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
        """Send what waits, and write what came of it into *outcomes*.

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
        verdict = judge(reply.status, payload, len(waiting))
        for place, outcome in zip(waiting, verdict, strict=True):
            outcomes[place] = outcome
        accepted = verdict.count(ACCEPTED)
        if accepted:
            self.tally.latency.record(time.monotonic() - intended, accepted)
        return asked_seconds
