"""The questions that have a period and filters: a scope in, rows of the public models out."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sql
from analytics_api.answering.answers import Paged
from analytics_api.answering.script import note
from analytics_api.reports.paging import Page, head, place_of
from analytics_api.reports.plain.reports import percent
from analytics_api.reports.scope import Filters, Scope
from analytics_api.reports.scoped.models import (
    Change,
    Dimension,
    Interval,
    Overview,
    PeriodTotals,
    Ranked,
    SeriesPoint,
    Sort,
)
from schema.http.problems import Problem
from sql.pool import Pool

_MOST_POINTS: Final = 10_000
_QUARTER: Final = timedelta(minutes=15)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INTERVAL_SECONDS: Final = {"hour": 3600, "day": 86_400, "week": 7 * 86_400}


async def fetch(pool: Pool, name: str, scope: Scope, **values: Any) -> list[Any]:
    """Return the rows that sql/<name>.sql finds in *scope*."""
    query = sql.load(name)
    arguments = note(query, query.bind(**scope.parameters(), **values))
    return list(await pool.fetch(query.text, *arguments))


def change_percent(now: float, before: float) -> float | None:
    """Return 100 x (now - before) / before to 1 decimal; None: there was nothing before."""
    return round(100 * (now - before) / before, 1) if before else None


async def overview(pool: Pool, scope: Scope) -> Overview:
    """Return the totals of the period and of the one before."""
    current, previous = (_totals(row) for row in await fetch(pool, "overview", scope))
    change = None
    if scope.has_previous:
        names = Change.model_fields
        change = Change(
            **{
                name: change_percent(getattr(current, name), getattr(previous, name))
                for name in names
            }
        )
    return Overview(
        start=scope.start,
        end=scope.end,
        tz=scope.zone.key,
        current=current,
        previous=previous if scope.has_previous else None,
        change_pct=change,
    )


def _totals(row: Any) -> PeriodTotals:
    active = row["likes"] + row["comments"] + row["shares"]
    return PeriodTotals(**row, engagement_rate=percent(active, row["views"]))


async def series(
    pool: Pool, scope: Scope, interval: Interval, post_id: int | None
) -> list[SeriesPoint]:
    """Return the intervals of the period, each beside the one at its place in the period before.

    Raises:
        Problem: 422 for more than 10,000 intervals.
    """
    post = post_id or 0
    if scope.has_previous:
        length_seconds = (scope.end - scope.start).total_seconds()
        if length_seconds / _INTERVAL_SECONDS[interval] > _MOST_POINTS:
            raise Problem(422, "invalid_parameter", "interval: too many for this period")
    else:
        scope = await _kept(pool, scope)
    (rows, *rest) = await asyncio.gather(
        *(_intervals(pool, each, interval, post) for each in scope.periods)
    )
    totals = [row["total_engagements"] for earlier in rest for row in earlier]
    return [
        SeriesPoint(
            **dict(row) | {"start": row["start"].astimezone(scope.zone)},
            previous_engagements=totals[place] if place < len(totals) else None,
        )
        for place, row in enumerate(rows)
    ]


async def _intervals(pool: Pool, scope: Scope, interval: Interval, post: int) -> list[Any]:
    known = scope.start
    if not post and scope.filters == Filters(kind=scope.filters.kind):
        known = max(known, scope.end - (scope.end - _EPOCH) % _QUARTER)
    return await fetch(pool, "series", scope, interval=interval, post=post, known=known)


async def _kept(pool: Pool, scope: Scope) -> Scope:
    """Return the scope of all days that are kept: before them there are no events to show."""
    first = await pool.fetchval(sql.load("first_day").text)
    start = max(scope.start, min(first or scope.end, scope.end))
    return Scope(start, scope.end, scope.zone, scope.filters, has_previous=False)


async def ranking(pool: Pool, scope: Scope, dimension: Dimension, sort: Sort, page: Page) -> Paged:
    """Return one page of the best.

    Raises:
        Problem: 422 for an ``after`` that no page gave.
    """
    place = place_of(page)
    rows = await fetch(
        pool,
        "ranking",
        scope,
        dimension=dimension,
        sort=sort,
        limit=page.limit + 1,
        after=place.value,
        after_key=place.key,
    )
    return head(rows, page, _ranked, "key")


def _ranked(row: dict[str, Any], rank: int) -> Ranked:
    change = change_percent(row["total_engagements"], row["previous_engagements"])
    return Ranked(**row, rank=rank, change_pct=change)
