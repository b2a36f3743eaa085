"""reads: response times of reports by number of events.

Sizes: a hundredth, a tenth and all of --events, with 30,000 posts of eight years; the goals are
for --events 5000000. Floor: the same at a hundredth. Over HTTP, with keys, one request at a time.
"in use": the 95th percentile of requests every five seconds, with a refresh before each.
"first": the first request, once a round. "again" and "304": the 95th percentile of a hundred
requests, one after the other.
"""

import asyncio
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from bench.dataset import copies
from bench.read_api import ReadApi, read_api
from bench.result import Goal, Result, at_most
from bench.servers import Servers, p95

_SHARES: Final = (100, 10, 1)
_ID: Final = re.compile(r"/(\d+|[0-9a-f-]{36})(?![\w-])")
_REQUESTS: Final = 20
_PAUSE_SECONDS: Final = 5.0
"""The shortest interval of refreshes, and that of the dashboard's requests."""
_REPEATED: Final = 100
"""Requests of a cached report. A refresh in between makes one of them compute it again."""

Costs = dict[str, list[float]]
"""Milliseconds of each round, by measurement."""


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    sizes = [events // share for share in _SHARES]
    costs: dict[int, Costs] = {size: {} for size in sizes}
    async with AsyncExitStack() as stack:
        sets = await stack.enter_async_context(copies(servers, sizes))
        for _ in range(rounds):
            for each in sets:
                async with read_api(servers, each) as api:
                    await _round(api, costs[each.events])
    floors = costs[sizes[0]]
    return [
        Result(
            f"{name}, {size:,} events",
            "ms",
            costs[size][name],
            floors[name],
            _goal(name) if size == events else None,
            series=name,
            size=size,
        )
        for name in floors
        for size in sizes
    ]


def _goal(name: str) -> Goal | None:
    """Return the goal at the largest size; a first request has none."""
    if name.endswith(" in use"):
        return at_most(10, 5)
    if name.startswith("304"):
        return at_most(2, 2)
    return at_most(100, 100) if "again" in name else None


async def _round(api: ReadApi, costs: Costs) -> None:
    """Measure a service that was just started, and add the results."""
    defaults, others = await api.default_reports(), await api.filtered_reports()
    for path in defaults:
        await _first(api, path)
    in_use = await _in_use(api, defaults)
    for path in defaults:
        _add(costs, f"{_name(path)} in use", p95(in_use[path]))
    unchanged = [
        p95(found)
        for path in defaults
        # Its ETag changes with each count.
        if path != "/ops/ledger" and (found := await _unchanged(api, path))
    ]
    _add(costs, "304, the slowest report", max(unchanged))
    for path in defaults:
        # CSV is cached separately.
        _add(
            costs,
            f"{_name(path)} first",
            await _first(api, f"{path}{'&' if '?' in path else '?'}format=csv"),
        )
    found = [await _first(api, path) for path in others]
    _add(costs, "another zone or filter first, the slowest", max(found))
    again = [p95([await _get(api, path) for _ in range(_REPEATED)]) for path in others]
    _add(costs, "another zone or filter again, the slowest", max(again))


async def _in_use(api: ReadApi, paths: Sequence[str]) -> Costs:
    seen: Costs = {path: [] for path in paths}
    for _ in range(_REQUESTS):
        await api.refresh()
        await asyncio.sleep(_PAUSE_SECONDS)
        for path in paths:
            seen[path].append(await _get(api, path))
    return seen


async def _first(api: ReadApi, path: str) -> float:
    """Request a report that is not cached, until it is computed: a long one is 503 at first."""
    waited_ms = 0.0
    while True:
        ms, status, _ = await api.get(path)
        waited_ms += ms
        if status != 503:
            return waited_ms


async def _get(api: ReadApi, path: str) -> float:
    ms, status, _ = await api.get(path)
    if status != 200:
        raise RuntimeError(f"{path}: {status} after {ms:.0f} ms")
    return ms


async def _unchanged(api: ReadApi, path: str) -> list[float]:
    """Return the milliseconds of responses with 304; some reports have none."""
    found = []
    _, _, etag = await api.get(path)
    for _ in range(_REPEATED):
        ms, status, etag = await api.get(path, etag)
        if status == 304:
            found.append(ms)
    return found if len(found) > 1 else []


def _add(costs: Costs, name: str, ms: float) -> None:
    costs.setdefault(name, []).append(ms)


def _name(path: str) -> str:
    """Return a path with the IDs replaced, which differ between sizes."""
    return _ID.sub("/ID", path)
