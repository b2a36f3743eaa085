"""Small random worlds, stored as a consumer stores them, and contexts for reports of them."""

import asyncio
import operator
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st
from pydantic import BaseModel

from analytics_api.periods import Period
from analytics_api.report import Context
from consumer.rows import microseconds
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import (
    Author,
    Engagement,
    Post,
    World,
    midnight_days_ago,
    midnight_months_ago,
)
from sql import load
from tests.conftest import Database
from tests.databases import connection_to, store_events

ZONES = ("UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York")
CATEGORIES = ("Business", "Finance", "Tech")
KINDS = ("view", "like", "comment", "share")
# Near both ends of daylight saving time in New York, a leap day, the end of a long month.
NOWS = tuple(
    datetime.fromisoformat(text)
    for text in (
        "2026-03-08T07:30:00+00:00",
        "2026-11-01T05:59:59.999999+00:00",
        "2025-11-09T04:00:00+00:00",
        "2026-05-31T18:14:59+00:00",
        "2024-05-29T18:30:00+00:00",
        "2026-01-01T00:00:00+00:00",
    )
)
_MICROSECOND = timedelta(microseconds=1)
SCHEDULED = datetime(2100, 1, 1, tzinfo=UTC)
_NUDGES = (-_MICROSECOND, timedelta(), _MICROSECOND, timedelta(hours=9))
UNKNOWN_POST = 10_000


@st.composite
def oracles(draw: Any, *, days: Sequence[int] = (), zone: str | None = None) -> Oracle:
    """An oracle of few authors and posts, with many times close to where windows begin.

    Args:
        draw: given by hypothesis.
        days: how long the windows are that matter to a report.
        zone: the reporting zone; None: any.
    """
    place, now = ZoneInfo(zone or draw(st.sampled_from(ZONES))), draw(st.sampled_from(NOWS))
    instants = _instants(place, now, days)
    categories = CATEGORIES[: draw(st.integers(1, len(CATEGORIES)))]
    authors = [
        Author(number, f"author {number}", draw(st.sampled_from(categories)))
        for number in range(1, draw(st.integers(1, 8)) + 1)
    ]
    posts = [
        Post(number, *drawn, title=f"post {number}")
        for number, drawn in enumerate(draw(_posts(len(authors), instants | st.just(SCHEDULED))), 1)
    ]
    who = st.sampled_from([*range(1, len(posts) + 1), UNKNOWN_POST])
    user = st.sampled_from([None, 1, 2, 3])
    engagement = st.builds(Engagement, who, st.sampled_from(KINDS), user, instants)
    most = draw(st.sampled_from([0, 20, 60]))
    engagements = draw(st.lists(engagement, min_size=most // 2, max_size=most))
    return Oracle(World(authors, posts, engagements), place, now)


def _posts(author_count: int, instants: st.SearchStrategy[datetime]) -> Any:
    """Few posts of anybody, or enough of one author to be many."""
    author, category = st.integers(1, author_count), st.sampled_from(CATEGORIES)
    one = st.tuples(author, category, instants)
    return st.lists(one, max_size=6) | st.lists(one, min_size=20, max_size=40)


def _instants(zone: ZoneInfo, now: datetime, days: Sequence[int]) -> st.SearchStrategy[datetime]:
    """Instants up to *now*, half of them where a window begins."""
    edges = [
        midnight_months_ago(3, zone, now),
        *(midnight_days_ago(number, zone, now) for number in days),
        *(now - timedelta(days=number) for number in days),
    ]
    close = st.builds(operator.add, st.sampled_from(edges), st.sampled_from(_NUDGES))
    some_time = st.integers(0, 400 * 86_400).map(lambda seconds: now - timedelta(seconds=seconds))
    return (close | some_time).map(lambda instant: min(instant.astimezone(UTC), now))


def joined(author_id: int, world: World) -> date:
    """Every other author joined shortly before the first own post, the others long ago."""
    first = min((p.published for p in world.posts if p.author_id == author_id), default=None)
    if author_id % 2 and first is not None:
        return first.date() - timedelta(days=author_id)
    return date(2020, 1, 1)


def has_media(post_id: int) -> bool:
    return post_id % 3 == 0


def content_length(post_id: int) -> int:
    return 100 * (post_id % 7)


class PoolOfOne:
    """A connection as a pool, which runs one query at a time."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._turn = connection, asyncio.Lock()

    def __getattr__(self, name: str) -> Any:
        async def asked(*arguments: Any, **named: Any) -> Any:
            async with self._turn:
                return await getattr(self._connection, name)(*arguments, **named)

        return asked


def context_of(pool: Any, period: Period) -> Context:
    """Return the context of a report of a period."""
    return Context(pool, period.zone, period.end, period.end, period)


def context_at(pool: Any, oracle: Oracle) -> Context:
    """Return the context of a report without a period, at the oracle's present."""

    async def find_id(_kind: str, text: str) -> int:
        return int(text)

    return Context(pool, oracle.zone, oracle.now, oracle.now, find_id=find_id)


def choices(model: type[BaseModel], field: str) -> tuple[str, ...]:
    """Return the values that a parameter may have."""
    return get_args(model.model_fields[field].annotation)


async def all_rows(report: Any, context: Context, model: Any, **query: Any) -> list[Any]:
    """Return the rows of all pages of a report."""
    page = await report(context, model(**query))
    rows = list(page.rows)
    while page.next_page is not None:
        page = await report(context, model(**query, after=page.next_page))
        rows += page.rows
    return rows


async def rows_of(pool: Any, name: str, period: Period, **values: Any) -> list[Any]:
    """Return the rows of a SQL file for a period."""
    return await load(name).fetch(pool, **period.values(), **values)


@dataclass
class Store:
    """A connection, whose transactions are rolled back."""

    connection: Any

    @asynccontextmanager
    async def holding(self, oracle: Oracle) -> AsyncIterator[Any]:
        """Yield a pool while the oracle's world is stored."""
        transaction = self.connection.transaction()
        await transaction.start()
        try:
            await self._store_catalogue(oracle.world)
            await self.store_engagements(oracle.world)
            await self.connection.execute("REFRESH MATERIALIZED VIEW engagement_stats")
            await self.connection.execute("UPDATE stats_refresh SET data_as_of = $1", oracle.now)
            await self.connection.execute("SELECT refresh_first_hours($1)", oracle.now)
            yield PoolOfOne(self.connection)
        finally:
            await transaction.rollback()

    async def _store_catalogue(self, world: World) -> None:
        await self.connection.copy_records_to_table(
            "authors",
            records=[
                (a.author_id, a.name, joined(a.author_id, world), a.category) for a in world.authors
            ],
        )
        await self.connection.copy_records_to_table(
            "posts",
            records=[
                (
                    p.post_id,
                    p.author_id,
                    p.category,
                    p.published,
                    p.title,
                    content_length(p.post_id),
                    has_media(p.post_id),
                )
                for p in world.posts
            ],
        )

    async def store_engagements(self, world: World) -> None:
        """Store the events of a world as a consumer does."""
        rows = [
            (time := microseconds(e.at), number.to_bytes(16), e.post_id, e.user_id, e.kind, time)
            for number, e in enumerate(world.engagements, 1)
        ]
        await store_events(self.connection, rows)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    settings = {"timezone": "UTC"}
    async with connection_to(database.url, server_settings=settings) as connection:
        yield Store(connection)
