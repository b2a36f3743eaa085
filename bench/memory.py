"""memory: RAM of each process at rest, under load and while it consumes a backlog.

Floor: a Python process that has imported asyncio, aiokafka and asyncpg.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bench.result import Goal, Result, at_most
from bench.servers import Servers, rss_megabytes, stack, start
from bench.sink import Case, consumed, consumers
from bench.traffic import encoded, produce, records

_ROLES = ("ingest", "consumer", "refresher", "api", "catalogue")
_LOAD_PER_SECOND = 2_000
_LOAD_SECONDS = 30
_IDLE_SECONDS = 10
_SAMPLE_SECONDS = 0.1
_PART = 250_000
_DAYS = 30


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:  # noqa: ARG001
    floor = [await _bare()]
    results = []
    async with stack() as (folder, found):
        pids = {role: found.processes[role] for role in _ROLES if found.processes.get(role)}
        await asyncio.sleep(_IDLE_SECONDS)
        results += [Result(f"{role} at rest", "MB", [_largest(pids[role])], floor) for role in pids]
        peaks = await _under_load(folder, pids)
        results += [
            Result(f"{role} at {_LOAD_PER_SECOND:,} events/s", "MB", [peak], floor, _goal(role))
            for role, peak in peaks.items()
        ]
    return results + await _backlog(servers, events, floor)


def _goal(role: str) -> Goal:
    limit = 100 if role == "api" else 80
    return at_most(limit, limit)


def _largest(pids: Sequence[int]) -> float:
    return max(rss_megabytes(pid) for pid in pids)


async def _bare() -> float:
    code = "import asyncio, aiokafka, asyncpg, sys; print(flush=True); sys.stdin.read()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), stdin=-1, stdout=-1
    )
    assert process.stdout  # noqa: S101  (for the type checker)
    await process.stdout.readline()
    megabytes = rss_megabytes(process.pid)
    await process.communicate(b"")
    return megabytes


async def _under_load(folder: str, pids: dict[str, list[int]]) -> dict[str, float]:
    options = ("--rate", str(_LOAD_PER_SECOND), "--batch-events", "20", "--no-watch")
    events = _LOAD_PER_SECOND * _LOAD_SECONDS
    load = await start("load", "--dir", folder, "--events", str(events), *options)
    peaks = dict.fromkeys(pids, 0.0)
    while load.returncode is None:
        for role, of_role in pids.items():
            peaks[role] = max(peaks[role], _largest(of_role))
        await asyncio.sleep(_SAMPLE_SECONDS)
    await load.communicate()
    return peaks


async def _backlog(servers: Servers, events: int, floor: list[float]) -> list[Result]:
    """Fill a topic, and measure one consumer of it.

    It is filled in parts, so that this process needs little memory.
    """
    topic = await servers.topic()
    for part in range(-(-events // _PART)):
        entries = encoded(records(_PART, _DAYS, seed=part))
        await produce(servers.bootstrap_servers, topic, entries)
    total = -(-events // _PART) * _PART
    today = datetime.now(UTC).date()
    url = await servers.database(today - timedelta(days=day) for day in range(_DAYS + 2))
    seen: list[float] = []
    async with consumers(servers, url, Case("backlog", topic, total)) as [pid]:

        async def sample() -> None:
            while True:
                seen.append(rss_megabytes(pid))
                await asyncio.sleep(_SAMPLE_SECONDS)

        sampling = asyncio.create_task(sample())
        began = time.perf_counter()
        await consumed(url, total, [pid])
        seconds = time.perf_counter() - began
        sampling.cancel()
    await servers.drop(url)
    quarter = len(seen) // 4
    early, late = seen[quarter : 2 * quarter], seen[-quarter:]
    case = f"consumer over a backlog of {total:,}"
    growth = [statistics.median(late)], [statistics.median(early)]
    return [
        Result(f"{case}, {seconds:.0f} s", "MB", [max(seen)], floor, _goal("consumer")),
        Result(
            f"{case}: last quarter against the second", "MB", *growth, at_most(1.1, 1.0, "ratio")
        ),
    ]
