"""The cache computes a response once, serves stale ones of slow reports, and is bounded."""

import asyncio
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from analytics_api.cache import SLOW_SECONDS, CachedResponse, ReportCache
from tests.waiting import until
from web.problems import Problem

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MAX_STALE_SECONDS = 60.0


class Report:
    """A report whose computation takes a given time on the cache's clock.

    Attributes:
        version: of the data, which is the ETag and the body.
        computed: versions of all computations.
        may_end: computations wait for it.
    """

    def __init__(self, took_seconds: float = 0.0, max_bytes: int = 1_000_000) -> None:
        self.took_seconds = took_seconds
        self.now = 1000.0
        self.version = "v1"
        self.computed: list[str] = []
        self.error: Exception | None = None
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.cache = ReportCache(MAX_STALE_SECONDS, max_bytes, lambda: self.now)

    async def _compute(self) -> CachedResponse:
        version = self.version
        self.computed.append(version)
        await self.may_end.wait()
        self.now += self.took_seconds
        if self.error:
            raise self.error
        return CachedResponse(version.encode(), version, NOON)

    async def get(self, key: str = "key", wait_seconds: float = 5.0) -> str:
        found = await self.cache.get(key, self.version, NOON, self._compute, wait_seconds)
        return found.body.decode()


async def slow_report() -> Report:
    """A report whose last two computations were slow."""
    report = Report(2 * SLOW_SECONDS)
    for report.version in ("v1", "v2"):
        await report.get()
    report.now += 10
    return report


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_fresh_response_is_computed_once() -> None:
    report = Report()
    assert [await report.get() for _ in range(3)] == ["v1"] * 3
    assert report.computed == ["v1"]


async def test_fresh_response_gets_the_newest_data_as_of() -> None:
    report = Report()
    for minutes in (0, 1):
        as_of = NOON + timedelta(minutes=minutes)
        found = await report.cache.get("key", "v1", as_of, report._compute)
    assert (found.as_of, report.computed) == (NOON + timedelta(minutes=1), ["v1"])


@pytest.mark.parametrize("took_seconds", [0.0, SLOW_SECONDS / 2])
async def test_quick_report_is_never_stale(took_seconds: float) -> None:
    report = Report(took_seconds)
    for report.version in ("v1", "v2", "v3"):
        assert await report.get() == report.version


async def test_report_is_not_slow_after_one_slow_computation() -> None:
    report = Report(10 * SLOW_SECONDS)
    await report.get()
    report.version = "v2"
    assert await report.get() == "v2"


async def test_stale_response_of_a_slow_report_is_served_while_it_is_revalidated_once() -> None:
    report = await slow_report()
    report.version = "v3"
    report.may_end.clear()
    assert [await report.get() for _ in range(3)] == ["v2"] * 3
    await settle()
    assert report.computed == ["v1", "v2", "v3"]

    report.may_end.set()
    await settle()
    assert await report.get() == "v3"
    assert report.computed == ["v1", "v2", "v3"]


async def test_slow_report_is_not_revalidated_again_for_some_time() -> None:
    report = await slow_report()
    for report.version in ("v3", "v4"):
        await report.get()
        await settle()
    assert report.computed[2:] == ["v3"]

    report.now += 5 * report.took_seconds
    await report.get()
    await settle()
    assert report.computed[2:] == ["v3", "v4"]


async def test_slow_reports_are_revalidated_one_after_the_other() -> None:
    report = Report(2 * SLOW_SECONDS)
    for report.version in ("v1", "v2"):
        for key in ("one", "two"):
            await report.get(key)
    report.now += 10
    report.version = "v3"
    report.may_end.clear()
    assert [await report.get(key) for key in ("one", "two")] == ["v2", "v2"]
    await settle()
    first = report.computed.count("v3")
    report.may_end.set()

    async def are_all() -> bool:
        return report.computed.count("v3") == 2

    await until(are_all)
    assert first == 1
    assert [await report.get(key) for key in ("one", "two")] == ["v3", "v3"]


async def test_response_is_not_served_when_it_is_too_stale() -> None:
    report = await slow_report()
    report.version = "v3"
    report.now += MAX_STALE_SECONDS
    assert await report.get() == "v3"


async def test_failed_revalidation_leaves_the_stale_response() -> None:
    report = await slow_report()
    report.version, report.error = "v3", RuntimeError("no")
    assert await report.get() == "v2"
    await settle()
    assert await report.get() == "v2"


async def test_requests_share_one_computation_when_one_of_them_leaves() -> None:
    report = Report()
    report.may_end.clear()
    waiting = [asyncio.create_task(report.get()) for _ in range(5)]
    await settle()
    waiting[0].cancel()
    await settle()
    report.may_end.set()

    assert await asyncio.gather(*waiting[1:]) == ["v1"] * 4
    assert report.computed == ["v1"]


async def test_computation_is_cancelled_when_no_client_waits_for_it() -> None:
    report = Report()
    report.may_end.clear()
    waiting = [asyncio.create_task(report.get()) for _ in range(2)]
    await settle()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    report.may_end.set()

    assert await report.get() == "v1"
    assert report.computed == ["v1", "v1"]


async def test_computation_goes_on_when_its_requests_have_waited_long_enough() -> None:
    report = Report()
    report.may_end.clear()
    with pytest.raises(Problem) as rejected:
        await report.get(wait_seconds=0.01)
    assert (rejected.value.status, rejected.value.code) == (503, "report_pending")

    report.may_end.set()
    assert await report.get() == "v1"
    assert report.computed == ["v1"]


async def test_request_gets_the_stale_response_when_a_quick_report_takes_long() -> None:
    report = Report()
    await report.get()
    report.version = "v2"
    report.may_end.clear()
    assert await report.get(wait_seconds=0.01) == "v1"


async def test_failure_reaches_all_waiting_requests_and_is_not_cached() -> None:
    report = Report()
    report.error = RuntimeError("no")
    failed = await asyncio.gather(report.get(), report.get(), return_exceptions=True)
    assert [str(error) for error in failed] == ["no", "no"]
    assert report.computed == ["v1"]

    report.error = None
    assert await report.get() == "v1"


async def test_least_recently_used_response_is_evicted_when_there_is_no_room() -> None:
    size = CachedResponse(b"v1", "v1", NOON).size_bytes
    report = Report(max_bytes=8 * size)
    for key in ("a", "b", "c", "d", "e", "f", "g", "h", "a", "i", "a", "b"):
        await report.get(key)
    assert len(report.computed) == 10


async def test_response_that_would_fill_the_cache_is_not_stored() -> None:
    report = Report(max_bytes=100)
    await report.get()
    await report.get()
    assert (len(report.computed), report.cache.size_bytes) == (2, 0)


async def test_cache_uses_no_more_memory_than_its_bound() -> None:
    bound = 1024 * 1024
    cache = ReportCache(MAX_STALE_SECONDS, bound)

    async def compute() -> CachedResponse:
        number = next(numbers)
        etag, next_page = f'"{number:024x}"', f"{number:060d}"
        as_of = NOON + timedelta(seconds=number)
        return CachedResponse(b"%d" % number, etag, as_of, next_page)

    numbers = iter(range(4000))
    tracemalloc.start()
    try:
        for number in range(4000):
            key = f"/reports/ranking/{number}", (("limit", str(number)),), "json"
            await cache.get(key, "etag", NOON, compute)
        used_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert cache.size_bytes <= bound
    assert used_bytes <= bound * 1.05
