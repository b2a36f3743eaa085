"""Engagement over time, compared with the comparison period."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any, Final

from pydantic import BaseModel, Field

from analytics_api.measures import WhyNotCompared
from analytics_api.parameters import PeriodParameters
from analytics_api.periods import Filters, Period
from analytics_api.report import Context, report
from analytics_api.statistics.calendar import Interval, interval_bounds
from web.problems import Problem

_MAX_POINTS: Final = 10_000
_QUARTER: Final = timedelta(minutes=15)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INTERVAL_SECONDS: Final = {"hour": 3600, "day": 86_400, "week": 7 * 86_400}


class SeriesParameters(PeriodParameters):
    """A period, its intervals, and what counts."""

    interval: Interval = Field("day", description="Weeks begin on Monday.")
    post: str | None = Field(
        None, description="Engagement with this post only: a number or external ID."
    )


class SeriesPoint(BaseModel):
    """One hour, day or week. Counts are null where engagement was not recorded."""

    start: datetime = Field(description="In tz.")
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    total_engagements: int | None
    previous_start: datetime | None = Field(
        description="Start of the interval at the same place of the comparison period, in tz."
    )
    previous_engagements: int | None = Field(description="Total of that interval.")
    no_comparison: WhyNotCompared


@report("series", "/reports/series", tag="reports", sql=("series", "first_day"), cost="events")
async def series(context: Context, query: SeriesParameters) -> list[SeriesPoint]:
    """How did engagement develop, by hour, day or week?

    A period of more than 10,000 intervals is rejected.
    """
    period = context.period
    post = await _post_id(context, query)
    if period.no_comparison != "all_time":
        length_seconds = (period.end - period.start).total_seconds()
        if length_seconds / _INTERVAL_SECONDS[query.interval] > _MAX_POINTS:
            raise Problem(422, "invalid_parameter", "interval: too many for this period")
    else:
        period = await _recorded(context, period)
    (rows, *rest) = await asyncio.gather(
        *(_intervals(context, each, query.interval, post) for each in period.periods)
    )
    previous = [row for earlier in rest for row in earlier]
    return [
        SeriesPoint(
            **dict(row) | {"start": row["start"].astimezone(period.zone)},
            previous_start=before and before["start"].astimezone(period.zone),
            previous_engagements=before and before["total_engagements"],
            no_comparison=period.no_comparison,
        )
        for row, before in zip_longest(rows, previous[: len(rows)])
    ]


async def _post_id(context: Context, query: SeriesParameters) -> int:
    """Return the number of the post; 0: all posts."""
    if not query.post:
        return 0
    post_id = await context.id_of("post", query.post)
    if post_id is None:
        raise Problem(422, "invalid_parameter", "post: nothing has this external ID")
    return post_id


async def _recorded(context: Context, period: Period) -> Period:
    """Return the part of a period whose events are still stored."""
    first = await context.value("first_day")
    start = max(period.start, min(first or period.end, period.end))
    return Period(start, period.end, period.zone, period.filters, "all_time")


async def _intervals(context: Context, period: Period, interval: Interval, post: int) -> list[Any]:
    known = period.start
    if not post and period.filters == Filters(kind=period.filters.kind):
        # Whole quarters of an hour come from the rollup.
        known = max(known, period.end - (period.end - _EPOCH) % _QUARTER)
    bounds = list(interval_bounds(period.start, period.end, interval, period.zone))
    return await context.rows("series", **period.values(), bounds=bounds, post=post, known=known)
