"""API keys share a pool: none uses all of it, and none queues without bound."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from analytics_api.fair_pool import FairPool, current_key
from web.problems import Problem


class Pool:
    """Connections whose queries wait for ``may_end``."""

    def __init__(self) -> None:
        self.running: list[str | None] = []
        self.may_end = asyncio.Event()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["Pool"]:
        yield self

    async def fetchval(self, _query: str) -> str | None:
        self.running.append(current_key.get())
        await self.may_end.wait()
        return current_key.get()


@pytest.fixture
async def pool() -> Pool:
    return Pool()


def start_query(fair_pool: Any, key: str | None) -> "asyncio.Task[Any]":
    async def run() -> Any:
        current_key.set(key)
        return await fair_pool.fetchval("SELECT")

    return asyncio.create_task(run())


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_key_uses_half_of_the_connections(pool: Any) -> None:
    fair_pool = FairPool(pool, 8, 64, 256)
    queries = [start_query(fair_pool, key) for key in [*"aaaaaaaaaa", "b", None]]
    await settle()
    assert pool.running == ["a"] * 4 + ["b", None]

    pool.may_end.set()
    assert await asyncio.gather(*queries) == ["a"] * 10 + ["b", None]


async def test_queries_beyond_the_bound_of_a_key_or_of_all_are_rejected(pool: Any) -> None:
    fair_pool = FairPool(pool, 8, 3, 5)
    queries = [start_query(fair_pool, key) for key in "aaaabbbc"]
    await settle()
    pool.may_end.set()
    found = await asyncio.gather(*queries, return_exceptions=True)

    rejected = [(e.status, e.code) for e in found if isinstance(e, Problem)]
    assert rejected == [(429, "too_many_reports"), (503, "reports_busy"), (503, "reports_busy")]
    assert all(e.headers["Retry-After"] for e in found if isinstance(e, Problem))


async def test_query_is_rejected_when_no_connection_becomes_free_in_time(pool: Any) -> None:
    fair_pool = FairPool(pool, 2, 64, 256, wait_seconds=0.01)
    running = start_query(fair_pool, "a")
    with pytest.raises(Problem) as rejected:
        await start_query(fair_pool, "a")
    assert (rejected.value.status, rejected.value.code) == (503, "reports_busy")

    pool.may_end.set()
    assert await running == "a"


async def test_cancelled_query_makes_room(pool: Any) -> None:
    fair_pool = FairPool(pool, 2, 2, 2)
    queries = [start_query(fair_pool, "a") for _ in range(2)]
    await settle()
    for query in queries:
        query.cancel()
    await asyncio.gather(*queries, return_exceptions=True)
    pool.may_end.set()

    again = [start_query(fair_pool, "a") for _ in range(2)]
    assert await asyncio.gather(*again) == ["a", "a"]
