"""From view to share."""

import asyncio
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, Field

from analytics_api.measures import WhyNotCompared, part_percent
from analytics_api.parameters import PeriodParameters
from analytics_api.periods import Period
from analytics_api.report import Context, report
from schema.event import TYPES, EventType

# The columns of sql/funnel.sql, by step.
_EVENTS: Final = ("views", "likes", "comments", "shares")
_READINGS: Final = ("viewed", "viewed_liked", "viewed_commented", "viewed_shared")
_REACHED: Final = (
    "viewed", "viewed_liked", "viewed_liked_commented", "viewed_liked_commented_shared",
)  # fmt: skip


class FunnelStep(BaseModel):
    """One step from view to share."""

    step: EventType
    events: int = Field(description="Events of this type, also of anonymous users.")
    readings: int = Field(description="Pairs of a known user and a viewed post with this step.")
    of_viewed_pct: float | None = Field(description="Share of the readings with a view.")
    reached: int = Field(description="Readings with this step and all steps before it.")
    of_previous_pct: float | None = Field(description="Share of those with the step before.")
    events_before: int | None = Field(description="In the comparison period.")
    of_viewed_before_pct: float | None = Field(
        description="of_viewed_pct of the comparison period."
    )
    no_comparison: WhyNotCompared


@report(
    "funnel",
    "/reports/funnel",
    tag="reports",
    sql=("funnel",),
    cost="events",
    columns=("step", "events", "readings", "of_viewed_pct", "reached", "of_previous_pct"),
)
async def funnel(context: Context, query: PeriodParameters) -> list[FunnelStep]:
    """How many readers went from a view to a like, a comment, a share?"""
    periods = context.period.periods
    (now, *rest) = await asyncio.gather(*(_readings(context, each) for each in periods))
    before = rest[0] if rest else None
    return [
        FunnelStep(
            step=step,
            events=now[_EVENTS[place]],
            readings=now[_READINGS[place]],
            of_viewed_pct=part_percent(now[_READINGS[place]], now["viewed"]),
            reached=now[_REACHED[place]],
            of_previous_pct=part_percent(now[_REACHED[place]], now[_REACHED[place - 1]])
            if place
            else None,
            events_before=before and before[_EVENTS[place]],
            of_viewed_before_pct=before
            and part_percent(before[_READINGS[place]], before["viewed"]),
            no_comparison=context.period.no_comparison,
        )
        for place, step in enumerate(TYPES)
    ]


async def _readings(context: Context, period: Period) -> Mapping[str, int]:
    (row,) = await context.rows("funnel", **period.values())
    return dict(row)
