"""A load generator with a steady rate, which keeps the outcome of each event.

A few of its events are invalid, and a few are sent again although they were accepted.
"""

import asyncio
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from schema.event import TYPES

_RESPONSE_TIMEOUT_SECONDS: Final = 12.0
_RETRY_PAUSES_SECONDS: Final = (0.1, 0.2, 0.5, 1.0)
_MAX_REQUESTS: Final = 200
_MAX_PROBLEM_BYTES: Final = 4096
_PRIVATE: Final = ("Traceback", "postgresql://", "asyncpg", "aiokafka", "eng_ingest_")
"""Texts that no response may contain."""


class Outcome(StrEnum):
    """The state of an event as the client knows it."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    """5xx, a reset or a timeout: it may be stored or not, until it is sent again."""


@dataclass(frozen=True)
class Event:
    event_id: str
    engaged_timestamp: str
    post_id: int
    type: str


class Load:
    """Sends events until it is stopped, or until it has the outcome of *events* of them.

    Args:
        url, key: of the ingest service.
        retries: whether events of unknown outcome are sent again, unchanged, until it is known.

    Attributes:
        outcomes: of each event; once accepted, it stays accepted.
        accepted_at: the monotonic time of each accepted event's response.
        unknown: number of events in requests whose outcome was unknown.
        statuses: number of responses by status.
        retried: number of events that were sent again because their outcome was unknown.
        invalid: IDs of the events that were made invalid.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        seed: int,
        rate_per_second: float = 300,
        events: int | None = None,
        batch_events: int = 10,
        retries: bool = False,
    ) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {key}"}
        self._draw = random.Random(seed)
        self._rate, self._events, self._batch = rate_per_second, events, batch_events
        self._retries = retries
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")
        self._failure: BaseException | None = None
        self._drawn = 0
        self.outcomes: dict[Event, Outcome] = {}
        self.accepted_at: list[float] = []
        self.unknown = 0
        self.statuses: Counter[int] = Counter()
        self.slowest_response_seconds = 0.0
        self.retried = 0
        self.invalid: set[str] = set()

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
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def wait(self) -> None:
        """Return when all events have an outcome."""
        self._thread.join()

    def events_with(self, outcome: Outcome) -> list[Event]:
        return [event for event, found in self.outcomes.items() if found is outcome]

    def accepted_between(self, began: float, ended: float) -> int:
        return sum(began <= at <= ended for at in self.accepted_at)

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_RESPONSE_TIMEOUT_SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        try:
            async with (
                aiohttp.ClientSession(
                    self._url, timeout=timeout, connector=connector, headers=self._headers
                ) as session,
                asyncio.TaskGroup() as requests,
            ):
                await self._send_at_rate(session, requests)
        except BaseExceptionGroup as group:
            self._failure = group

    async def _send_at_rate(
        self, session: aiohttp.ClientSession, requests: asyncio.TaskGroup
    ) -> None:
        free = asyncio.Semaphore(_MAX_REQUESTS)
        due = time.monotonic()
        while not self._stopping.is_set() and (self._events is None or self._drawn < self._events):
            await free.acquire()
            events = self._next_events()
            sending = requests.create_task(self._deliver(session, events))
            sending.add_done_callback(lambda _: free.release())
            # Do not exceed the rate for more than a second after a pause.
            due = max(due + len(events) / self._rate, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _next_events(self) -> list[Event]:
        size = self._batch if self._draw.random() < 0.7 else 1
        if self._events is not None:
            size = min(size, self._events - self._drawn)
        self._drawn += size
        return [self._event() for _ in range(size)]

    def _event(self) -> Event:
        draw = self._draw
        now = datetime.now(UTC)
        engaged = now - timedelta(days=draw.random() * 3) if draw.random() < 0.1 else now
        event_id = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        is_invalid = draw.random() < 0.005
        if is_invalid:
            self.invalid.add(event_id)
        post_id = 0 if is_invalid else draw.randint(1, 300)
        return Event(event_id, engaged.isoformat(), post_id, draw.choice(TYPES))

    async def _deliver(self, session: aiohttp.ClientSession, events: list[Event]) -> None:
        if self._draw.random() < 0.02:
            await self._attempt(session, events)  # sent again below, whatever the outcome
        unknown = await self._attempt(session, events)
        pauses = iter(_RETRY_PAUSES_SECONDS)
        while unknown and self._retries and not self._stopping.is_set():
            await asyncio.sleep(next(pauses, _RETRY_PAUSES_SECONDS[-1]))
            self.retried += len(unknown)
            unknown = await self._attempt(session, unknown)

    async def resend(self, events: Sequence[Event]) -> None:
        """Send events again, once each, in batches of 200."""
        async with aiohttp.ClientSession(self._url, headers=self._headers) as session:
            for start in range(0, len(events), 200):
                await self._attempt(session, list(events[start : start + 200]))

    async def _attempt(self, session: aiohttp.ClientSession, events: list[Event]) -> list[Event]:
        """Send a request and record its outcomes. Return the events of unknown outcome."""
        began = time.monotonic()
        try:
            outcomes = await self._post(session, events)
        except (aiohttp.ClientError, TimeoutError, OSError):
            outcomes = [Outcome.UNKNOWN] * len(events)
        else:
            seconds = time.monotonic() - began
            self.slowest_response_seconds = max(self.slowest_response_seconds, seconds)
        found = list(zip(events, outcomes, strict=True))
        self.outcomes.update(
            (event, outcome)
            for event, outcome in found
            if self.outcomes.get(event) is not Outcome.ACCEPTED
        )
        self.accepted_at += [time.monotonic()] * outcomes.count(Outcome.ACCEPTED)
        self.unknown += outcomes.count(Outcome.UNKNOWN)
        return [event for event, outcome in found if outcome is Outcome.UNKNOWN]

    async def _post(self, session: aiohttp.ClientSession, events: list[Event]) -> list[Outcome]:
        is_batch = len(events) > 1
        path = "/events/batch" if is_batch else "/events"
        bodies = [asdict(event) for event in events]
        async with session.post(path, json=bodies if is_batch else bodies[0]) as response:
            text, status = await response.text(), response.status
        self.statuses[status] += 1
        assert not any(word in text for word in _PRIVATE), text[:500]
        if status in (202, 207):
            return _outcomes(json.loads(text), len(events))
        assert len(text) < _MAX_PROBLEM_BYTES, f"{status}: a response of {len(text)} bytes"
        if status == 422:
            return [Outcome.REJECTED] * len(events)
        assert status == 503, f"{status}: {text[:500]}"
        return [Outcome.UNKNOWN] * len(events)


def _outcomes(response: dict[str, Any], events: int) -> list[Outcome]:
    outcomes = [Outcome.ACCEPTED] * events
    for error in response.get("errors", ()):
        is_unknown = error["error"] == "unavailable"
        outcomes[error["index"]] = Outcome.UNKNOWN if is_unknown else Outcome.REJECTED
    return outcomes
