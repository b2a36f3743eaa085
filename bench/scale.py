"""scale: CPU time per event with 1, 2 and 4 ingest workers, and with as many consumers.

Floor: the same with one. With more processes than cores, the CPU time per event shows how the
rate would grow with more cores. The results include the first rebalance of the consumers.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

import psutil

from bench.ingest import accepted, bodies_of, worker
from bench.result import Result
from bench.servers import Servers, connection, cpu_seconds
from bench.sink import Case, consumed, consumers
from bench.traffic import encoded, plain, produce, records

_PROCESSES = (1, 2, 4)
_BATCH_EVENTS = 1_000


class Figures(NamedTuple):
    """The results of one run."""

    rate: float
    cpu_us: float
    database_cpu_us: float = 0.0


_UNITS = {"rate": "events/s", "cpu_us": "us/event", "database_cpu_us": "us/event"}


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    sample = records(events, 30)
    days = [row[0].date() for row in plain(sample)]
    bodies = bodies_of(sample, _BATCH_EVENTS)
    topic = await servers.topic()
    await produce(servers.bootstrap_servers, topic, encoded(sample))
    ingested: dict[int, list[Figures]] = {count: [] for count in _PROCESSES}
    stored: dict[int, list[Figures]] = {count: [] for count in _PROCESSES}
    for _ in range(rounds):
        for count in _PROCESSES:
            ingested[count].append(await _ingest(servers, bodies, count))
            url = await servers.database(days)
            case = Case(f"{count} consumers", topic, len(sample), consumers=count)
            stored[count].append(await _consume(servers, url, case))
            await servers.drop(url)
    return [
        *_results("ingest workers", ingested, ("rate", "cpu_us")),
        *_results("consumers", stored, ("rate", "cpu_us")),
        *_results("PostgreSQL, consumers", stored, ("database_cpu_us",)),
    ]


def _results(name: str, figures: dict[int, list[Figures]], fields: Sequence[str]) -> list[Result]:
    return [
        Result(
            f"{name}: {count}",
            _UNITS[field],
            _column(figures[count], field),
            _column(figures[1], field),
        )
        for field in fields
        for count in _PROCESSES
    ]


def _column(figures: Sequence[Figures], field: str) -> list[float]:
    return [getattr(one, field) for one in figures]


async def _ingest(servers: Servers, bodies: Sequence[bytes], count: int) -> Figures:
    """Send each worker its share of the bodies concurrently."""
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(worker(servers)) for _ in range(count)]
        pids = [each.pid for each in workers]
        before = cpu_seconds(pids)
        rates = await asyncio.gather(
            *(
                accepted(each, bodies[place::count], _BATCH_EVENTS)
                for place, each in enumerate(workers)
            )
        )
        used = cpu_seconds(pids) - before
    return Figures(sum(rates), 1e6 * used / (len(bodies) * _BATCH_EVENTS))


async def _consume(servers: Servers, url: str, case: Case) -> Figures:
    async with connection(url) as database:
        backend = await database.fetchval("SELECT pg_backend_pid()")
        before = _tree_seconds(backend)
        async with consumers(servers, url, case) as pids:
            found = await consumed(url, case.records, pids)
        database_seconds = _tree_seconds(backend) - before
    return Figures(
        found.rate,
        1e6 * found.cpu_seconds / found.records,
        1e6 * database_seconds / case.records,
    )


def _tree_seconds(backend: int) -> float:
    """Return the CPU time of a backend's server, including its processes that ended."""
    postmaster = psutil.Process(psutil.Process(backend).ppid())
    running = [postmaster.pid, *(child.pid for child in postmaster.children())]
    used = postmaster.cpu_times()
    return cpu_seconds(running) + float(used.children_user + used.children_system)
