"""Fading of posts, on platforms where it is known, and recomputed from raw events."""

import math
from collections import defaultdict
from datetime import timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.measures import part_percent
from analytics_api.parameters import AGES, QuarterParameters
from analytics_api.periods import Filters, Period
from analytics_api.reports.decay import EvergreenParameters, decay, evergreen
from analytics_api.statistics.decay import half_life
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Author, Engagement, Post, World
from tests.integration.reports.conftest import NOWS, UNKNOWN_POST, Store, context_of
from tests.integration.reports.equal_age import aged, oracles_with_ages
from tests.integration.reports.test_reports import bounded
from tests.integration.reports.test_scoped_reports import DAYS, filters, holding, scope

NOW = NOWS[0]
SCALE, SHAPE = 36, 0.8
"""The share of engagement to come at an age is (1 + hours / SCALE) ** -SHAPE, as of loadgen."""


@bounded
@given(oracle=oracles_with_ages(days=DAYS), chosen=st.just(Filters()) | filters)
async def test_decay(store: Store, oracle: Oracle, chosen: Filters) -> None:
    wanted = scope(oracle, 30, chosen)
    expected: dict[str | None, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    week_old = {post.post.post_id for post in aged(oracle, AGES[-1], chosen)}
    for hours in AGES:
        for post in aged(oracle, hours, chosen):
            if (
                post.post.post_id in week_old
                and wanted.start <= post.post.published < wanted.end
                and chosen.author in {0, post.post.author_id}
            ):
                for category in (None, post.post.category):
                    expected[category][hours].append(post.earned(chosen))
    async with holding(store, oracle) as pool:
        rows = await decay(context_of(pool, wanted), QuarterParameters())

    assert {row.category for row in rows} == expected.keys()
    for row in rows:
        counts = [sum(expected[row.category][hours]) for hours in AGES]
        assert (row.posts, row.engagements) == (len(expected[row.category][168]), counts[-1])
        shares = [row.pct_1h, row.pct_6h, row.pct_24h, row.pct_48h]
        assert shares == [part_percent(count, counts[-1]) for count in counts[:-1]]
        half = half_life(AGES, counts)
        assert row.half_life_hours == (None if half is None else round(half, 1))


def fading(posts: int, evergreens: int, first_week: float, seed: int) -> Oracle:
    """Posts of half a year whose engagement fades; evergreen ones have much more of it later."""
    random = Random(seed)
    catalogue, events = [], []
    in_week = 1 - (1 + 168 / SCALE) ** -SHAPE
    for number in range(1, posts + 1):
        published = NOW - timedelta(days=random.uniform(36, 64))
        catalogue.append(Post(number, 1, "Tech", published, f"post {number}"))
        mean = first_week / in_week * random.lognormvariate(-0.18, 0.6)
        ages = [
            SCALE * (random.random() ** (-1 / SHAPE) - 1)
            for _ in range(round(random.gauss(mean, math.sqrt(mean))))
        ]
        if number <= evergreens:
            ages += [random.uniform(168, 64 * 24) for _ in range(round(2 * mean))]
        for age in ages:
            at = published + timedelta(hours=age)
            if at < NOW:
                events.append(Engagement(number, "view", None, at))
    start = Engagement(UNKNOWN_POST, "view", None, NOW - timedelta(days=70))
    steady = [start._replace(at=start.at + timedelta(hours=hour)) for hour in range(70 * 24)]
    return Oracle(
        World([Author(1, "Ann", "Tech")], catalogue, [*steady, *events]), ZoneInfo("UTC"), NOW
    )


async def test_half_life_is_that_of_the_world(store: Store) -> None:
    oracle = fading(150, 0, first_week=60, seed=1)
    period = Period(NOW - timedelta(days=90), NOW, oracle.zone)
    async with store.holding(oracle) as pool:
        (row, of_category) = await decay(context_of(pool, period), QuarterParameters())

    half = (1 - (1 + 168 / SCALE) ** -SHAPE) / 2
    truth = SCALE * ((1 - half) ** (-1 / SHAPE) - 1)
    assert row.half_life_hours == pytest.approx(truth, rel=0.06)
    assert (row.category, of_category.category) == (None, "Tech")
    assert of_category.half_life_hours == row.half_life_hours


async def test_evergreen_posts_are_found_among_posts_that_fade(store: Store) -> None:
    oracle = fading(150, 5, first_week=40, seed=2)
    period = Period(NOW, NOW, oracle.zone)
    async with store.holding(oracle) as pool:
        rows = await evergreen(context_of(pool, period), EvergreenParameters(limit=200))
        (first, *_) = await evergreen(context_of(pool, period), EvergreenParameters(limit=1))

    assert first == rows[0]
    found = {row.post_id for row in rows if row.is_evergreen}
    assert found <= {1, 2, 3, 4, 5}
    assert len(found) >= 3
    assert {row.post_id for row in rows[:5]} == {1, 2, 3, 4, 5}
    usual = [row for row in rows if row.post_id > 5]
    held = sum(row.low <= 1 <= row.high for row in usual) / len(usual)
    assert held >= 0.92
    recent = {
        post.post_id: sum(
            event.post_id == post.post_id and event.at >= NOW - timedelta(days=28)
            for event in oracle.world.engagements
        )
        for post in oracle.world.posts
    }
    assert {row.post_id: row.recent for row in rows} == {
        post: count for post, count in recent.items() if count
    }


async def test_posts_that_fade_alike_are_not_evergreen(store: Store) -> None:
    oracle = fading(150, 0, first_week=40, seed=3)
    period = Period(NOW, NOW, oracle.zone)
    async with store.holding(oracle) as pool:
        rows = await evergreen(context_of(pool, period), EvergreenParameters(limit=200))

    assert not [row for row in rows if row.is_evergreen]


@pytest.mark.parametrize(
    ("counts", "half"),
    [
        ([10, 10, 10, 10, 10], 0.5),
        ([0, 5, 8, 9, 10], 6.0),
        ([0, 4, 6, 9, 10], 12.0),
        ([0, 0, 0, 0, 0], None),
    ],
)
def test_half_life_is_interpolated_between_ages(counts: list[float], half: float | None) -> None:
    assert half_life(AGES, counts) == pytest.approx(half)
