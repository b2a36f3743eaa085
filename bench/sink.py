"""sink: rows per second of consumers of a backlog.

Floor: plain COPY of the same rows, in batches of 5,000 on one connection, into the same table.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bench.result import Goal, Result, at_least
from bench.servers import Servers, connection, cpu_seconds, running
from bench.traffic import (
    Encoded,
    Plain,
    chunks,
    encoded,
    encoded_with_external_ids,
    plain,
    produce,
    records,
    rows,
    rows_with_external_ids,
    with_duplicates,
)
from consumer.ids import ExternalIds
from consumer.rows import COLUMNS
from schema.event import Record

_FLOOR_ROWS = 5_000
_BATCH_ROWS = 10_000
_TIMEOUT_SECONDS = 300.0
_READ = "SELECT coalesce(sum(next_offset - first_offset), 0)::bigint FROM consumer_offsets"


@dataclass(frozen=True)
class Case:
    """A backlog, and the consumers of it."""

    name: str
    topic: str
    records: int
    batch_rows: int = _BATCH_ROWS
    consumers: int = 1
    is_known: bool = False
    goal: Goal | None = None


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    sample = records(events, 30)
    table = plain(sample)
    cases = await _cases(servers, sample)
    floor: list[float] = []
    seen: dict[str, list[float]] = {case.name: [] for case in cases}
    for _ in range(rounds):
        floor.append(await copied(servers, table))
        for case in cases:
            seen[case.name].append(await _rate(servers, case, table))
    found = [Result(c.name, "rows/s", seen[c.name], floor, c.goal) for c in cases]
    return [Result("plain COPY, batches of 5,000", "rows/s", floor, floor), *found]


async def _cases(servers: Servers, sample: Sequence[Record]) -> list[Case]:
    async def filled(entries: Sequence[Encoded]) -> tuple[str, int]:
        topic = await servers.topic()
        await produce(servers.bootstrap_servers, topic, entries)
        return topic, len(entries)

    once = await filled(encoded(sample))
    twice = await filled(encoded(with_duplicates(sample, 0.05)))
    external = await filled(encoded_with_external_ids(sample))
    return [
        Case("one consumer", *once, goal=at_least(0.5, 0.7)),
        Case("one consumer, 5 % duplicates", *twice, goal=at_least(0.35, 0.5)),
        Case("two consumers together", *once, consumers=2, goal=at_least(0.65, 1.0)),
        *(
            Case(f"one consumer, batches up to {size:,}", *once, batch_rows=size)
            for size in (1_000, 5_000, 20_000)
        ),
        Case("one consumer, new external ids", *external),
        Case("one consumer, known external ids", *external, is_known=True),
    ]


async def copied(servers: Servers, table: Sequence[Plain]) -> float:
    """Return the rows per second of a plain COPY."""
    url = await servers.database(row[0].date() for row in table)
    async with connection(url) as database:
        await database.execute("SET synchronous_commit = off")
        began = time.perf_counter()
        for part in chunks(table, _FLOOR_ROWS):
            await database.copy_records_to_table("engagements", records=part, columns=COLUMNS)
        seconds = time.perf_counter() - began
    await servers.drop(url)
    return len(table) / seconds


async def _rate(servers: Servers, case: Case, table: Sequence[Plain]) -> float:
    url = await servers.database(row[0].date() for row in table)
    if case.is_known:
        async with connection(url) as database:
            await ExternalIds().resolve(database, rows_with_external_ids(rows(table)))
    async with consumers(servers, url, case) as pids:
        found = await consumed(url, case.records, pids)
    async with connection(url) as database:
        stored = await database.fetchval("SELECT count(*) FROM engagements")
    if stored != len(table):
        raise RuntimeError(f"{case.name}: {stored} rows stored, not {len(table)}")
    await servers.drop(url)
    return found.rate


@asynccontextmanager
async def consumers(servers: Servers, url: str, case: Case) -> AsyncIterator[list[int]]:
    """Run the consumers of a case while the block runs."""
    settings = {
        "kafka_bootstrap_servers": servers.bootstrap_servers,
        "database_url": url,
        "topic": case.topic,
        "consumer_group": f"bench-{uuid.uuid4()}",
        "batch_max_rows": str(case.batch_rows),
        "log_level": "WARNING",
    }
    async with AsyncExitStack() as stack:
        pids = [
            await stack.enter_async_context(running("-m", "consumer", **settings))
            for _ in range(case.consumers)
        ]
        yield pids


@dataclass(frozen=True)
class Consumption:
    """Duration and CPU time from the first stored batch of a backlog to the last."""

    records: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.records / self.seconds


async def consumed(url: str, total: int, pids: Sequence[int]) -> Consumption:
    """Wait until *total* records are consumed."""
    first, began, used, done = 0, 0.0, 0.0, 0
    async with connection(url) as database, asyncio.timeout(_TIMEOUT_SECONDS):
        while done < total:
            done = await database.fetchval(_READ)
            if done and not first:
                first, began, used = done, time.perf_counter(), cpu_seconds(pids)
            await asyncio.sleep(0.005)
        return Consumption(done - first, time.perf_counter() - began, cpu_seconds(pids) - used)
