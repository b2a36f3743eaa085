"""The read API over a database with a small catalogue, on a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from analytics_api.app import create_app
from analytics_api.report import Report, load_reports
from consumer.rows import Row, microseconds
from tests.conftest import Database, Kafka
from tests.databases import store_events
from tests.factories import record
from tests.serving import api_settings, client, new_key, served
from tests.waiting import until
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
            await store_events(self.connection, rows, topic=self.topic)


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


@asynccontextmanager
async def serving(
    connection: Any, database: Database, kafka: Kafka, topic: str, keys: Path, **settings: Any
) -> AsyncIterator[Api]:
    """Serve a read API with these settings and a new read key while the block runs."""
    key = new_key(keys, Scope.READ)
    app, not_ready = create_app(api_settings(database, kafka, topic, keys, **settings))
    async with served(app) as url, client(url, key) as session:
        await until(lambda: not_ready() is None)
        yield Api(url, session, connection, keys, topic)


@pytest.fixture
async def api(
    connection: Any, database: Database, kafka: Kafka, topic: str, tmp_path: Path
) -> AsyncIterator[Api]:
    await fill_catalogue(connection)
    keys = tmp_path / "keys.json"
    settings = {"report_max_stale_seconds": 0.0}
    async with serving(connection, database, kafka, topic, keys, **settings) as api:
        yield api
