"""rollups: throughput of storing events with different rollups.

Floor: COPY of the same rows into the same table without a rollup.
"""

import time
from collections.abc import Sequence
from typing import Any

import sql
from bench.result import Result
from bench.servers import Servers, connection
from bench.traffic import chunks, plain, records, rows
from consumer.rows import SECOND, Row, copy_rows, count_by_post, count_by_quarter, day, instant

_HOUR = 3_600 * SECOND
_POST_HOURS = """
CREATE TABLE post_hours (hour timestamptz, post_id bigint, events int, PRIMARY KEY (hour, post_id))
"""
_ADD_POST_HOURS = """
INSERT INTO post_hours AS t SELECT * FROM unnest($1::timestamptz[], $2::bigint[], $3::int[])
    ON CONFLICT (hour, post_id) DO UPDATE SET events = t.events + excluded.events
"""
_DELTAS = "CREATE TABLE deltas (posts bigint[], times timestamptz[], types text[])"
VARIANTS = ("rows", "totals", "totals+quarters", "totals+quarters+post hours", "packed deltas")


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    results = []
    for days in (3, 365):
        sample = rows(plain(records(events, days)))
        for size in (5_000, 20_000):
            seen: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
            for _ in range(rounds):
                for variant in VARIANTS:
                    seen[variant].append(await _rate(servers, sample, size, variant))
            case = f"{days} days, batches of {size:,}"
            results += [
                Result(f"{case}: {variant}", "rows/s", rates, seen["rows"])
                for variant, rates in seen.items()
            ]
    return results


async def _rate(servers: Servers, sample: Sequence[Row], size: int, variant: str) -> float:
    url = await servers.database(day(row[0]) for row in sample)
    async with connection(url) as database:
        await database.execute("SET synchronous_commit = off")
        await database.execute(_POST_HOURS)
        await database.execute(_DELTAS)
        began = time.perf_counter()
        for part in chunks(sample, size):
            async with database.transaction():
                await copy_rows(database, sorted(part))
                await _roll_up(database, part, variant)
        seconds = time.perf_counter() - began
    await servers.drop(url)
    return len(sample) / seconds


async def _roll_up(database: Any, part: Sequence[Row], variant: str) -> None:
    if variant == "packed deltas":
        posts, times, types = (
            [r[2] for r in part],
            [instant(r[0]) for r in part],
            [r[4] for r in part],
        )
        await database.execute("INSERT INTO deltas VALUES ($1, $2, $3)", posts, times, types)
    if "totals" in variant:
        await database.execute(sql.load("upsert_post_totals").text, *count_by_post(part))
    if "quarters" in variant:
        await database.execute(sql.load("upsert_engagements_15m").text, *count_by_quarter(part))
    if "post hours" in variant:
        counts: dict[Any, int] = {}
        for row in part:
            key = (row[0] // _HOUR, row[2])
            counts[key] = counts.get(key, 0) + 1
        keys = sorted(counts)
        columns = (
            [instant(k[0] * _HOUR) for k in keys],
            [k[1] for k in keys],
            [counts[k] for k in keys],
        )
        await database.execute(_ADD_POST_HOURS, *columns)
