"""The read API over a database with a small catalogue, on a real socket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from analytics_api.app import create_app
from analytics_api.report import Report, load_reports
from consumer import transaction
from consumer.rows import Row, day, microseconds
from tests.conftest import Database, Kafka
from tests.factories import record
from tests.serving import api_settings, client, new_key, served
from web.auth import Scope

REPORTS = load_reports()


def path_of(report: Report) -> str:
    """Return the path of an example of a report."""
    return example(report.path)


def example(path: str) -> str:
    """Return a route's path with examples of its parameters."""
    path = path.replace("{dimension}", "author")
    path = path.replace("{post_id:path}", "1").replace("{author_id:path}", "1")
    return f"{path}?q=1" if path == "/search" else path


def with_query(path: str, query: str) -> str:
    """Return a path, which may have a query, with one more parameter."""
    return f"{path}{'&' if '?' in path else '?'}{query}"


PATHS = [path_of(report) for report in REPORTS.values()]


@dataclass
class Api:
    """A client with the read key, and the database behind it."""

    url: str
    session: aiohttp.ClientSession
    connection: Any
    keys: Path
    topic: str

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        async with self.session.get(path, headers=headers) as answer:
            await answer.read()
            return answer

    async def json(self, path: str) -> Any:
        answer = await self.get(path)
        assert answer.status == 200, await answer.text()
        return await answer.json()

    async def store(self, rows: list[Row]) -> None:
        """Store rows as a consumer's transaction does."""
        async with self.connection.transaction():
            for needed in {day(row[0]) for row in rows}:
                await self.connection.execute("SELECT ensure_partition($1)", needed)
            await transaction.store_events(self.connection, rows, [])
            await self.connection.execute(
                "INSERT INTO consumer_offsets (topic, partition, first_offset, next_offset, stored)"
                " VALUES ($1, 0, 0, $2, $2) ON CONFLICT (topic, partition) DO UPDATE"
                " SET next_offset = consumer_offsets.next_offset + $2,"
                "     stored = consumer_offsets.stored + $2",
                self.topic,
                len(rows),
            )


async def until(condition: Callable[[], Awaitable[bool]], within_seconds: float = 10.0) -> None:
    """Wait for a condition, which must hold in time."""
    async with asyncio.timeout(within_seconds):
        while not await condition():  # noqa: ASYNC110  (the service does not notify)
            await asyncio.sleep(0.02)


def row(post_id: int, kind: str = "view", *, days_ago: float = 0.0) -> Row:
    """Return a row of an event so long ago."""
    then = datetime.now(UTC) - timedelta(days=days_ago)
    time = microseconds(then)
    return (time, record().event_id.bytes, post_id, None, kind, time)


async def fill_catalogue(connection: Any) -> None:
    """Put three authors and ten posts into the catalogue."""
    await connection.execute(
        "INSERT INTO authors VALUES (1, '=Ann', '2020-01-01', 'Tech'),"
        " (2, 'Bob', '2020-01-01', 'Health'), (3, 'Cy', '2020-01-01', 'Health')"
    )
    await connection.execute(
        "INSERT INTO posts SELECT i, 1 + i % 2, CASE i % 2 WHEN 0 THEN 'Tech' ELSE 'Health' END,"
        " now() - interval '10 days', 'Post ' || i, 5, false FROM generate_series(1, 10) AS i"
    )


@pytest.fixture
async def api(database: Database, kafka: Kafka, topic: str, tmp_path: Path) -> AsyncIterator[Api]:
    keys = tmp_path / "keys.json"
    settings = api_settings(database, kafka, topic, keys, report_max_stale_seconds=0.0)
    key = new_key(keys, Scope.READ)
    connection = await asyncpg.connect(database.url)
    await fill_catalogue(connection)
    app, _ = create_app(settings)
    try:
        async with served(app) as url, client(url, key) as session:
            yield Api(url, session, connection, keys, topic)
    finally:
        await connection.close()
