"""Annotations: what happened at an instant, in the words of an editor."""

from datetime import date, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from analytics_api.parameters import ZoneParameters
from analytics_api.report import Context, report
from analytics_api.statistics.calendar import day_start
from web.parameters import DateParameter, Integer
from web.problems import Problem

_YEARS: Final = range(1970, 9001)


class AnnotationsParameters(ZoneParameters):
    """Days, and a post."""

    start: DateParameter | None = Field(None, description="First day, YYYY-MM-DD in tz.")
    end: DateParameter | None = Field(None, description="Last day, included.")
    post: str | None = Field(
        None,
        description="Annotations of this post, a number or external ID, as well as those of the"
        " whole platform.",
    )
    limit: Annotated[Integer, Field(ge=1, le=1000)] = Field(50, description="Maximum rows.")


class Annotation(BaseModel):
    """A short text at an instant."""

    annotation_id: int
    annotated_timestamp: datetime
    post_id: int | None = Field(description="null: it is of the whole platform.")
    title: str | None = Field(description="Of the post.")
    text: str


@report("annotations", "/annotations", tag="reports", sql=("annotations",), data="live")
async def annotations(context: Context, query: AnnotationsParameters) -> list[Annotation]:
    """Why did engagement change? Short texts at instants, the newest first.

    `engage annotations add` records them.
    """
    post = await context.id_of("post", query.post) if query.post else 0
    if post is None:
        raise Problem(422, "invalid_parameter", "post: nothing has this external ID")
    rows = await context.rows(
        "annotations",
        start=_midnight("start", query.start, context.zone),
        end=_midnight("end", query.end, context.zone, days=1),
        post=post,
        limit=query.limit,
    )
    return [Annotation(**row) for row in rows]


def _midnight(name: str, day: date | None, zone: ZoneInfo, days: int = 0) -> datetime | None:
    """Return the start of the day that comes *days* after *day*. Raises Problem 422."""
    if day is None:
        return None
    if day.year not in _YEARS:
        raise Problem(422, "invalid_parameter", f"{name}: out of range")
    return day_start(day + timedelta(days=days), zone)
