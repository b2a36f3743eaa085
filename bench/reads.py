"""reads: what does each report cost as events grow, and what if it is asked for again?

Sizes: a hundredth, a tenth and all of --events, with 30,000 posts over 365 days; the goals are
for --events 5000000. Floor: the same question at a hundredth. Over HTTP, keys on, one at a time.
"""

import statistics
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Final

from bench.dataset import copies
from bench.read_api import ReadApi, read_api
from bench.servers import Servers
from bench.table import Result

_SHARES: Final = (100, 10, 1)
_FIRST_ASKS: Final = 3
_ASKS: Final = 20

Costs = dict[str, list[float]]
"""Milliseconds by what was asked, once a round."""


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    """Ask the services of all sizes, interleaved."""
    sizes = [events // share for share in _SHARES]
    costs: dict[int, Costs] = {size: {} for size in sizes}
    async with AsyncExitStack() as stack:
        sets = await stack.enter_async_context(copies(servers, sizes))
        apis = {
            each.events: await stack.enter_async_context(read_api(servers, each)) for each in sets
        }
        for _ in range(rounds):
            for size, api in apis.items():
                await _round(api, costs[size])
    floors = costs[sizes[0]]
    return [
        Result(f"{name}, {size:,} events", "ms", values, floors[name])
        for name in floors
        for size, values in ((size, costs[size].get(name, [])) for size in sizes)
        if values
    ]


async def _round(api: ReadApi, costs: Costs) -> None:
    """Note a round's figures: the mean of first asks, the 95th percentile of later ones."""
    defaults, others = await api.default_questions(), await api.other_questions()
    first: Costs = {}
    for _ in range(_FIRST_ASKS):
        await api.renew()
        for path in defaults:
            first.setdefault(path, []).append(await _asked(api, path))
    for path in defaults:
        _note(costs, f"{path}, first", statistics.mean(first[path]))
        _note(costs, f"{path}, again", _p95([await _asked(api, path) for _ in range(_ASKS)]))
    for path in defaults:
        if unchanged := await _unchanged(api, path):
            _note(costs, f"{path}, 304", _p95(unchanged))
    for path in others:
        _note(costs, f"{path}, first", await _asked(api, path))
        _note(costs, f"{path}, again", _p95([await _asked(api, path) for _ in range(_ASKS)]))


async def _asked(api: ReadApi, path: str) -> float:
    ms, status, _ = await api.get(path)
    if status != 200:
        raise RuntimeError(f"{path}: {status} after {ms:.0f} ms")
    return ms


async def _unchanged(api: ReadApi, path: str) -> list[float]:
    """Return what answers cost that say that nothing changed."""
    found = []
    _, _, etag = await api.get(path)
    for _ in range(_ASKS):
        ms, status, etag = await api.get(path, etag)
        if status == 304:
            found.append(ms)
    return found


def _note(costs: Costs, name: str, ms: float) -> None:
    costs.setdefault(name, []).append(ms)


def _p95(values: Sequence[float] | Iterable[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]
