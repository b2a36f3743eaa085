"""Readers by segment or country."""

from typing import Any, Literal

from pydantic import Field

from analytics_api.measures import Counts, WhyNotCompared, change_percent, part_percent
from analytics_api.parameters import PeriodParameters
from analytics_api.periods import NoComparison
from analytics_api.report import Context, report


class AudienceParameters(PeriodParameters):
    """By what readers are grouped, and what counts."""

    by: Literal["segment", "country"] = Field("segment", description="What to group readers by.")


class AudienceGroup(Counts):
    """One segment or country."""

    key: str = Field(description="anonymous: without a user; unknown: not in the catalogue.")
    active_users: int
    share_pct: float = Field(description="Share of all engagements in the period.")
    per_user: float | None = Field(description="Engagements per active user.")
    previous_engagements: int | None
    change_pct: float | None
    no_comparison: WhyNotCompared


@report(
    "audience",
    "/reports/audience",
    tag="reports",
    sql=("audience",),
    cost="events",
    columns=(
        "key", "active_users", "views", "likes", "comments", "shares", "total_engagements",
        "share_pct", "per_user", "change_pct",
    ),
)  # fmt: skip
async def audience(context: Context, query: AudienceParameters) -> list[AudienceGroup]:
    """Which readers engage, by segment or country? Most engagement first."""
    rows = await context.rows("audience", **context.period.values(), by=query.by)
    total = sum(row["total_engagements"] for row in rows)
    return [_group(dict(row), total, context.period.no_comparison) for row in rows]


def _group(row: dict[str, Any], total: int, no_comparison: NoComparison | None) -> AudienceGroup:
    if no_comparison:
        row["previous_engagements"] = None
    users = row["active_users"]
    return AudienceGroup(
        **row,
        share_pct=part_percent(row["total_engagements"], total) or 0.0,
        per_user=round(row["total_engagements"] / users, 2) if users else None,
        change_pct=change_percent(row["total_engagements"], row["previous_engagements"]),
        no_comparison=no_comparison,
    )
