"""sink: how fast does one consumer process work off a backlog, everything on?

Floor: plain COPY of the same rows, in batches of 5,000 on one connection, into the same table.
"""

import asyncio
import sys
import time
import uuid
from collections.abc import Sequence

from bench.servers import Servers, connection, environment
from bench.table import Result
from bench.traffic import chunks, encoded, named, named_rows, produce, records, rows
from consumer.external_ids import ExternalIds
from consumer.rows import COLUMNS, Row

_FLOOR_ROWS = 5_000
_RESOLVED_BATCH = 10_000
_DEADLINE_SECONDS = 120.0


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    """Measure batch sizes of the consumer against the floor, interleaved."""
    sample = records(events, 30)
    table = rows(sample)
    topic = await servers.topic()
    await produce(servers.bootstrap_servers, topic, encoded(sample))
    by_name = await servers.topic()
    await produce(servers.bootstrap_servers, by_name, named(sample))
    sizes = (1_000, 5_000, 10_000, 20_000)
    floor: list[float] = []
    resolved: dict[str, list[float]] = {"new": [], "known": []}
    seen: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(rounds):
        floor.append(await _copy(servers, table))
        for size in sizes:
            seen[size].append(await _consume(servers, topic, table, size))
        for kind, known in (("new", []), ("known", named_rows(table))):
            rate = await _consume(servers, by_name, table, _RESOLVED_BATCH, known)
            resolved[kind].append(rate)
    found = [
        Result(f"one consumer, batches up to {size:,}", "rows/s", rates, floor)
        for size, rates in seen.items()
    ]
    found += [
        Result(f"the same up to {_RESOLVED_BATCH:,}, {kind} external ids", "rows/s", rates, floor)
        for kind, rates in resolved.items()
    ]
    return [Result("plain COPY, batches of 5,000", "rows/s", floor, floor), *found]


async def _copy(servers: Servers, table: Sequence[Row]) -> float:
    url = await servers.database(row[0].date() for row in table)
    async with connection(url) as database:
        await database.execute("SET synchronous_commit = off")
        began = time.perf_counter()
        for part in chunks(table, _FLOOR_ROWS):
            await database.copy_records_to_table("engagements", records=part, columns=COLUMNS)
        seconds = time.perf_counter() - began
    await servers.drop(url)
    return len(table) / seconds


async def _consume(
    servers: Servers, topic: str, table: Sequence[Row], size: int, known: Sequence[Row] = ()
) -> float:
    """Return rows a second between the first batch that is seen stored and the last one.

    The external ids of *known* have their numbers before that.
    """
    url = await servers.database(row[0].date() for row in table)
    async with connection(url) as database:
        await ExternalIds().resolve(database, list(known))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "consumer",
        env=environment(
            kafka_bootstrap_servers=servers.bootstrap_servers,
            database_url=url,
            topic=topic,
            consumer_group=f"bench-{uuid.uuid4()}",
            batch_max_rows=str(size),
            log_level="WARNING",
        ),
    )
    try:
        async with connection(url) as database, asyncio.timeout(_DEADLINE_SECONDS):
            question = "SELECT coalesce(sum(stored), 0)::bigint FROM consumer_offsets"
            first, began, stored = 0, 0.0, 0
            while stored < len(table):
                stored = await database.fetchval(question)
                if stored and not first:
                    first, began = stored, time.perf_counter()
                await asyncio.sleep(0.005)
            seconds = time.perf_counter() - began
    finally:
        process.terminate()
        await process.wait()
    await servers.drop(url)
    return (len(table) - first) / seconds
