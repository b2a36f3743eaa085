"""Engagement with one post, and of a period compared with the one before."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from analytics_api.measures import Counts, WhyNotCompared, change_percent, engagement_rate
from analytics_api.parameters import Parameters, PeriodParameters
from analytics_api.periods import DAYS
from analytics_api.report import Context, report
from analytics_api.statistics.calendar import days_before
from web.problems import Problem


class PostParameters(Parameters):
    """A post and a period."""

    post_id: str = Field(description="The post's number or external ID.")
    period: Literal["7d", "30d", "90d", "all"] = Field(
        "7d", description="Since midnight this many days ago in the reporting time zone, or all."
    )


class Engagement(BaseModel):
    """Engagement with one post."""

    post_id: int
    title: str
    author_id: int
    author_name: str
    category: str
    publish_date: datetime
    views: int
    likes: int
    comments: int
    shares: int
    total_engagements: int
    engagement_rate: float | None = Field(
        description="100 x (likes + comments + shares) / views, 2 decimals; null without views."
    )
    external_id: str | None = Field(
        default=None, description="ID of the post in your own system, if the catalogue has it."
    )


@report(
    "post",
    "/engagement/{post_id:path}",
    tag="reports",
    sql=("engagement", "engagement_ever"),
    data="live",
    window="day",
    statuses=(404,),
)
async def engagement(context: Context, query: PostParameters) -> Engagement:
    """How was a post engaged with? Live: an accepted event shows within a second."""
    post_id = await context.id_of("post", query.post_id)
    if query.period == "all":
        row = await context.row("engagement_ever", post_id=post_id or 0)
    else:
        since = days_before(DAYS[query.period], context.zone, context.now)
        row = await context.row("engagement", post_id=post_id or 0, since=since)
    if row is None:
        raise Problem(404, "unknown_post", "there is no such post in the catalogue")
    active = row["likes"] + row["comments"] + row["shares"]
    return Engagement(
        **row,
        total_engagements=row["views"] + active,
        engagement_rate=engagement_rate(active, row["views"]),
    )


class PeriodTotals(Counts):
    """Totals of a period."""

    posts_engaged: int = Field(description="Distinct posts.")
    active_users: int = Field(description="Distinct users, without anonymous ones.")
    posts_published: int
    engagement_rate: float | None = Field(
        description="100 x (likes + comments + shares) / views, 2 decimals; null without views."
    )


class Change(BaseModel):
    """Change from the comparison period in percent; null: there was nothing in it."""

    views: float | None
    likes: float | None
    comments: float | None
    shares: float | None
    total_engagements: float | None
    posts_engaged: float | None
    active_users: float | None
    posts_published: float | None


class Overview(BaseModel):
    """Totals of a period and of the comparison period."""

    start: datetime
    end: datetime = Field(description="End of the period, exclusive.")
    tz: str
    recorded_since: datetime | None = Field(description="null: nothing was recorded yet.")
    current: PeriodTotals
    previous: PeriodTotals | None = Field(description="null without comparison period.")
    previous_start: datetime | None = Field(description="Start of the comparison period.")
    previous_end: datetime | None = Field(description="End of it, exclusive.")
    change_pct: Change | None
    no_comparison: WhyNotCompared


@report("overview", "/reports/overview", tag="reports", sql=("overview",), cost="events")
async def overview(context: Context, query: PeriodParameters) -> Overview:
    """How much engagement was there, compared with the comparison period?"""
    period = context.period
    rows = await context.rows("overview", **period.values())
    current, previous = (_totals(row) for row in rows)
    change = Change(
        **{
            name: change_percent(getattr(current, name), getattr(previous, name))
            for name in Change.model_fields
        }
    )
    return Overview(
        start=period.start,
        end=period.end,
        tz=period.zone.key,
        recorded_since=period.recorded_since,
        current=current,
        previous=previous if period.has_previous else None,
        previous_start=period.previous.start if period.has_previous else None,
        previous_end=period.previous.end if period.has_previous else None,
        change_pct=change if period.has_previous else None,
        no_comparison=period.no_comparison,
    )


def _totals(row: Any) -> PeriodTotals:
    active = row["likes"] + row["comments"] + row["shares"]
    return PeriodTotals(**row, engagement_rate=engagement_rate(active, row["views"]))
