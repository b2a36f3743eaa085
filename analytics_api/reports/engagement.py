"""Engagement with one post, and of a period compared with the one before."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from analytics_api.measures import (
    Counts,
    ExternalId,
    WhyNotCompared,
    change_percent,
    engagement_rate,
)
from analytics_api.parameters import Parameters, PeriodParameters
from analytics_api.periods import DAYS
from analytics_api.report import Context, report
from analytics_api.statistics.calendar import days_before
from analytics_api.statistics.changes import MAX_CHANGES, MIN_CHANGES, usual_change
from analytics_api.statistics.within import lift_percent
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
    external_id: ExternalId = None


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


class UsualRange(BaseModel):
    """Changes that are usual from one such period to the next."""

    low_pct: float = Field(description="Lower end of the 95 % prediction interval.")
    high_pct: float
    is_exceeded: bool = Field(description="Whether the change is outside: more than usual.")


class UsualChanges(BaseModel):
    """The usual range of each change; null: nothing was before."""

    views: UsualRange | None
    likes: UsualRange | None
    comments: UsualRange | None
    shares: UsualRange | None
    total_engagements: UsualRange | None


class RecordingGap(BaseModel):
    """Time in which engagement was not recorded, as when ingest was down."""

    start: datetime
    end: datetime = Field(description="End of the gap, exclusive.")


class Overview(BaseModel):
    """Totals of a period and of the comparison period."""

    start: datetime
    end: datetime = Field(description="End of the period, exclusive.")
    tz: str
    recorded_since: datetime | None = Field(description="null: nothing was recorded yet.")
    recording_gaps: list[RecordingGap] = Field(
        description="Gaps in the period and in its comparison period."
    )
    current: PeriodTotals
    previous: PeriodTotals | None = Field(description="null without comparison period.")
    previous_start: datetime | None = Field(description="Start of the comparison period.")
    previous_end: datetime | None = Field(description="End of it, exclusive.")
    change_pct: Change | None
    usual_change: UsualChanges | None = Field(
        description="null with a filter of posts, and until five periods like this were recorded"
        " before."
    )
    no_comparison: WhyNotCompared


@report(
    "overview",
    "/reports/overview",
    tag="reports",
    sql=("overview", "earlier_periods"),
    cost="events",
)
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
        recorded_since=period.recording and period.recording.recorded_since,
        recording_gaps=[RecordingGap(start=start, end=end) for start, end in period.gaps],
        current=current,
        previous=previous if period.has_previous else None,
        previous_start=period.previous.start if period.has_previous else None,
        previous_end=period.previous.end if period.has_previous else None,
        change_pct=change if period.has_previous else None,
        usual_change=await _usual_changes(context, current, previous),
        no_comparison=period.no_comparison,
    )


def _totals(row: Any) -> PeriodTotals:
    active = row["likes"] + row["comments"] + row["shares"]
    return PeriodTotals(**row, engagement_rate=engagement_rate(active, row["views"]))


async def _usual_changes(
    context: Context, current: PeriodTotals, previous: PeriodTotals
) -> UsualChanges | None:
    """Return the usual ranges, from the changes between earlier periods."""
    period = context.period
    earlier = period.earlier(MAX_CHANGES + 1)
    if not period.filters.has_all_posts or len(earlier) <= MIN_CHANGES:
        return None
    rows = await context.rows(
        "earlier_periods",
        starts=[each.start for each in earlier],
        ends=[each.end for each in earlier],
        types=period.values()["types"],
    )
    counts = {
        name: [row[name] for row in rows] for name in ("views", "likes", "comments", "shares")
    }
    counts["total_engagements"] = [sum(of_types) for of_types in zip(*counts.values(), strict=True)]
    return UsualChanges(
        **{
            name: _usual_range(getattr(current, name), getattr(previous, name), found)
            for name, found in counts.items()
        }
    )


def _usual_range(now: int, before: int, earlier: Sequence[int]) -> UsualRange | None:
    usual = usual_change(now, earlier)
    if usual is None or not before:
        return None
    return UsualRange(
        low_pct=lift_percent(usual.low),
        high_pct=lift_percent(usual.high),
        is_exceeded=usual.is_exceeded_by(now, before),
    )
