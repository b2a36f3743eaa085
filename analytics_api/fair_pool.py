"""A connection pool that API keys share: none can take all connections, nor queue without bound."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client import Counter

from sql.pool import AnyConnection, Pool, retry_stale_statements
from web.problems import Problem

REJECTED: Final = Counter(
    "engage_api_reports_rejected_total", "Requests rejected as too many reports run.", ["code"]
)
_RETRY_AFTER: Final = {"Retry-After": "2"}
_WAIT_SECONDS: Final = 6.0

current_key: ContextVar[str | None] = ContextVar("current_key", default=None)
"""ID of the request's API key; None without one."""


@dataclass
class _Share:
    """One key's part of the pool.

    Attributes:
        turns: a permit for each connection that the key may use.
        queries: that run or wait.
    """

    turns: asyncio.Semaphore
    queries: int = field(default=0)


class FairPool:
    """Runs queries of a pool, each API key's on at most half of its connections.

    Args:
        pool: whose connections they are.
        size: how many.
        queries_per_key: that run or wait at one time. More: Problem 429 ``too_many_reports``.
        queries: of all keys. More: Problem 503 ``reports_busy``.
        wait_seconds: after which a query that waits for a connection gets ``reports_busy``.
    """

    def __init__(
        self,
        pool: Pool,
        size: int,
        queries_per_key: int,
        queries: int,
        wait_seconds: float = _WAIT_SECONDS,
    ) -> None:
        self.pool = pool
        self._wait_seconds = wait_seconds
        self._size_per_key = max(1, size // 2)
        self._queries_per_key = queries_per_key
        self._max_queries = queries
        self._queries = 0
        self._shares: dict[str, _Share] = {}

    @retry_stale_statements
    async def fetch(self, query: str, *values: Any) -> list[Any]:
        """Return the rows of a query."""
        async with self.acquire() as connection:
            return list(await connection.fetch(query, *values))

    @retry_stale_statements
    async def fetchrow(self, query: str, *values: Any) -> Any:
        """Return the first row of a query, or None."""
        async with self.acquire() as connection:
            return await connection.fetchrow(query, *values)

    @retry_stale_statements
    async def fetchval(self, query: str, *values: Any) -> Any:
        """Return the first value of the first row of a query, or None."""
        async with self.acquire() as connection:
            return await connection.fetchval(query, *values)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[AnyConnection]:
        """Lend a connection. Raises Problem 429 or 503; 503 also when none is free in time."""
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._wait_seconds) as limit:
                    await stack.enter_async_context(self._turn(current_key.get()))
                    connection = await stack.enter_async_context(self.pool.acquire())
            except TimeoutError:
                if not limit.expired():
                    raise  # PostgreSQL did not let a new connection in
                raise _rejected(503, "reports_busy", "too many reports are running") from None
            yield connection

    @asynccontextmanager
    async def _turn(self, key: str | None) -> AsyncIterator[None]:
        if key is None:
            yield
            return
        share = self._shares.get(key)
        if share is not None and share.queries >= self._queries_per_key:
            detail = "too many reports of this API key are running"
            raise _rejected(429, "too_many_reports", detail)
        if self._queries >= self._max_queries:
            raise _rejected(503, "reports_busy", "too many reports are running")
        if share is None:
            share = self._shares[key] = _Share(asyncio.Semaphore(self._size_per_key))
        share.queries += 1
        self._queries += 1
        try:
            async with share.turns:
                yield
        finally:
            share.queries -= 1
            self._queries -= 1
            if not share.queries:
                self._shares.pop(key, None)


def _rejected(status: int, code: str, detail: str) -> Problem:
    REJECTED.labels(code).inc()
    return Problem(status, code, f"{detail}; retry after Retry-After", headers=_RETRY_AFTER)
