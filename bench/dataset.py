"""Databases with a year of engagement, stored by the consumer and cached for later runs.

The user's cache folder has the data of a PostgreSQL server with one database per size. They are
created again each week, and when a migration or the load generator has changed. Scenarios get
copies, to which the events since their creation are added.
"""

import asyncio
import hashlib
import shutil
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

import psutil
from rich.console import Console

import loadgen
from bench.servers import Servers, connection
from bench.sink import Case, consumers
from bench.traffic import as_received, encoded, produce
from engage.embedded import ports
from engage.embedded.machine import cache_folder, locked
from engage.embedded.postgres import PostgresServer
from loadgen.seed import read_facts, seed
from loadgen.traffic import Traffic, to_us
from schema.migrate import migrate, shipped

DAYS: Final = 365
_CHUNK_EVENTS: Final = 50_000
_POLL_SECONDS: Final = 1.0
_STORED: Final = "SELECT coalesce(sum(stored), 0)::bigint FROM consumer_offsets WHERE topic = $1"
_NEWEST: Final = "SELECT max(engaged_timestamp) FROM engagements"

console = Console(stderr=True)


@dataclass(frozen=True)
class DataSet:
    """A copy of one size, and the topic of its newest events."""

    events: int
    url: str
    topic: str


@asynccontextmanager
async def copies(servers: Servers, sizes: Iterable[int]) -> AsyncIterator[list[DataSet]]:
    """Yield a database of each size with events until now. They are dropped after the block."""
    folder = _folder()
    with locked(folder.parent, "dataset"):
        postgres = PostgresServer(folder, port=ports.pick())
        await postgres.start()
        try:
            await postgres.wait_ready()
            kept = Servers(servers.bootstrap_servers, postgres.superuser_url)
            found = [await _copy(kept, size) for size in sizes]
            yield found
            for each in found:
                await kept.drop(each.url)
        finally:
            await postgres.stop()


def _folder() -> Path:
    """Return the folder of this week and version, and delete other folders."""
    folders = cache_folder() / "bench"
    files = sorted(Path(loadgen.__file__).parent.glob("*.py"))
    parts = [*(each.text for each in shipped()), *(file.read_text() for file in files)]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    year, week, _ = datetime.now(UTC).isocalendar()
    folder = folders / f"{year}-{week:02}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    for other in folders.iterdir():
        if other.is_dir() and other != folder:
            shutil.rmtree(other)
    return folder


async def _copy(servers: Servers, events: int) -> DataSet:
    template = f"events_{events}"
    async with connection(servers.superuser_url) as server:
        if not await server.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", template):
            await _make(servers, server, template, events)
        name = f"bench_{uuid.uuid4().hex}"
        await server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    url, topic = servers.url(name), await servers.topic()
    async with connection(url) as database:
        since = await database.fetchval(_NEWEST)
    missing = round(events * ((datetime.now(UTC) - since) / timedelta(days=DAYS)))
    await _fill(servers, url, topic, max(1, missing), since)
    await _refresh(url)
    return DataSet(events, url, topic)


async def _make(servers: Servers, server: Any, template: str, events: int) -> None:
    """Create the template, and rename it when it is complete."""
    making = f"making_{template}"
    await server.execute(f"DROP DATABASE IF EXISTS {making} WITH (FORCE)")
    await server.execute(f"CREATE DATABASE {making}")
    url = servers.url(making)
    async with connection(url) as database:
        await migrate(database)
    await seed(url)
    since = datetime.now(UTC) - timedelta(days=DAYS)
    await _fill(servers, url, await servers.topic(), events, since)
    await _refresh(url)
    await server.execute(f"ALTER DATABASE {making} RENAME TO {template}")


async def _refresh(url: str) -> None:
    """Vacuum, analyze and refresh, as autovacuum and the refresher do."""
    async with connection(url) as database:
        await database.execute("VACUUM ANALYZE", timeout=600)
        await database.execute("SELECT refresh_engagement_stats(true)", timeout=600)


async def _fill(servers: Servers, url: str, topic: str, count: int, since: datetime) -> None:
    """Store *count* events from *since* until now with a consumer."""
    facts = await read_facts(url)
    async with consumers(servers, url, Case("data set", topic, count)) as [pid]:
        now = datetime.now(UTC)
        history = Traffic(facts, seed=1).history(count, to_us(since), to_us(now))
        records = as_received(history, now)
        while chunk := list(islice(records, _CHUNK_EVENTS)):
            await produce(servers.bootstrap_servers, topic, encoded(chunk))
        async with connection(url) as database:
            while (stored := await database.fetchval(_STORED, topic)) < count:
                if not psutil.pid_exists(pid):
                    raise RuntimeError("the consumer ended")
                console.print(f"data set: {stored:,} of {count:,} events", highlight=False)
                await asyncio.sleep(_POLL_SECONDS)
