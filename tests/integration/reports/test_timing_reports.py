"""What is said of publishing times equals a plain recomputation from the raw events."""

import math
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.reports.fair.models import AGES
from analytics_api.reports.paging import Page
from analytics_api.reports.scope import Filters, Scope
from analytics_api.reports.scoped.reports import fetch
from analytics_api.reports.shrinkage import Unit
from analytics_api.reports.timing import reports as timing_reports
from analytics_api.reports.timing.reports import Judgement
from analytics_api.reports.timing.slots import Place, slots_of
from loadgen.verification.oracle import Oracle
from tests.integration.reports.conftest import Store
from tests.integration.reports.equal_age import aged, lively, sums, unit
from tests.integration.reports.test_reports import bounded
from tests.integration.reports.test_scoped_reports import DAYS, Recount, filters, holding, scope

ages = st.sampled_from(AGES)


def place(moment: Any, wanted: Scope) -> Place:
    local = moment.astimezone(wanted.zone)
    return int(local.strftime("%w")), local.hour


def best_but_for_luck(values: list[int]) -> int:
    """The greatest once the greatest twentieth, at least one of several, is left out."""
    ordered = sorted(values)
    while len(ordered) - 1 > 0.95 * (len(values) - 1):
        ordered.pop()
    return ordered[-1]


def slot_units(oracle: Oracle, hours: int, wanted: Scope) -> dict[Place, Unit]:
    chosen = wanted.filters
    own: dict[Any, list[tuple[Place, int]]] = defaultdict(list)
    for post in aged(oracle, hours, chosen):
        published = post.post.published
        if wanted.start <= published < wanted.end and chosen.author in {0, post.post.author_id}:
            group = post.post.author_id, post.post.category
            own[group].append((place(published, wanted), post.earned(chosen)))
    pairs: dict[Place, list[tuple[float, float]]] = defaultdict(list)
    for uncapped in own.values():
        most = max(best_but_for_luck([earned for _, earned in uncapped]), 5)
        posts = [(where, min(earned, most)) for where, earned in uncapped]
        for number, (where, earned) in enumerate(posts):
            others = [other for n, (_, other) in enumerate(posts) if n != number]
            if others:
                pairs[where].append((earned, sum(others) / len(others)))
    return {where: unit(both) for where, both in pairs.items()}


@bounded
@given(
    oracle=lively(days=DAYS),
    hours=ages,
    chosen=st.just(Filters()) | filters,
    least=st.integers(1, 12),
)
async def test_when_to_post(
    store: Store, oracle: Oracle, hours: int, chosen: Filters, least: int
) -> None:
    wanted = scope(oracle, 30, chosen)
    expected = slot_units(oracle, hours, wanted)
    async with holding(store, oracle) as pool:
        rows = await fetch(pool, "posting_slots", wanted, hours=hours)
        found = await timing_reports.when_to_post(pool, wanted, Judgement(hours, least))
        coming = await timing_reports.next_slots(pool, wanted, Judgement(hours, least), 3)

    seen = {(row["day_of_week"], row["hour_of_day"]): sums(row) for row in rows}
    assert seen.keys() == expected.keys()
    for where, of_slot in expected.items():
        assert seen[where] == pytest.approx(of_slot)
    slots = slots_of(expected, least)
    assert [(row.day_of_week, row.hour_of_day) for row in found] == [s.place for s in slots]
    for row, slot in zip(found, slots, strict=True):
        assert row.posts == slot.unit.posts
        assert row.lift_pct == pytest.approx(100 * (slot.estimate.index - 1), abs=0.06)
        assert row.verdict == slot.verdict
    good = {slot.place for slot in slots if slot.verdict == "good"}
    assert all(place(opening.start, wanted) in good for opening in coming)


@bounded
@given(oracle=lively(days=DAYS), chosen=st.just(Filters()) | filters, limit=st.integers(1, 5))
async def test_posting_hours_page_after_page(
    store: Store, oracle: Oracle, chosen: Filters, limit: int
) -> None:
    wanted = scope(oracle, 30, chosen)
    everybody = replace(
        wanted,
        start=wanted.end - timedelta(days=365),
        filters=replace(chosen, author=0),
    )
    slots = {slot.place: slot for slot in slots_of(slot_units(oracle, 24, everybody), 1)}
    expected: dict[int, Counter[Place]] = defaultdict(Counter)
    for post in Recount(oracle, wanted).posts.values():
        if wanted.start <= post.published < wanted.end:
            expected[post.author_id][place(post.published, wanted)] += 1
    found: list[Any] = []
    after = None
    async with holding(store, oracle) as pool:
        while True:
            page = Page(limit, after)
            shown = await timing_reports.posting_hours(pool, wanted, Judgement(24, 1), page)
            found += shown.rows
            after = shown.following
            if after is None:
                break

    assert {row.author_id: row.posts for row in found} == {
        author: posts.total() for author, posts in expected.items()
    }
    for row in found:
        posts = expected[row.author_id]
        verdicts = Counter(slots[where].verdict for where in posts.elements())
        assert (row.in_good, row.in_weak) == (verdicts["good"], verdicts["weak"])
        logs = [math.log(slots[where].estimate.index) for where in posts.elements()]
        lift = 100 * math.expm1(sum(logs) / len(logs))
        assert row.lift_pct == pytest.approx(lift, abs=0.06)
    assert [row.lift_pct for row in found] == sorted(row.lift_pct for row in found)
