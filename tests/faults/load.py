"""A load at a steady rate, in a thread of its own, whose every outcome is in a journal.

A few of its events are wrong on purpose, and a few are sent again although they were accepted.
"""

import asyncio
import itertools
import json
import random
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from tests.faults.journal import Event, Journal, Outcome

TYPES: Final = ("view", "like", "comment", "share")
_ANSWER_SECONDS: Final = 12.0
_PAUSES_SECONDS: Final = (0.1, 0.2, 0.5, 1.0)
_REQUESTS_AT_ONCE: Final = 200
_PROBLEM_BYTES: Final = 4096
_SECRETIVE: Final = ("Traceback", "postgresql://", "asyncpg", "aiokafka", "eng_ingest_")
"""What no answer may contain."""


@dataclass
class Facts:
    """What happened to the requests, by the client's clock."""

    accepted_at: list[float] = field(default_factory=list)
    unknown_at: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    longest_answer_seconds: float = 0.0
    resends: int = 0

    def accepted_between(self, began: float, ended: float) -> int:
        return sum(began <= at <= ended for at in self.accepted_at)

    def longest_gap_seconds(self, began: float, ended: float) -> float:
        """Return the longest time in which nothing was accepted."""
        marks = sorted([began, ended, *(at for at in self.accepted_at if began <= at <= ended)])
        return max(later - earlier for earlier, later in itertools.pairwise(marks))


class Load:
    """Sends events until it is stopped, or *events* of them are settled.

    Args:
        url, key: of the ingest service.
        retries: whether what is unknown is sent again, unchanged, until it is known.
    """

    def __init__(
        self,
        url: str,
        key: str,
        journal: Path,
        *,
        seed: int,
        rate_per_second: float = 300,
        events: int | None = None,
        batch_events: int = 10,
        retries: bool = False,
    ) -> None:
        self._url, self._key = url, key
        self._draw = random.Random(seed)
        self._rate, self._events, self._batch = rate_per_second, events, batch_events
        self._retries = retries
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")
        self._failure: BaseException | None = None
        self.journal = Journal(journal)
        self.facts = Facts()
        self.drawn = 0
        self.wrong: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Return when all its events are settled."""
        self._thread.join()

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        headers = {"Authorization": f"Bearer {self._key}"}
        try:
            async with (
                aiohttp.ClientSession(
                    self._url, timeout=timeout, connector=connector, headers=headers
                ) as session,
                asyncio.TaskGroup() as requests,
            ):
                await self._pace(session, requests)
        except BaseExceptionGroup as group:
            self._failure = group

    async def _pace(self, session: aiohttp.ClientSession, requests: asyncio.TaskGroup) -> None:
        room = asyncio.Semaphore(_REQUESTS_AT_ONCE)
        due = time.monotonic()
        while not self._stopping.is_set() and (self._events is None or self.drawn < self._events):
            await room.acquire()
            events = self._next_events()
            requests.create_task(self._deliver(session, events)).add_done_callback(
                lambda _: room.release()
            )
            # After a standstill the rate is kept; what was missed is not made up for.
            due = max(due + len(events) / self._rate, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _next_events(self) -> list[Event]:
        size = self._batch if self._draw.random() < 0.7 else 1
        if self._events is not None:
            size = min(size, self._events - self.drawn)
        self.drawn += size
        return [self._event() for _ in range(size)]

    def _event(self) -> Event:
        draw = self._draw
        now = datetime.now(UTC)
        engaged = now - timedelta(days=draw.random() * 3) if draw.random() < 0.1 else now
        event_id = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        is_wrong = draw.random() < 0.005
        if is_wrong:
            self.wrong.add(event_id)
        post_id = 0 if is_wrong else draw.randint(1, 300)
        return Event(event_id, engaged.isoformat(), post_id, draw.choice(TYPES))

    async def _deliver(self, session: aiohttp.ClientSession, events: list[Event]) -> None:
        if self._draw.random() < 0.02:
            await self._attempt(session, events)  # an impatient client: all of it comes twice
        unknown = await self._attempt(session, events)
        pauses = iter(_PAUSES_SECONDS)
        while unknown and self._retries and not self._stopping.is_set():
            await asyncio.sleep(next(pauses, _PAUSES_SECONDS[-1]))
            self.facts.resends += len(unknown)
            unknown = await self._attempt(session, unknown)

    async def resend(self, events: Sequence[Event]) -> None:
        """Send events again in large batches, once each; for when everything is well."""
        headers = {"Authorization": f"Bearer {self._key}"}
        async with aiohttp.ClientSession(self._url, headers=headers) as session:
            for start in range(0, len(events), 200):
                await self._attempt(session, list(events[start : start + 200]))

    async def _attempt(self, session: aiohttp.ClientSession, events: list[Event]) -> list[Event]:
        """Send a request and write down what came of it; return what is still unknown."""
        began = time.monotonic()
        try:
            outcomes = await self._post(session, events)
        except (aiohttp.ClientError, TimeoutError, OSError):
            outcomes = [Outcome.UNKNOWN] * len(events)
        else:
            seconds = time.monotonic() - began
            self.facts.longest_answer_seconds = max(self.facts.longest_answer_seconds, seconds)
        now = time.monotonic()
        found = list(zip(events, outcomes, strict=True))
        self.journal.note(found)
        self.facts.accepted_at += [now] * outcomes.count(Outcome.ACCEPTED)
        self.facts.unknown_at += [now] * outcomes.count(Outcome.UNKNOWN)
        return [event for event, outcome in found if outcome is Outcome.UNKNOWN]

    async def _post(self, session: aiohttp.ClientSession, events: list[Event]) -> list[Outcome]:
        is_batch = len(events) > 1
        path = "/events/batch" if is_batch else "/events"
        bodies = [event.body for event in events]
        async with session.post(path, json=bodies if is_batch else bodies[0]) as answer:
            text = await answer.text()
            status = answer.status
        self.facts.statuses[status] = self.facts.statuses.get(status, 0) + 1
        assert not any(word in text for word in _SECRETIVE), text[:500]
        if status in (202, 207):
            return _judged(json.loads(text), len(events))
        assert len(text) < _PROBLEM_BYTES, f"{status}: a reply of {len(text)} bytes"
        if status == 422:
            return [Outcome.REFUSED] * len(events)
        assert status == 503, f"{status}: {text[:500]}"
        return [Outcome.UNKNOWN] * len(events)


def _judged(answer: dict[str, Any], events: int) -> list[Outcome]:
    outcomes = [Outcome.ACCEPTED] * events
    for error in answer.get("errors", ()):
        is_unknown = error["error"] == "unavailable"
        outcomes[error["index"]] = Outcome.UNKNOWN if is_unknown else Outcome.REFUSED
    return outcomes
