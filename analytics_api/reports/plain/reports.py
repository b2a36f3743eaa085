"""One coroutine a question: arguments in, rows of the public models out."""

from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

import sql
from analytics_api.answering.script import note
from analytics_api.reports.plain.models import (
    AuthorTrends,
    Category,
    CategoryMetric,
    Engagement,
    EngagementPattern,
    OpportunityAuthor,
    Period,
    SampleAuthor,
    SamplePost,
    TopAuthor,
)
from sql.pool import Pool

_DAYS: Final = {"7d": 7, "30d": 30, "90d": 90}
_SEGMENT_DAYS: Final = 90
_PATTERN_DAYS: Final = 365
_Model = TypeVar("_Model", bound=BaseModel)


def since(period: Period, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return the midnight, in *zone*, of the day so many days before *now*; None: since ever."""
    return None if period == "all" else midnight(_DAYS[period], zone, now)


def midnight(days: int, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the midnight, in *zone*, with which the day so many days before *now* begins."""
    day = now.astimezone(zone).date() - timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=zone)


async def engagement(pool: Pool, post_id: int, start: datetime | None) -> Engagement | None:
    """Return how a post was engaged with from *start* on; None: it is not in the catalogue."""
    if start is None:
        row = await _row(pool, "engagement_ever", post_id=post_id)
    else:
        row = await _row(pool, "engagement", post_id=post_id, since=start)
    if row is None:
        return None
    active = row["likes"] + row["comments"] + row["shares"]
    return Engagement(
        **row,
        total_engagements=row["views"] + active,
        engagement_rate=percent(active, row["views"]),
    )


def percent(part: int, whole: int) -> float:
    """Return 100 x part / whole to 2 decimals, halves rounded up; 0 without a whole."""
    return (20_000 * part + whole) // (2 * whole) / 100 if whole else 0.0


async def categories_top(pool: Pool, metric: CategoryMetric, limit: int) -> list[Category]:
    """Return the leading categories, best first."""
    return await _rows(pool, Category, "categories_top", metric=metric, limit=limit)


async def author_trends(
    pool: Pool, author_id: int, zone: ZoneInfo, now: datetime
) -> AuthorTrends | None:
    """Return how an author's posts do; None: there is no such author."""
    row = await _row(
        pool,
        "author_trends",
        author_id=author_id,
        since_7d=midnight(7, zone, now),
        since_30d=midnight(30, zone, now),
        now=now,
    )
    return None if row is None else AuthorTrends(**row)


async def sample_posts(pool: Pool, limit: int) -> list[SamplePost]:
    """Return the most engaged posts."""
    return await _rows(pool, SamplePost, "sample_posts", limit=limit)


async def sample_authors(
    pool: Pool, limit: int, zone: ZoneInfo, now: datetime
) -> list[SampleAuthor]:
    """Return the most engaged authors."""
    since_90d = midnight(_SEGMENT_DAYS, zone, now)
    return await _rows(pool, SampleAuthor, "sample_authors", limit=limit, since=since_90d)


async def top_authors(pool: Pool, zone: ZoneInfo, now: datetime) -> list[TopAuthor]:
    """Return the best authors by category of post, of the last 3 months."""
    today = now.astimezone(zone).date()
    return await _rows(pool, TopAuthor, "top_authors", today=today, zone=zone.key)


async def engagement_patterns(pool: Pool, zone: ZoneInfo, now: datetime) -> list[EngagementPattern]:
    """Return engagement by hour and weekday in *zone*, of the last 365 days."""
    since_365d = midnight(_PATTERN_DAYS, zone, now)
    return await _rows(
        pool, EngagementPattern, "engagement_patterns", since=since_365d, zone=zone.key
    )


async def opportunity_authors(pool: Pool, zone: ZoneInfo, now: datetime) -> list[OpportunityAuthor]:
    """Return what authors' posts of the last 90 days bring and could bring."""
    since_90d = midnight(_SEGMENT_DAYS, zone, now)
    return await _rows(pool, OpportunityAuthor, "opportunity_authors", since=since_90d)


async def _row(pool: Pool, name: str, **values: Any) -> Any:
    query = sql.load(name)
    return await pool.fetchrow(query.text, *note(query, query.bind(**values)))


async def _rows(pool: Pool, model: type[_Model], name: str, **values: Any) -> list[_Model]:
    query = sql.load(name)
    rows = await pool.fetch(query.text, *note(query, query.bind(**values)))
    return [model(**row) for row in rows]
