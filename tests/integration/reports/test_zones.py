"""Series add up to the overview and the raw events in every time zone."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, get_args
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given
from hypothesis import strategies as st

from analytics_api.parameters import PeriodParameters
from analytics_api.periods import Filters, Period
from analytics_api.reports.engagement import overview as overview_report
from analytics_api.reports.series import SeriesParameters, series
from analytics_api.statistics.calendar import Interval, days_before
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Author, Engagement, Post, World
from tests.integration.reports.conftest import KINDS, Store, context_of
from tests.integration.reports.test_reports import bounded

CHANGING = (
    "Africa/Cairo", "America/Santiago", "America/Havana", "Asia/Beirut", "America/Asuncion",
    "Australia/Lord_Howe", "Antarctica/Troll", "Asia/Kathmandu", "Pacific/Apia",
    "America/Sao_Paulo", "Atlantic/Azores", "America/Nuuk", "UTC", "Europe/Vienna",
)  # fmt: skip
SINCE, UNTIL = datetime(2010, 1, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
MINUTES = st.integers(-4 * 1440, 4 * 1440).map(lambda minutes: timedelta(minutes=minutes))


@cache
def changes(name: str) -> list[datetime]:
    """Return the UTC hours after which the offset of a zone changed."""
    zone, found = ZoneInfo(name), []
    day, step = SINCE, timedelta(days=1)
    while day < UNTIL:
        if day.astimezone(zone).utcoffset() != (day + step).astimezone(zone).utcoffset():
            found += [
                day + timedelta(hours=hour)
                for hour in range(24)
                if (day + timedelta(hours=hour)).astimezone(zone).utcoffset()
                != (day + timedelta(hours=hour + 1)).astimezone(zone).utcoffset()
            ]
        day += step
    return found or [SINCE]


@st.composite
def oracles_near_changes(draw: Any) -> Oracle:
    """An oracle whose events and whose present are near a change of a zone's clocks."""
    name = draw(st.sampled_from(CHANGING) | st.sampled_from(sorted(available_timezones())))
    change = draw(st.sampled_from(changes(name)))
    now = change + draw(st.integers(0, 9 * 1440).map(lambda minutes: timedelta(minutes=minutes)))
    instants = MINUTES.map(lambda away: change + away)
    engagements = st.builds(
        Engagement, st.sampled_from([1, 2, 3]), st.sampled_from(KINDS), st.none(), instants
    )
    authors = [Author(1, "author 1", "Tech")]
    posts = [Post(number, 1, "Tech", SINCE, f"post {number}") for number in (1, 2)]
    world = World(authors, posts, draw(st.lists(engagements, min_size=5, max_size=30)))
    return Oracle(world, ZoneInfo(name), now)


def label(instant: datetime, zone: ZoneInfo, interval: Interval) -> Any:
    """Return which local hour, day or week an instant is in."""
    local = instant.astimezone(zone)
    if interval == "hour":
        return local.date(), local.hour, local.utcoffset()
    return local.date() - timedelta(days=local.weekday() if interval == "week" else 0)


@bounded
@given(
    oracle=oracles_near_changes(),
    days=st.integers(0, 12),
    interval=st.sampled_from(get_args(Interval)),
    author=st.sampled_from([0, 1]),
)
async def test_series_adds_up_to_overview_and_raw_events_near_clock_changes(
    store: Store, oracle: Oracle, days: int, interval: Any, author: int
) -> None:
    zone = oracle.zone
    scope = Period(days_before(days, zone, oracle.now), oracle.now, zone, Filters(author=author))
    async with store.holding(oracle) as pool:
        points = await series(context_of(pool, scope), SeriesParameters(interval=interval))
        overview = await overview_report(context_of(pool, scope), PeriodParameters())

    raw = [
        event.at
        for event in oracle.world.engagements
        if event.post_id in oracle.world.post and scope.start <= event.at < scope.end
    ]
    assert sum(point.total_engagements or 0 for point in points) == len(raw)
    assert overview.current.total_engagements == len(raw)
    expected = Counter(label(instant, zone, interval) for instant in raw)
    found = {label(p.start, zone, interval): p.total_engagements or 0 for p in points}
    assert {key: count for key, count in found.items() if count} == expected
    starts = [point.start.isoformat() for point in points]
    assert len(set(starts)) == len(starts)


async def test_series_of_a_partly_restored_day_counts_the_rows_that_are_there(
    store: Store,
) -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    engagements = [Engagement(post, "view", None, at) for post in (1, 1, 3)]
    posts = [Post(1, 1, "Tech", SINCE, "post 1")]
    world = World([Author(1, "author 1", "Tech")], posts, engagements)
    oracle = Oracle(world, ZoneInfo("UTC"), at + timedelta(days=2))
    scope = Period(at - timedelta(days=1), oracle.now, oracle.zone)
    async with store.holding(oracle) as pool:
        await store.connection.execute(
            "INSERT INTO expired_partitions (day, rows) VALUES ($1, 7)", at.date()
        )
        points = await series(context_of(pool, scope), SeriesParameters(interval="day"))
        overview = await overview_report(context_of(pool, scope), PeriodParameters())

    assert [point.total_engagements or 0 for point in points] == [0, 2, 0, 0]
    assert overview.current.total_engagements == 2
