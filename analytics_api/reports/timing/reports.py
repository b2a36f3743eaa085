"""When to publish, and who publishes when: a scope in, rows of the public models out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

from analytics_api.answering.answers import Paged
from analytics_api.reports.fair.reports import unit_of
from analytics_api.reports.insight.effects import lift_percent
from analytics_api.reports.insight.reports import part_percent
from analytics_api.reports.paging import Page, cut
from analytics_api.reports.scope import Scope
from analytics_api.reports.scoped.reports import fetch
from analytics_api.reports.timing.habits import Habit
from analytics_api.reports.timing.models import NextSlot, PostingHours, PostingSlot
from analytics_api.reports.timing.slots import DAYS, Slot, openings, slots_of
from sql.pool import Pool

_JUDGED_DAYS: Final = 365


class Judgement(NamedTuple):
    """Until which age posts are compared, and how many a slot needs to be judged."""

    hours: int
    least_posts: int


async def slots_in(pool: Pool, scope: Scope, judged: Judgement) -> list[Slot]:
    """Return the hours of the week, Sunday's first one first."""
    rows = await fetch(pool, "posting_slots", scope, hours=judged.hours)
    units = {(row["day_of_week"], row["hour_of_day"]): unit_of(row) for row in rows}
    return slots_of(units, judged.least_posts)


async def when_to_post(pool: Pool, scope: Scope, judged: Judgement) -> list[PostingSlot]:
    """Return what publishing at each hour of the week does."""
    return [
        PostingSlot(
            **_lift(slot),
            day_of_week=slot.place[0],
            counted=round(slot.unit.observed, 1),
            expected=round(slot.unit.expected, 1),
            verdict=slot.verdict,
        )
        for slot in await slots_in(pool, scope, judged)
    ]


async def next_slots(pool: Pool, scope: Scope, judged: Judgement, count: int) -> list[NextSlot]:
    """Return the next good hours from the end of the period on."""
    found = openings(await slots_in(pool, scope, judged), scope.end, scope.zone, count)
    return [
        NextSlot(**_lift(opening.slot), start=opening.start, end=opening.end) for opening in found
    ]


def _lift(slot: Slot) -> dict[str, Any]:
    estimate = slot.estimate
    lifts = zip(
        ("lift_pct", "low_pct", "high_pct"),
        (estimate.index, estimate.low, estimate.high),
        strict=True,
    )
    return {
        "day_name": DAYS[slot.place[0]],
        "hour_of_day": slot.place[1],
        "posts": slot.unit.posts,
        **{name: round(100 * (index - 1), 1) for name, index in lifts},
    }


async def habits(pool: Pool, scope: Scope) -> list[Habit]:
    """Return when each author published in the period, by id, whichever is asked about."""
    rows = await fetch(pool, "author_slots", scope)
    found = []
    for author_id, of_author in groupby(rows, itemgetter("author_id")):
        own = list(of_author)
        posts = {(row["day_of_week"], row["hour_of_day"]): row["posts"] for row in own}
        found.append(Habit(author_id, own[0]["author_name"], own[0]["category"], posts))
    return found


async def posting_hours(pool: Pool, scope: Scope, judged: Judgement, page: Page) -> Paged:
    """Return one page of how authors spread their posts over hours, the weakest hours first.

    What is good and weak is told by everybody's posts of a year.

    Raises:
        Problem: 422 for an ``after`` that no page gave.
    """
    everybody = replace(scope.filters, author=0)
    start = min(scope.start, scope.end - timedelta(days=_JUDGED_DAYS))
    slots = await slots_in(pool, replace(scope, start=start, filters=everybody), judged)
    found = [
        _spread(habit, slots)
        for habit in await habits(pool, scope)
        if scope.filters.author in {0, habit.author_id}
    ]
    found.sort(key=lambda row: (row.lift_pct, row.author_id))
    return Paged(*cut(found, page, [(-row.lift_pct, row.author_id) for row in found]))


def _spread(habit: Habit, slots: Sequence[Slot]) -> PostingHours:
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
        lift_pct=lift_percent(habit.log_lift(slots)),
    )
