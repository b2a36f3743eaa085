"""ages: cost of counting engagement in the first hours of posts.

Floor of a refresh: that of the stats view alone. Floor of a query: the same query on raw rows.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sql
from bench.result import Result
from bench.servers import Servers, connection
from bench.traffic import chunks, plain, records, rows
from consumer.rows import Row, copy_rows, count_by_post, count_by_quarter, microseconds
from loadgen.seed import read_facts, seed

_DAYS = 365
_CHUNK_ROWS = 50_000
_VIEW = "REFRESH MATERIALIZED VIEW CONCURRENTLY engagement_stats"
_AGES = "SELECT refresh_first_hours()"
_TRUNCATE = "TRUNCATE first_hours"
_ROLLUP = """
SELECT sum(engagements)
  FROM posts_at_age('', 0, '', NULL, 48, '{view,like,comment,share}')
 WHERE publish_timestamp >= now() - interval '90 days'"""
_RAW = """
SELECT count(*)
  FROM posts AS p
  JOIN engagements AS e
    ON e.post_id = p.post_id
   AND e.engaged_timestamp >= p.publish_timestamp
   AND e.engaged_timestamp < p.publish_timestamp + interval '48 hours'
 WHERE p.publish_timestamp >= now() - interval '90 days'
   AND p.publish_timestamp <= now() - interval '48 hours'
   AND e.engaged_timestamp >= now() - interval '90 days'"""


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    today = datetime.now(UTC).date()
    url = await servers.database(today - timedelta(days=day) for day in range(_DAYS + 2))
    await seed(url)
    sample = rows(plain(records(events, _DAYS, await read_facts(url))))
    async with connection(url) as database:
        await database.execute("SET jit = off")
        for part in chunks(sample, _CHUNK_ROWS):
            await _store(database, part)
        await database.execute("VACUUM ANALYZE")
        await database.execute("REFRESH MATERIALIZED VIEW engagement_stats")
        results = await _measure(database, sample, rounds)
    await servers.drop(url)
    return results


async def _measure(database: Any, sample: Sequence[Row], rounds: int) -> list[Result]:
    seen: dict[str, list[float]] = {}

    async def measure(
        name: str, statement: str, before: Callable[[], Awaitable[Any]] | None
    ) -> None:
        for _ in range(rounds):
            if before:
                await before()
            began = time.perf_counter()
            await database.fetchval(statement, timeout=600)
            seen.setdefault(name, []).append(1e3 * (time.perf_counter() - began))

    async def store_copies(ages: Sequence[timedelta]) -> None:
        """Store copies of rows as if they had happened at these ages."""
        now = datetime.now(UTC)
        chosen = [
            (microseconds(now - ages[n % len(ages)]), *row[1:])
            for n, row in enumerate(sample[-1_000:])
        ]
        await _store(database, chosen)

    live = [timedelta(milliseconds=n) for n in range(5_000)]
    late = [timedelta(seconds=7_919 * n % (30 * 86_400)) for n in range(1_000)]
    await measure("view", _VIEW, None)
    await measure("all posts", _AGES, lambda: database.execute(_TRUNCATE))
    await measure("nothing new", _AGES, None)
    await measure("1,000 live events", _AGES, lambda: store_copies(live))
    await measure("1,000 events up to 30 days late", _AGES, lambda: store_copies(late))
    await measure("raw", _RAW, None)
    await measure("90 days of posts at 48 hours", _ROLLUP, None)
    floors = {"90 days of posts at 48 hours": "raw"}
    return [
        Result(name, "ms", values, seen[floors.get(name, "view")]) for name, values in seen.items()
    ]


async def _store(database: Any, part: Sequence[Row]) -> None:
    async with database.transaction():
        await copy_rows(database, part)
        await database.execute(sql.load("upsert_post_totals").text, *count_by_post(part))
        await database.execute(sql.load("upsert_engagements_15m").text, *count_by_quarter(part))
