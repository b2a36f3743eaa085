"""archive: throughput of archiving a day.

Floor: COPY of the same day to a file, in PostgreSQL's binary format.
"""

import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.result import Result
from bench.servers import Servers, connection
from refresher.archive import Archive, write_day

_FILL = """
INSERT INTO engagements
SELECT gen_random_uuid(), n % 30000 + 1, nullif(n % 5000, 0),
       (enum_range(NULL::engagement_type))[n % 4 + 1],
       $1::date + n * interval '1 day' / $2, $1::date + n * interval '1 day' / $2
  FROM generate_series(0, $2 - 1) AS n"""
_ALL = "SELECT * FROM engagements"


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    day = datetime.now(UTC).date() - timedelta(days=1)
    url = await servers.database([day])
    with tempfile.TemporaryDirectory(prefix="engage-bench-archive-") as folder:
        async with connection(url) as database:
            await database.execute(_FILL, day, events, timeout=600)
            await database.execute("VACUUM ANALYZE")
            archive = Archive(folder)

            async def copy() -> None:
                await database.copy_from_query(
                    _ALL, output=Path(folder) / "floor", format="binary", timeout=600
                )

            async def write() -> None:
                await write_day(database, archive, day, 1)

            async def read() -> None:
                archive.content(day, 1)

            async def fingerprint() -> None:
                await database.fetchrow("SELECT * FROM day_fingerprint($1)", day, timeout=600)

            floors = [await _rate(copy, events) for _ in range(rounds)]
            results = [
                Result(name, "events/s", [await _rate(work, events) for _ in range(rounds)], floors)
                for name, work in (
                    ("write, read back, rename", write),
                    ("read and compare", read),
                    ("fingerprint, in the database", fingerprint),
                )
            ]
    await servers.drop(url)
    return results


async def _rate(work: Callable[[], Awaitable[Any]], events: int) -> float:
    began = time.perf_counter()
    await work()
    return events / (time.perf_counter() - began)
