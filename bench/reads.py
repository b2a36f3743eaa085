"""reads: what does each report cost as events grow, and what do its readers wait?

Sizes: a hundredth, a tenth and all of --events, with 30,000 posts over 365 days; the goals are
for --events 5000000. Floor: the same at a hundredth. Over HTTP, keys on, one question at a time.
"in use": the 95th percentile of asking every few seconds, the view refreshed before each time.
"found": what the answer costs that nobody has asked for before, once a round. "again" and "304":
the 95th percentile of a hundred times, one after the other.
"""

import asyncio
import re
import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from bench.dataset import copies
from bench.read_api import ReadApi, read_api
from bench.result import Goal, Result, at_most
from bench.servers import Servers

_SHARES: Final = (100, 10, 1)
_ID: Final = re.compile(r"/(\d+|[0-9a-f-]{36})(?![\w-])")
_ASKS: Final = 20
_PAUSE_SECONDS: Final = 5.0
"""As often as the view is refreshed at most, and the dashboard asks."""
_ASKS_AT_ONCE: Final = 100
"""Of what is kept: a refresh in between makes one of them find the answer anew."""

Costs = dict[str, list[float]]
"""Milliseconds by what was measured, once a round."""


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    """Ask the services of all sizes, interleaved."""
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
    """Return what is asked of the largest size; what nobody has asked before may take its time."""
    if name.endswith(" in use"):
        return at_most(10, 5)
    if name.startswith("304"):
        return at_most(2, 2)
    return at_most(100, 100) if "again" in name else None


async def _round(api: ReadApi, costs: Costs) -> None:
    """Note a round's figures, of a service that was just started."""
    defaults, others = await api.default_questions(), await api.other_questions()
    for path in defaults:
        await _find(api, path)
    in_use = await _in_use(api, defaults)
    for path in defaults:
        _note(costs, f"{_name(path)} in use", _p95(in_use[path]))
    unchanged = [
        _p95(found)
        for path in defaults
        # Its tag is what it counts, anew each time.
        if path != "/ops/ledger" and (found := await _unchanged(api, path))
    ]
    _note(costs, "304, the slowest report", max(unchanged))
    for path in defaults:
        # As a table it is another question, which nobody has asked for yet.
        _note(costs, f"{_name(path)} found", await _find(api, f"{path}?format=csv"))
    found = [await _find(api, path) for path in others]
    _note(costs, "another zone or filter found, the slowest", max(found))
    again = [_p95([await _ask(api, path) for _ in range(_ASKS_AT_ONCE)]) for path in others]
    _note(costs, "another zone or filter again, the slowest", max(again))


async def _in_use(api: ReadApi, paths: Sequence[str]) -> Costs:
    seen: Costs = {path: [] for path in paths}
    for _ in range(_ASKS):
        await api.renew()
        await asyncio.sleep(_PAUSE_SECONDS)
        for path in paths:
            seen[path].append(await _ask(api, path))
    return seen


async def _find(api: ReadApi, path: str) -> float:
    """Ask what nobody has asked before: the first reader of a year may be told to ask again."""
    waited_ms = 0.0
    while True:
        ms, status, _ = await api.get(path)
        waited_ms += ms
        if status != 503:
            return waited_ms


async def _ask(api: ReadApi, path: str) -> float:
    ms, status, _ = await api.get(path)
    if status != 200:
        raise RuntimeError(f"{path}: {status} after {ms:.0f} ms")
    return ms


async def _unchanged(api: ReadApi, path: str) -> list[float]:
    """Return what answers cost that say that nothing changed; some reports have none."""
    found = []
    _, _, etag = await api.get(path)
    for _ in range(_ASKS_AT_ONCE):
        ms, status, etag = await api.get(path, etag)
        if status == 304:
            found.append(ms)
    return found if len(found) > 1 else []


def _note(costs: Costs, name: str, ms: float) -> None:
    costs.setdefault(name, []).append(ms)


def _name(path: str) -> str:
    """Return a path as it is called at every size, where other ids stand in it."""
    return _ID.sub("/ID", path)


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]
