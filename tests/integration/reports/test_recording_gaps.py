"""Time in which nothing was recorded is left out, not taken for time in which nothing happened."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics_api.parameters import PeriodParameters, ZoneParameters
from analytics_api.periods import Filters, Period, Recording
from analytics_api.reports.benchmarks import PostBenchmarkParameters, post_benchmark
from analytics_api.reports.engagement import overview
from analytics_api.reports.movers import MoversParameters, movers
from analytics_api.reports.series import SeriesParameters, series
from analytics_api.reports.timing import engagement_patterns
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Author, Engagement, Post, World
from sql import load
from tests.integration.reports.conftest import Store, context_at, context_of

UTC_ZONE = ZoneInfo("UTC")
MONDAY = datetime(2026, 5, 18, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
GAP = (MONDAY + 9 * HOUR, MONDAY + 13 * HOUR)
NOW = MONDAY + 2 * DAY + 12 * HOUR
POSTS = [
    Post(1, 1, "Tech", MONDAY - 40 * DAY, "old"),
    Post(2, 1, "Tech", MONDAY + 8 * HOUR, "an hour before the gap"),
    Post(3, 1, "Tech", MONDAY + 10 * HOUR, "in the gap"),
    Post(4, 1, "Tech", MONDAY - 2 * DAY + 8 * HOUR, "two days before the gap"),
    Post(5, 1, "Tech", MONDAY + 20 * HOUR, "after the gap"),
]


def views(first: datetime, until: datetime) -> Iterable[Engagement]:
    """Twenty views an hour, but none from 22:00 to 06:00."""
    for number in range(int((until - first) / timedelta(minutes=3))):
        at = first + number * timedelta(minutes=3)
        if 6 <= at.hour < 22:
            yield Engagement(1, "view", 1, at)


def platform(now: datetime = NOW, gap: tuple[datetime, datetime] = GAP) -> Oracle:
    """Five weeks of steady engagement with a gap."""
    events = [event for event in views(MONDAY - 28 * DAY, now) if not gap[0] <= event.at < gap[1]]
    return Oracle(World([Author(1, "Ann", "Tech")], POSTS, events), UTC_ZONE, now)


@asynccontextmanager
async def holding(store: Store, oracle: Oracle) -> AsyncIterator[Any]:
    async with store.holding(oracle) as pool:
        await refresh(store, oracle.now)
        yield pool


async def refresh(store: Store, now: datetime) -> None:
    await store.connection.execute("SELECT refresh_recording_gaps()")
    await store.connection.execute("SELECT refresh_first_hours($1)", now)


async def gaps(pool: Any) -> list[tuple[datetime, datetime]]:
    return [tuple(row) for row in await pool.fetch("TABLE recording_gaps")]


async def days_until(pool: Any, end: datetime, days: int) -> Period:
    recording = Recording(**await load("recorded_since").fetchrow(pool))
    return Period(end - days * DAY, end, UTC_ZONE, Filters()).compared_with(recording)


async def ages_recorded(store: Store) -> dict[int, int]:
    rows = await store.connection.fetch("SELECT post_id, ages FROM first_hours")
    return {row["post_id"]: row["ages"] for row in rows}


async def test_gap_is_found_and_nights_are_none(store: Store) -> None:
    async with holding(store, platform()) as pool:
        assert await gaps(pool) == [GAP]


@pytest.mark.parametrize(
    "gap",
    [
        pytest.param((GAP[0], GAP[0] + 2 * HOUR), id="40 events are missing"),
        pytest.param((GAP[0], GAP[0] + 45 * timedelta(minutes=1)), id="less than an hour"),
        pytest.param((MONDAY - 2 * HOUR, MONDAY + 6 * HOUR), id="only the night"),
    ],
)
async def test_silence_that_may_be_chance_is_no_gap(
    store: Store, gap: tuple[datetime, datetime]
) -> None:
    async with holding(store, platform(gap=gap)) as pool:
        assert await gaps(pool) == []


async def test_gap_of_two_weeks_is_one_gap(store: Store) -> None:
    long = (MONDAY - 13 * DAY + 7 * HOUR, MONDAY + DAY + 7 * HOUR)
    oracle = platform(MONDAY + 40 * DAY, long)
    events = [*views(MONDAY - 90 * DAY, MONDAY - 28 * DAY), *oracle.world.engagements]
    world = World(oracle.world.authors, oracle.world.posts, events)
    async with holding(store, Oracle(world, UTC_ZONE, oracle.now)) as pool:
        assert await gaps(pool) == [long]


@pytest.mark.parametrize(
    ("days_later", "reason"), [(2, "recording_gap"), (10, "recording_gap"), (16, None)]
)
async def test_periods_are_compared_when_the_gap_has_left_both(
    store: Store, days_later: int, reason: str | None
) -> None:
    now = MONDAY + days_later * DAY
    async with holding(store, platform(now)) as pool:
        found = await overview(context_of(pool, await days_until(pool, now, 7)), PeriodParameters())

    assert found.no_comparison == reason
    assert found.change_pct == (None if reason else found.change_pct)
    assert [(gap.start, gap.end) for gap in found.recording_gaps] == ([GAP] if reason else [])


async def test_hours_of_a_gap_are_null_in_series_and_nights_are_zero(store: Store) -> None:
    async with holding(store, platform()) as pool:
        context = context_of(pool, await days_until(pool, NOW, 7))
        points = await series(context, SeriesParameters(interval="hour"))

    monday = {point.start: point.total_engagements for point in points}
    assert [monday[MONDAY + hour * HOUR] for hour in (5, 8, 9, 12, 13)] == [0, 20, None, None, 20]


async def test_hours_of_a_gap_do_not_lower_the_mean_of_an_hour(store: Store) -> None:
    async with holding(store, platform()) as pool:
        context = context_of(pool, Period(NOW, NOW, UTC_ZONE, Filters(), "all_time"))
        found = await engagement_patterns(context, ZoneParameters())

    of_mondays = {row.hour_of_day: row for row in found if row.day_name == "Monday"}
    assert (of_mondays[8].hours, of_mondays[8].engagements_per_hour) == (5, 20.0)
    assert (of_mondays[10].hours, of_mondays[10].engagements_per_hour) == (4, 20.0)


async def test_posts_are_compared_until_the_age_at_which_the_gap_began(store: Store) -> None:
    async with holding(store, platform()):
        found = await ages_recorded(store)
        wrong = await load("verify_first_hours").fetch(store.connection)

    assert found == {2: 1, 3: 0, 4: 4, 5: 3}
    assert wrong == []


async def test_posts_of_a_gap_are_no_standard_for_others(store: Store) -> None:
    query = PostBenchmarkParameters(post_id="5")
    oracle = platform()
    async with holding(store, oracle) as pool:
        without = await post_benchmark(context_at(pool, oracle), query)
        await store.store_engagements(World([], [], list(views(*GAP))))
        await refresh(store, NOW)
        filled = await post_benchmark(context_at(pool, oracle), query)

    assert (without.peers, filled.peers) == (0, 3)


async def test_posts_of_a_gap_are_no_standard_for_breaking_stories(store: Store) -> None:
    query = MoversParameters(false_alarms=1000)
    in_gap = [
        Post(100 + number, 1, "Tech", GAP[0] + number * timedelta(minutes=5), "in the gap")
        for number in range(30)
    ]
    story = Post(99, 1, "Tech", NOW - timedelta(minutes=20), "story")
    crowd = [Engagement(99, "view", None, NOW - timedelta(minutes=10)) for _ in range(50)]
    world = platform().world
    posts, events = [*POSTS, story, *in_gap], [*world.engagements, *crowd]
    async with holding(store, Oracle(World(world.authors, posts, events), UTC_ZONE, NOW)) as pool:
        context = context_of(pool, Period(NOW, NOW, UTC_ZONE, Filters(), "all_time"))
        without = await movers(context, query)
        await store.connection.execute("DELETE FROM recording_gaps")
        compared = await movers(context, query)

    assert "99" not in {mover.key for mover in without}
    assert "99" in {mover.key for mover in compared}


async def test_gap_in_the_window_is_no_fall(store: Store) -> None:
    now = MONDAY + 20 * HOUR
    query = MoversParameters(false_alarms=1000)
    async with store.holding(platform(now)) as pool:
        context = context_of(pool, Period(now, now, UTC_ZONE, Filters(), "all_time"))
        unknown = await movers(context, query)
        await refresh(store, now)
        known = await movers(context, query)

    assert {mover.direction for mover in unknown} == {"below"}
    assert known == []


async def test_late_events_fill_a_gap(store: Store) -> None:
    async with holding(store, platform()) as pool:
        late = World([], [], list(views(*GAP)))
        await store.store_engagements(late)
        await refresh(store, NOW)

        assert await gaps(pool) == []
        assert await ages_recorded(store) == {2: 4, 3: 4, 4: 4, 5: 3}
        assert (await days_until(pool, NOW, 7)).no_comparison is None
