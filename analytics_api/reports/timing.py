"""Hours of the week: engagement in them, publishing in them, and which authors do so."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from analytics_api.calendar_file import MEDIA_TYPE, calendar_file
from analytics_api.measures import part_percent
from analytics_api.paging import sliced_page
from analytics_api.parameters import (
    Age,
    PageParameters,
    Parameters,
    QuarterParameters,
    YearParameters,
    ZoneParameters,
)
from analytics_api.periods import Period
from analytics_api.report import Context, Export, report
from analytics_api.responses import Page
from analytics_api.statistics.calendar import days_before
from analytics_api.statistics.places import Pair
from analytics_api.statistics.slots import (
    DAYS,
    Habit,
    Slot,
    Verdict,
    averaged,
    hour_factors,
    openings,
    slots_of,
)
from web.parameters import Integer

_YEAR_DAYS: Final = 365


class EngagementPattern(BaseModel):
    """Engagement in one hour of one weekday, over the last 365 days."""

    hour_of_day: int
    day_of_week: int = Field(description="0 is Sunday.")
    day_name: str
    views: int
    likes: int
    comments: int
    shares: int
    total_engagements: int
    posts_engaged: int = Field(description="Distinct posts.")
    active_users: int = Field(description="Distinct users, without anonymous ones.")
    avg_engagement_per_post: float
    pct_of_total_engagement: float
    hours: float = Field(
        description="How often the hour occurred from the first to the last engagement."
    )
    engagements_per_hour: float = Field(description="total_engagements / hours.")


@report(
    "engagement-patterns",
    "/analytics/engagement-patterns",
    tag="reports",
    sql=("engagement_patterns",),
    window="day",
    cost="year",
    columns=(
        "day_name", "hour_of_day", "engagements_per_hour", "total_engagements",
        "pct_of_total_engagement",
        "posts_engaged", "active_users", "avg_engagement_per_post",
    ),
)  # fmt: skip
async def engagement_patterns(context: Context, query: ZoneParameters) -> list[EngagementPattern]:
    """At which hours of which weekdays is engagement high? Over the last 365 days."""
    since = days_before(_YEAR_DAYS, context.zone, context.now)
    rows = await context.rows("engagement_patterns", since=since, zone=context.zone.key)
    return [EngagementPattern(**row) for row in rows]


class SlotParameters(Parameters):
    """The minimum number of posts for a verdict on an hour of the week."""

    hours: Age = Field("24", description="Hours of a post's life that count.")
    least: Annotated[Integer, Field(ge=1, le=1000)] = Field(
        10, description="Minimum posts of an hour of the week and its neighbours."
    )


class WhenToPostParameters(YearParameters, SlotParameters):
    """Selection of posts, and the minimum number of posts for a verdict."""


class Lift(BaseModel):
    """Effect of publishing at an hour of the week, compared with the same authors' other posts."""

    day_name: str
    hour_of_day: int
    posts: int = Field(description="Posts published in it that are old enough to be compared.")
    lift_pct: float = Field(description="More engagement in posts' first hours. Shrunk.")
    low_pct: float = Field(description="Lower end of the 95 % credible interval.")
    high_pct: float


class PostingSlot(Lift):
    """One hour of one weekday."""

    day_of_week: int = Field(description="0 is Sunday.")
    counted: float = Field(
        description="Engagements, of each post at most the 95th percentile of its author's posts,"
        " over the factor of its month."
    )
    expected: float = Field(description="If each post did as its author's do in the category.")
    verdict: Verdict = Field(
        description="good or weak: hours differ, and the interval does not contain 0; thin: too few"
        " posts."
    )


@report(
    "when-to-post",
    "/reports/when-to-post",
    tag="when to post",
    sql=("posting_slots",),
    cost="posts",
    columns=(
        "day_name", "hour_of_day", "posts", "lift_pct", "low_pct", "high_pct", "verdict",
    ),
)  # fmt: skip
async def when_to_post(context: Context, query: WhenToPostParameters) -> list[PostingSlot]:
    """At which hours of the week should posts be published? All 168 hours.

    Posts are compared with their authors' posts in the same category, at equal age and allowing for
    the month. No hour is good or weak unless one test of all finds that they differ.
    """
    return [
        PostingSlot(
            **_lift(slot),
            day_of_week=slot.place[0],
            counted=round(slot.observed, 1),
            expected=round(slot.expected, 1),
            verdict=slot.verdict,
        )
        for slot in await slots_in(context, context.period, int(query.hours), query.least)
    ]


async def slots_in(context: Context, period: Period, hours: int, least_posts: int) -> list[Slot]:
    """Return the hours of the week, beginning with Sunday's first one."""

    async def pairs(factors: Sequence[float]) -> list[Pair]:
        values = {**period.values(), "hours": hours, "factors": factors}
        return [Pair(**row) for row in await context.rows("posting_slots", **values)]

    first = await pairs([])
    slots = slots_of(first, least_posts)
    if factors := hour_factors(first):
        slots = averaged(slots, slots_of(await pairs(factors), least_posts))
    return slots


def _lift(slot: Slot) -> dict[str, Any]:
    lifts = zip(("lift_pct", "low_pct", "high_pct"), (slot.index, slot.low, slot.high), strict=True)
    return {
        "day_name": DAYS[slot.place[0]],
        "hour_of_day": slot.place[1],
        "posts": slot.posts,
        **{name: round(100 * (index - 1), 1) for name, index in lifts},
    }


class NextSlotsParameters(WhenToPostParameters):
    """Selection of posts, and the number of hours to return."""

    count: Annotated[Integer, Field(ge=1, le=20)] = Field(3, description="Maximum hours.")


class NextSlot(Lift):
    """A recommended hour that is still to come."""

    start: datetime
    end: datetime


def _calendar(context: Context, slots: Sequence[NextSlot]) -> str:
    period = context.period
    return calendar_file(slots, period.filters.category, period.end)


@report(
    "next-slots",
    "/reports/when-to-post/next",
    tag="when to post",
    sql=("posting_slots",),
    cost="posts",
    columns=("start", "day_name", "posts", "lift_pct", "low_pct", "high_pct"),
    exports={"ics": Export(MEDIA_TYPE, _calendar)},
)
async def next_slots(context: Context, query: NextSlotsParameters) -> list[NextSlot]:
    """Upcoming recommended hours; empty when no hour is significantly better."""
    period = context.period
    slots = await slots_in(context, period, int(query.hours), query.least)
    return [
        NextSlot(**_lift(opening.slot), start=opening.start, end=opening.end)
        for opening in openings(slots, period.end, period.zone, query.count)
    ]


class PostingHoursParameters(QuarterParameters, SlotParameters, PageParameters):
    """Selection of posts, and the minimum number of posts for a verdict."""

    limit: Annotated[Integer, Field(ge=1, le=1000)] = Field(50, description="Maximum rows.")


class PostingHours(BaseModel):
    """Numbers of an author's posts that were published in good and weak hours."""

    author_id: int
    author_name: str
    category: str
    posts: int
    in_good: int
    in_weak: int
    good_pct: float
    weak_pct: float
    lift_pct: float = Field(description="Mean lift of the chosen hours.")


@report(
    "posting-hours",
    "/reports/posting-hours",
    tag="when to post",
    sql=("posting_slots", "author_slots"),
    cost="posts",
    columns=(
        "author_name", "category", "posts", "in_good", "in_weak", "good_pct", "weak_pct",
        "lift_pct",
    ),
)  # fmt: skip
async def posting_hours(context: Context, query: PostingHoursParameters) -> Page[PostingHours]:
    """Which authors publish in weak hours, and which in good ones?

    All authors' posts of a year decide which hours are good and weak.
    """
    period = context.period
    start = min(period.start, period.end - timedelta(days=_YEAR_DAYS))
    year = replace(period, start=start, filters=replace(period.filters, author=0))
    slots = await slots_in(context, year, int(query.hours), query.least)
    found = [
        _posting_hours(habit, slots)
        for habit in await habits(context, period)
        if period.filters.author in {0, habit.author_id}
    ]
    found.sort(key=lambda row: (row.lift_pct, row.author_id))
    return sliced_page(found, query, [(-row.lift_pct, row.author_id) for row in found])


async def habits(context: Context, period: Period) -> list[Habit]:
    """Return when all authors published in the period, by ID."""
    rows = await context.rows("author_slots", **period.values())
    found = []
    for author_id, of_author in groupby(rows, itemgetter("author_id")):
        own = list(of_author)
        posts = {(row["day_of_week"], row["hour_of_day"]): row["posts"] for row in own}
        found.append(Habit(author_id, own[0]["author_name"], own[0]["category"], posts))
    return found


def _posting_hours(habit: Habit, slots: Sequence[Slot]) -> PostingHours:
    in_good, in_weak = habit.among(slots, "good"), habit.among(slots, "weak")
    return PostingHours(
        author_id=habit.author_id,
        author_name=habit.author_name,
        category=habit.category,
        posts=habit.total,
        in_good=in_good,
        in_weak=in_weak,
        good_pct=part_percent(in_good, habit.total) or 0.0,
        weak_pct=part_percent(in_weak, habit.total) or 0.0,
        lift_pct=round(100 * (habit.index(slots) - 1), 1),
    )
