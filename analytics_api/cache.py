"""Stale-while-revalidate cache of report responses, keyed by report and parameters."""

import asyncio
import gzip
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from prometheus_client import Counter

from runtime.logging import get_logger
from web.problems import Problem

HITS: Final = Counter("engage_api_cache_hits_total", "Responses served from the cache.")
STALE: Final = Counter(
    "engage_api_cache_stale_total", "Stale responses served while they were revalidated."
)
MISSES: Final = Counter("engage_api_cache_misses_total", "Responses that needed a computation.")
ABANDONED: Final = Counter(
    "engage_api_reports_abandoned_total", "Reports cancelled because no client waited any more."
)

SLOW_SECONDS: Final = 0.1
"""A report that takes longer, twice in a row, is answered with its stale response."""
_WAIT_SECONDS: Final = 7.0
"""Seconds that a request waits for its report: less than analytics_api.routing.TIMEOUT_SECONDS."""
_PAUSE_FACTOR: Final = 4
"""Revalidating a slow report may take a fifth of the time, however often it is requested."""
_MAX_BYTES: Final = 16 * 1024 * 1024
_COMPRESSION_LEVEL: Final = 4
_ENTRY_BYTES: Final = 700
"""Memory of an entry without its strings."""

logger = get_logger("cache")


@dataclass
class CachedResponse:
    """The response of a report, for one state of the data.

    Attributes:
        body: as the client gets it.
        etag: differs whenever the response may differ.
        as_of: when the data were true.
        next_page: the `after` parameter of the next page.
        computed_at, took_seconds: on the cache's clock.
        is_slow: whether this computation and the one before it were slow; one may be a cold start.
    """

    body: bytes
    etag: str
    as_of: datetime
    next_page: str | None = None
    computed_at: float = 0.0
    took_seconds: float = 0.0
    is_slow: bool = False

    @cached_property
    def compressed(self) -> bytes:
        """The body, compressed with gzip."""
        return gzip.compress(self.body, _COMPRESSION_LEVEL, mtime=0)

    @property
    def size_bytes(self) -> int:
        """Memory that the entry takes, up to a quarter less than with its compressed body."""
        strings = (self.body, self.etag, self.next_page or "")
        return _ENTRY_BYTES + sum(map(sys.getsizeof, strings))


Compute = Callable[[], Awaitable[CachedResponse]]


@dataclass
class _Computation:
    """A report that is being computed.

    Attributes:
        waiting: requests that wait for it.
        is_detached: it goes on although no request waits for it.
    """

    task: "asyncio.Task[CachedResponse]"
    waiting: int = 0
    is_detached: bool = False


class ReportCache:
    """Responses by report and parameters. Least recently used entries are evicted first.

    Each key has at most one computation at a time, which all requests for it share. A computation
    is cancelled, with its query, when the last client that waits for it disconnects.

    Args:
        max_stale_seconds: age up to which a stale response is served. 0: none is.
        max_bytes: memory that the entries may take.
        clock: returns monotonic seconds.
    """

    def __init__(
        self,
        max_stale_seconds: float,
        max_bytes: int = _MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_stale_seconds = max_stale_seconds
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[Hashable, CachedResponse] = OrderedDict()
        self._computing: dict[Hashable, _Computation] = {}
        self._due: OrderedDict[Hashable, Compute] = OrderedDict()
        self._is_revalidating = False
        self.size_bytes = 0

    async def get(
        self,
        key: Hashable,
        etag: str,
        as_of: datetime,
        compute: Compute,
        wait_seconds: float = _WAIT_SECONDS,
    ) -> CachedResponse:
        """Return the newest response, or a stale one of a slow report.

        Args:
            key: of the report and its parameters.
            etag: of the response for the newest data.
            as_of: when the newest data were true.
            compute: computes the response.
            wait_seconds: after which the request gets the stale response, or 503 without one.

        Raises:
            Problem: 503 `report_pending`, the report takes longer; its computation goes on.
            Exception: what *compute* raises.
        """
        entry = self._find(key)
        if entry is not None and entry.etag == etag:
            HITS.inc()
            entry.as_of = as_of
            return entry
        stale = entry if entry is not None and self._may_serve(entry) else None
        if stale is not None and stale.is_slow:
            STALE.inc()
            if self._is_due(stale):
                self._due.setdefault(key, compute)
                self._revalidate_next()
            return stale
        MISSES.inc()
        return await self._wait(self._computation(key, compute), key, wait_seconds, stale)

    def _find(self, key: Hashable) -> CachedResponse | None:
        if (entry := self._entries.get(key)) is not None:
            self._entries.move_to_end(key)
        return entry

    def _may_serve(self, stale: CachedResponse) -> bool:
        return self._clock() - stale.computed_at < self._max_stale_seconds

    def _is_due(self, stale: CachedResponse) -> bool:
        pause_seconds = min(_PAUSE_FACTOR * stale.took_seconds, self._max_stale_seconds / 2)
        return self._clock() - stale.computed_at >= pause_seconds

    def _revalidate_next(self) -> None:
        """Revalidate slow reports one after the other, each after a pause as long as the last took.

        However many are in use, they take at most half of a core from everything else.
        """
        while self._due and next(iter(self._due)) not in self._entries:
            self._due.popitem(last=False)  # it was evicted
        if self._is_revalidating or not self._due:
            return
        self._is_revalidating = True
        key, compute = self._due.popitem(last=False)
        computation = self._computation(key, compute)
        computation.is_detached = True
        loop, began = asyncio.get_running_loop(), time.monotonic()

        def continue_later(_: object) -> None:
            loop.call_later(time.monotonic() - began, self._end_revalidation)

        computation.task.add_done_callback(continue_later)

    def _end_revalidation(self) -> None:
        self._is_revalidating = False
        self._revalidate_next()

    def _computation(self, key: Hashable, compute: Compute) -> _Computation:
        """Return the computation of *key*; start it unless it is running."""
        if (running := self._computing.get(key)) is not None:
            return running
        computation = _Computation(asyncio.create_task(self._compute(key, compute)))
        self._computing[key] = computation
        computation.task.add_done_callback(lambda task: self._end(key, computation, task))
        return computation

    async def _compute(self, key: Hashable, compute: Compute) -> CachedResponse:
        began = self._clock()
        response = await compute()
        response.computed_at = self._clock()
        response.took_seconds = response.computed_at - began
        before = self._entries.get(key)
        both = min(response.took_seconds, before.took_seconds if before else 0.0)
        response.is_slow = both > SLOW_SECONDS
        self._store(key, response)
        return response

    async def _wait(
        self,
        computation: _Computation,
        key: Hashable,
        wait_seconds: float,
        stale: CachedResponse | None,
    ) -> CachedResponse:
        computation.waiting += 1
        try:
            await asyncio.wait({computation.task}, timeout=wait_seconds)
            if computation.task.done():
                return computation.task.result()
            computation.is_detached = True
            if stale is not None:
                STALE.inc()
                return stale
            raise Problem(
                503,
                "report_pending",
                "the report is still being computed; retry the same request",
                headers={"Retry-After": "2"},
            )
        finally:
            computation.waiting -= 1
            if not (computation.waiting or computation.is_detached or computation.task.done()):
                ABANDONED.inc()
                # A request that arrives now starts another computation: this one ends.
                del self._computing[key]
                computation.task.cancel()

    def _end(
        self, key: Hashable, computation: _Computation, task: "asyncio.Task[CachedResponse]"
    ) -> None:
        if self._computing.get(key) is computation:
            del self._computing[key]
        if not task.cancelled() and (error := task.exception()) and computation.is_detached:
            logger.warning("revalidation failed", error=type(error).__name__)

    def _store(self, key: Hashable, response: CachedResponse) -> None:
        if (before := self._entries.pop(key, None)) is not None:
            self.size_bytes -= before.size_bytes
        if response.size_bytes > self._max_bytes // 8:
            return
        self._entries[key] = response
        self.size_bytes += response.size_bytes
        while self.size_bytes > self._max_bytes:
            _, oldest = self._entries.popitem(last=False)
            self.size_bytes -= oldest.size_bytes
