"""refresh: time to refresh the stats view, and response times of reports during a refresh.

Sizes: a tenth and all of --events, with 30,000 posts of eight years; the goals are for --events
5000000. Floor of a refresh: that of a tenth. Floor of a response: without a refresh.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from bench.dataset import copies
from bench.read_api import ReadApi, read_api
from bench.result import Result, at_most
from bench.servers import Servers, connection
from consumer import transaction
from consumer.rows import Row, microseconds
from loadgen.load import wall_clock_us
from loadgen.seed import read_facts
from loadgen.traffic import Traffic

_SHARES: Final = (10, 1)
_LIVE_EVENTS: Final = 1_000
_REQUESTS: Final = 500
_FORCED: Final = "SELECT refresh_engagement_stats(true)"


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    seen: dict[int, dict[str, list[float]]] = {}
    async with AsyncExitStack() as stack:
        sets = await stack.enter_async_context(
            copies(servers, [events // share for share in _SHARES])
        )
        for each in sets:
            each_seen = seen[each.events] = {}
            traffic = Traffic(await read_facts(each.url), seed=2)
            async with connection(each.url) as database, read_api(servers, each) as api:
                for _ in range(rounds):
                    await _round(database, api, traffic, each_seen)
    least, most = seen
    refreshes = [
        Result(
            f"{name}, {size:,} events",
            "ms",
            seen[size][name],
            seen[least][name],
            at_most(1.5, 1.1, "ratio") if size == most else None,
            series=f"refresh, {name}",
            size=size,
        )
        for name in ("nothing new", f"{_LIVE_EVENTS:,} live events")
        for size in (least, most)
    ]
    return refreshes + [
        Result(
            f"a reader's p99 meanwhile, {size:,} events",
            "ms",
            seen[size]["busy"],
            seen[size]["quiet"],
            at_most(2, 2, "ratio") if size == most else None,
        )
        for size in (least, most)
    ]


async def _round(
    database: Any, api: ReadApi, traffic: Traffic, seen: dict[str, list[float]]
) -> None:
    def add(name: str, ms: float) -> None:
        seen.setdefault(name, []).append(ms)

    add("nothing new", await _refreshed(database))
    async with database.transaction():
        await transaction.store_events(database, _live(traffic), [])
        # The ledger counts events that did not come from the topic as replayed.
        await database.execute("UPDATE ledger_totals SET replayed = replayed + $1", _LIVE_EVENTS)
    add(f"{_LIVE_EVENTS:,} live events", await _refreshed(database))
    add("quiet", await _p99(api))
    refreshing = asyncio.create_task(_keep_refreshing(database))
    try:
        add("busy", await _p99(api))
    finally:
        refreshing.cancel()
        await asyncio.wait({refreshing})


def _live(traffic: Traffic) -> list[Row]:
    """Return rows of new events."""
    now_us = wall_clock_us()
    found = [traffic.live(now_us) for _ in range(_LIVE_EVENTS)]
    return [
        (
            microseconds(datetime.fromisoformat(event.engaged_timestamp)),
            UUID(event.event_id).bytes,
            event.post_id,
            event.user_id,
            event.type,
            microseconds(datetime.fromisoformat(event.engaged_timestamp)),
        )
        for event in found
    ]


async def _refreshed(database: Any) -> float:
    """Return the milliseconds of a refresh, without those of waiting for another one."""
    while True:
        began = time.perf_counter()
        if await database.fetchval(_FORCED, timeout=600) == "refreshed":
            return 1e3 * (time.perf_counter() - began)
        await asyncio.sleep(0.01)


async def _keep_refreshing(database: Any) -> None:
    while True:
        await _refreshed(database)


async def _p99(api: ReadApi) -> float:
    """Request the post with most engagements, which is counted from the events each time."""
    [path] = [each for each in await api.default_reports() if each.startswith("/engagement/")]
    found: Sequence[float] = [(await api.get(path))[0] for _ in range(_REQUESTS)]
    return statistics.quantiles(found, n=100)[-1]
