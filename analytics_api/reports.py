"""One coroutine a question: arguments in, rows of the public models out."""

from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import sql
from analytics_api.models import Category, CategoryMetric, Engagement, Period
from sql.pool import Pool

_DAYS: Final = {"7d": 7, "30d": 30, "90d": 90}


def since(period: Period, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return the midnight, in *zone*, of the day so many days before *now*; None: since ever."""
    if period == "all":
        return None
    day = now.astimezone(zone).date() - timedelta(days=_DAYS[period])
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
    query = sql.load("categories_top")
    rows = await pool.fetch(query.text, *query.bind(metric=metric, limit=limit))
    return [Category(**row) for row in rows]


async def _row(pool: Pool, name: str, **values: Any) -> Any:
    query = sql.load(name)
    return await pool.fetchrow(query.text, *query.bind(**values))
