"""New, returning and loyal users, and the posts that bring users who come back."""

from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from analytics_api.parameters import PeriodParameters
from analytics_api.periods import NoComparison
from analytics_api.report import Context, report
from analytics_api.statistics.calendar import days_before, shift_days
from web.parameters import Integer

_DAYS: Final = 28
_INSTANT: Final = timedelta(microseconds=1)


class LoyaltyParameters(PeriodParameters):
    """A period, what counts in it, and who is loyal."""

    least: Annotated[Integer, Field(ge=1, le=28)] = Field(
        8, description="Days with engagement, of the last 28, that make a user loyal."
    )


class Loyalty(BaseModel):
    """Users of a period. Anonymous events have none."""

    active_users: int
    new_users: int | None = Field(
        description="Active users without engagement in the 28 days before the period."
    )
    returning_users: int | None = Field(description="The other active users.")
    loyal_users: int | None = Field(
        description="Users with engagement on enough of the last 28 days of the period's end."
    )
    no_comparison: NoComparison | None = Field(
        description="Why numbers are null: part of the 28 days that they need is unknown."
    )


@report(
    "loyalty",
    "/reports/loyalty",
    tag="reports",
    sql=("loyalty", "recorded_since"),
    cost="events",
)
async def loyalty(context: Context, query: LoyaltyParameters) -> Loyalty:
    """How many users are new, how many return, and how many are loyal?"""
    period = context.period
    since = shift_days(period.start, -_DAYS, period.zone)
    loyal_since = days_before(_DAYS - 1, period.zone, period.end - _INSTANT)
    row = await context.row(
        "loyalty", **period.values(), since=since, loyal_since=loyal_since, least=query.least
    )
    found = Loyalty(**row, no_comparison=None)
    recording = await context.recording()
    if reason := recording.why_unknown(loyal_since, period.end):
        found = found.model_copy(update={"loyal_users": None, "no_comparison": reason})
    if reason := _why_new_is_unknown(context, recording.why_unknown(since, period.start)):
        unknown = {"new_users": None, "returning_users": None, "no_comparison": reason}
        found = found.model_copy(update=unknown)
    return found


def _why_new_is_unknown(context: Context, reason: NoComparison | None) -> NoComparison | None:
    return "all_time" if context.period.no_comparison == "all_time" else reason


class ReturningUsersParameters(PeriodParameters):
    """Whose new users are counted, and what counts."""

    dimension: Literal["post", "author", "category"] = Field(
        description="Whose new users to count."
    )
    least: Annotated[Integer, Field(ge=1, le=1000)] = Field(
        10, description="Minimum new users of a row: the share of fewer is mostly chance."
    )
    limit: Annotated[Integer, Field(ge=1, le=1000)] = Field(20, description="Maximum rows.")


class ReturningUsers(BaseModel):
    """New users of one post, author or category."""

    rank: int
    key: str = Field(description="The ID of a post or an author, or the category.")
    label: str
    new_users: int = Field(
        description="Users whose first engagement was with it, a week before the period's end."
    )
    returned: int = Field(description="Those with engagement on another day, within seven days.")
    return_pct: float
    low_pct: float = Field(description="Lower end of the 95 % confidence interval.")
    high_pct: float


@report(
    "returning-users",
    "/reports/returning-users/{dimension}",
    tag="reports",
    sql=("returning_users",),
    cost="events",
)
async def returning_users(
    context: Context, query: ReturningUsersParameters
) -> list[ReturningUsers]:
    """Which posts, authors or categories bring new users who come back within a week?

    By the lower end of the interval, so that few users do not lead by chance.
    """
    period = context.period
    rows = await context.rows(
        "returning_users",
        **period.values(),
        since=shift_days(period.start, -_DAYS, period.zone),
        dimension=query.dimension,
        least=query.least,
        limit=query.limit,
    )
    percents = ("return_pct", "low_pct", "high_pct")
    return [
        ReturningUsers(**{**row, **{name: round(row[name], 1) for name in percents}}, rank=rank)
        for rank, row in enumerate(rows, 1)
    ]
