"""Reports about publishing times equal a plain recomputation from the raw events."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.parameters import AGES
from analytics_api.periods import Filters, Period
from analytics_api.reports.timing import (
    NextSlotsParameters,
    PostingHoursParameters,
    WhenToPostParameters,
    next_slots,
    posting_hours,
    when_to_post,
)
from analytics_api.statistics.places import Pair
from analytics_api.statistics.slots import Place, Slot, averaged, hour_factors, slots_of
from loadgen.verification.oracle import Oracle
from tests.integration.reports.conftest import Store, all_rows, context_of, rows_of
from tests.integration.reports.equal_age import aged, oracles_with_ages
from tests.integration.reports.test_reports import bounded
from tests.integration.reports.test_scoped_reports import DAYS, Recount, filters, holding, scope
from tests.unit.api.test_slots import pairs_of

ages = st.sampled_from(AGES)
EQUAL = (1.0,) * 24


def place(moment: Any, wanted: Period) -> Place:
    local = moment.astimezone(wanted.zone)
    return int(local.strftime("%w")), local.hour


def largest_without_outliers(values: list[float]) -> float:
    """Return the largest value without the largest twentieth, at least one of several."""
    ordered = sorted(values)
    while len(ordered) - 1 > 0.95 * (len(values) - 1):
        ordered.pop()
    return ordered[-1]


def slot_pairs(
    oracle: Oracle, hours: int, wanted: Period, by_hour: Sequence[float] = EQUAL
) -> list[Pair]:
    chosen = wanted.filters
    own: dict[Any, list[tuple[datetime, int]]] = defaultdict(list)
    for post in aged(oracle, hours, chosen):
        published = post.post.published
        if wanted.start <= published < wanted.end and chosen.author in {0, post.post.author_id}:
            group = post.post.author_id, post.post.category
            own[group].append((published.astimezone(wanted.zone), post.earned(chosen)))
    capped: list[tuple[Any, datetime, int, float]] = []
    for group, posts in own.items():
        if len(posts) > 1:
            relative = [earned / by_hour[moment.hour] for moment, earned in posts]
            most = max(largest_without_outliers(relative), 5)
            bounded_posts = [min(earned, most * by_hour[moment.hour]) for moment, earned in posts]
            mean = sum(bounded_posts) / len(posts)
            capped += [
                (group, moment, earned, mean)
                for (moment, _), earned in zip(posts, bounded_posts, strict=True)
            ]
    observed: dict[Any, float] = defaultdict(float)
    expected: dict[Any, float] = defaultdict(float)
    for _, moment, earned, mean in capped:
        observed[moment.year, moment.month] += earned
        expected[moment.year, moment.month] += mean
    factors = {
        month: observed[month] / expected[month] if observed[month] else 1.0 for month in observed
    }
    return pairs_of(
        (group, place(moment, wanted), earned / factors[moment.year, moment.month])
        for group, moment, earned, _ in capped
    )


def slots_by_hour(oracle: Oracle, hours: int, wanted: Period, least: int) -> list[Slot]:
    pairs = slot_pairs(oracle, hours, wanted)
    slots = slots_of(pairs, least)
    if by_hour := hour_factors(pairs):
        again = slots_of(slot_pairs(oracle, hours, wanted, by_hour), least)
        slots = averaged(slots, again)
    return slots


@bounded
@given(
    oracle=oracles_with_ages(days=DAYS),
    hours=ages,
    chosen=st.just(Filters()) | filters,
    least=st.integers(1, 12),
    by_hour=st.lists(st.floats(0.1, 3), min_size=24, max_size=24),
)
async def test_when_to_post(
    store: Store,
    oracle: Oracle,
    hours: int,
    chosen: Filters,
    least: int,
    by_hour: Sequence[float],
) -> None:
    wanted = scope(oracle, 30, chosen)
    expected = slot_pairs(oracle, hours, wanted, by_hour)
    async with holding(store, oracle) as pool:
        rows = await rows_of(pool, "posting_slots", wanted, hours=hours, factors=by_hour)
        context = context_of(pool, wanted)
        age: Any = str(hours)
        found = await when_to_post(context, WhenToPostParameters(hours=age, least=least))
        coming = await next_slots(context, NextSlotsParameters(hours=age, least=least, count=3))

    key = itemgetter(0, 1, 2)
    seen = sorted((tuple(row.values()) for row in rows), key=key)
    assert [key(row) for row in seen] == [key(pair) for pair in expected]
    for row, pair in zip(seen, expected, strict=True):
        assert row[3:] == pytest.approx(tuple(pair[3:]), abs=1e-6)
    slots = slots_by_hour(oracle, hours, wanted, least)
    assert [(row.day_of_week, row.hour_of_day) for row in found] == [s.place for s in slots]
    for row, slot in zip(found, slots, strict=True):
        assert row.posts == slot.posts
        assert row.lift_pct == pytest.approx(100 * (slot.index - 1), abs=0.06)
        assert row.verdict == slot.verdict
    good = {slot.place for slot in slots if slot.verdict == "good"}
    assert all(place(opening.start, wanted) in good for opening in coming)


@bounded
@given(
    oracle=oracles_with_ages(days=DAYS),
    chosen=st.just(Filters()) | filters,
    limit=st.integers(1, 5),
)
async def test_posting_hours_page_after_page(
    store: Store, oracle: Oracle, chosen: Filters, limit: int
) -> None:
    wanted = scope(oracle, 30, chosen)
    everybody = replace(
        wanted,
        start=wanted.end - timedelta(days=365),
        filters=replace(chosen, author=0),
    )
    slots = {slot.place: slot for slot in slots_by_hour(oracle, 24, everybody, 1)}
    expected: dict[int, Counter[Place]] = defaultdict(Counter)
    for post in Recount(oracle, wanted).posts.values():
        if wanted.start <= post.published < wanted.end:
            expected[post.author_id][place(post.published, wanted)] += 1
    async with holding(store, oracle) as pool:
        context = context_of(pool, wanted)
        found = await all_rows(posting_hours, context, PostingHoursParameters, least=1, limit=limit)

    assert {row.author_id: row.posts for row in found} == {
        author: posts.total() for author, posts in expected.items()
    }
    for row in found:
        posts = expected[row.author_id]
        verdicts = Counter(slots[where].verdict for where in posts.elements())
        assert (row.in_good, row.in_weak) == (verdicts["good"], verdicts["weak"])
        lift = 100 * (statistics.fmean(slots[where].index for where in posts.elements()) - 1)
        assert row.lift_pct == pytest.approx(lift, abs=0.06)
    assert [row.lift_pct for row in found] == sorted(row.lift_pct for row in found)
