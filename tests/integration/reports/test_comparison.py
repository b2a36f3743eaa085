"""A period is compared only with one whose events are all known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics_api.parameters import PeriodParameters
from analytics_api.periods import Filters, Period, Recording
from analytics_api.reports.audience import AudienceParameters, audience
from analytics_api.reports.authors import AuthorParameters, author_trends
from analytics_api.reports.engagement import overview
from analytics_api.reports.funnel import funnel
from analytics_api.reports.ranking import RankingParameters, ranking
from analytics_api.reports.series import SeriesParameters, series
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Author, Engagement, Post, World
from sql import load
from tests.integration.reports.conftest import Store, context_at, context_of

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 1, 4, tzinfo=UTC)  # midnight in New York
NEW_YORK = ZoneInfo("America/New_York")
POST = Post(1, 1, "Tech", NOW - timedelta(days=50), "Title")


def steady(first: datetime, until: datetime = NOW, *others: Engagement) -> Oracle:
    """A view every hour, and other events."""
    hours = range(int((until - first) / HOUR))
    views = [Engagement(1, "view", 1, first + number * HOUR) for number in hours]
    return Oracle(World([Author(1, "Ann", "Tech")], [POST], [*others, *views]), NEW_YORK, NOW)


def week(oracle: Oracle) -> Period:
    return Period(oracle.now - timedelta(days=7), oracle.now, oracle.zone, Filters())


async def compared(pool: object, period: Period) -> Period:
    return period.compared_with(Recording(**await load("recorded_since").fetchrow(pool)))


@pytest.mark.parametrize("days", [14, 60])
async def test_nothing_changes_on_a_steady_platform(store: Store, days: float) -> None:
    oracle = steady(NOW - timedelta(days=days))
    async with store.holding(oracle) as pool:
        found = await overview(
            context_of(pool, await compared(pool, week(oracle))), PeriodParameters()
        )

    assert found.no_comparison is None
    assert found.change_pct is not None
    assert found.change_pct.views == 0.0


async def test_nothing_is_compared_with_a_period_recorded_in_part(store: Store) -> None:
    oracle = steady(NOW - timedelta(days=10))
    async with store.holding(oracle) as pool:
        context = context_of(pool, await compared(pool, week(oracle)))
        totals = await overview(context, PeriodParameters())
        (first, *_) = (await ranking(context, RankingParameters(dimension="post"))).rows
        (group,) = await audience(context, AudienceParameters())
        steps = await funnel(context, PeriodParameters())
        points = await series(context, SeriesParameters())

    assert totals.recorded_since == NOW - timedelta(days=10)
    assert (totals.no_comparison, totals.previous, totals.change_pct) == (
        "not_recorded",
        None,
        None,
    )
    for row in (first, group):
        assert (row.no_comparison, row.previous_engagements, row.change_pct) == (
            "not_recorded", None, None,
        )  # fmt: skip
    assert {(s.no_comparison, s.events_before, s.of_viewed_before_pct) for s in steps} == {
        ("not_recorded", None, None)
    }
    assert {(p.no_comparison, p.previous_engagements) for p in points} == {("not_recorded", None)}
    assert sum(point.views or 0 for point in points) == totals.current.views


@pytest.mark.parametrize(("more", "is_exceeded"), [(0, False), (1, True)])
async def test_change_is_compared_with_those_of_earlier_weeks(
    store: Store, more: int, is_exceeded: bool
) -> None:
    doubled = [Engagement(1, "view", 2, NOW - number * HOUR) for number in range(1, 168)]
    oracle = steady(NOW - timedelta(days=100), NOW, *more * doubled)
    async with store.holding(oracle) as pool:
        period = await compared(pool, week(oracle))
        found = await overview(context_of(pool, period), PeriodParameters())
        filtered = replace(period, filters=Filters(category="Tech"))
        of_category = await overview(context_of(pool, filtered), PeriodParameters())
        recording = Recording(NOW - timedelta(days=30), timedelta(), None)
        soon = replace(period, recording=recording)
        of_few_weeks = await overview(context_of(pool, soon), PeriodParameters())

    assert found.usual_change is not None
    assert found.usual_change.views is not None
    assert found.usual_change.total_engagements == found.usual_change.views
    assert found.usual_change.likes is None
    assert found.usual_change.views.is_exceeded is is_exceeded
    assert found.usual_change.views.low_pct < 0 < found.usual_change.views.high_pct
    assert of_category.usual_change is None
    assert of_few_weeks.usual_change is None


async def test_trends_of_an_author_say_what_was_not_recorded_before(store: Store) -> None:
    oracle = steady(NOW - timedelta(days=20))
    async with store.holding(oracle) as pool:
        found = await author_trends(context_at(pool, oracle), AuthorParameters(author_id="1"))

    assert (found.change_7d, found.no_comparison_7d) == (0.0, None)
    assert found.no_comparison_30d == "not_recorded"


async def test_nothing_is_compared_with_expired_days(store: Store) -> None:
    oracle = steady(NOW - timedelta(days=30))
    async with store.holding(oracle) as pool:
        known = await compared(pool, week(oracle))
        await store.connection.execute(
            "SELECT drop_partition($1)", (NOW - timedelta(days=14)).date()
        )
        expired = await compared(pool, week(oracle))

    assert known.no_comparison is None
    assert expired.no_comparison == "expired"


async def test_one_stray_event_does_not_say_since_when_engagement_is_recorded(
    store: Store,
) -> None:
    stray = Engagement(1, "view", None, NOW - timedelta(days=79))
    first = NOW - timedelta(days=20)
    async with store.holding(steady(first, first, stray)) as pool:
        alone = await load("recorded_since").fetchval(pool)
        counted_alone = await pool.fetchval("SELECT count(*) FROM first_hours")
        await store.store_engagements(steady(first).world)
        await pool.fetchval("SELECT refresh_first_hours($1)", NOW)
        later = await load("recorded_since").fetchval(pool)
        counted = await pool.fetchval("SELECT count(*) FROM first_hours")

    assert alone == stray.at
    assert later == first
    # The post was published when nothing was recorded.
    assert (counted_alone, counted) == (1, 0)


async def test_comparison_period_and_its_intervals_are_named(store: Store) -> None:
    oracle = steady(NOW - timedelta(days=20))
    async with store.holding(oracle) as pool:
        period = await compared(pool, week(oracle))
        totals = await overview(context_of(pool, period), PeriodParameters())
        points = await series(context_of(pool, period), SeriesParameters())
        none = await compared(pool, week(oracle).with_comparison("none"))
        alone = await overview(context_of(pool, none), PeriodParameters())

    assert (totals.previous_start, totals.previous_end) == (
        NOW - timedelta(days=14),
        week(oracle).start,
    )
    assert {point.start - point.previous_start for point in points if point.previous_start} == {
        timedelta(days=7)
    }
    assert (alone.previous_start, alone.no_comparison) == (None, "not_requested")
