"""A post compared with earlier posts of its category at the same age."""

import math
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics_api.reports.benchmarks import PostBenchmarkParameters, post_benchmark, post_path
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Author, Engagement, Post, World
from tests.integration.reports.conftest import NOWS, UNKNOWN_POST, Store, context_at

NOW = NOWS[0]
HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
BANDS = ((0.1, 0.25), (0.75, 0.9))


def similar_posts(posts: int, *, first_hour: float, seed: int) -> Oracle:
    """A post every hour, each with a reach of its own, and fewer engagements with age."""
    random = Random(seed)
    published = [NOW - HOUR * number for number in range(1, posts + 1)]
    engaged = []
    for post, moment in enumerate(published, 1):
        rate = random.gammavariate(2, first_hour / 2)
        for _ in range(int(rate * 3)):
            at = moment + timedelta(hours=random.expovariate(1 / 6))
            if at < NOW:
                engaged.append(Engagement(post, "view", None, at))
    catalogue = [Post(n, 1, "Tech", moment, "Title") for n, moment in enumerate(published, 1)]
    return Oracle(World([Author(1, "Ann", "Tech")], catalogue, engaged), ZoneInfo("UTC"), NOW)


async def benchmark(pool: Any, oracle: Oracle, post: int) -> Any:
    context = context_at(pool, oracle)
    return await post_benchmark(context, PostBenchmarkParameters(post_id=str(post)))


async def path(pool: Any, oracle: Oracle, post: int) -> Any:
    context = context_at(pool, oracle)
    return await post_path(context, PostBenchmarkParameters(post_id=str(post)))


def quantile(counts: list[int], part: float) -> int:
    """The least count that at least this part of them does not exceed."""
    return sorted(counts)[math.ceil(part * len(counts)) - 1]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return NOW.astimezone(tz)

    monkeypatch.setattr("analytics_api.reports.benchmarks.datetime", Clock)


async def test_four_of_five_posts_like_the_others_are_in_the_band(store: Store) -> None:
    oracle = similar_posts(260, first_hour=20, seed=1)
    async with store.holding(oracle) as pool:
        found = [await benchmark(pool, oracle, post) for post in range(1, 101)]

    inside = sum(each.low < each.total_engagements <= each.high for each in found)
    assert 70 <= inside <= 90
    middle = sum(each.percentile for each in found) / len(found)
    assert 40 <= middle <= 60
    assert {each.peers for each in found} <= set(range(150, 201))


async def test_posts_are_compared_at_exactly_the_same_age(store: Store) -> None:
    oracle = similar_posts(60, first_hour=10, seed=2)
    post = oracle.world.posts[4]
    age = oracle.now - post.published
    counts = {
        other.post_id: sum(
            event.post_id == other.post_id and event.at < other.published + age
            for event in oracle.world.engagements
        )
        for other in oracle.world.posts[4:]
    }
    own = counts.pop(post.post_id)
    fewer, equal = sum(c < own for c in counts.values()), sum(c == own for c in counts.values())
    since = min(event.at for event in oracle.world.engagements)
    known = [other for other in oracle.world.posts[5:] if other.published >= since]
    async with store.holding(oracle) as pool:
        found = await benchmark(pool, oracle, post.post_id)

    assert found.age_hours == age / HOUR
    assert found.total_engagements == own
    assert found.peers in {len(known), len(counts)}
    assert found.percentile == pytest.approx(100 * (fewer + equal / 2) / len(counts), abs=3)


async def test_without_enough_posts_there_is_no_verdict(store: Store) -> None:
    oracle = similar_posts(15, first_hour=10, seed=3)
    async with store.holding(oracle) as pool:
        found = await benchmark(pool, oracle, 1)

    assert 0 < found.peers < 20
    assert (found.percentile, found.median, found.low, found.high) == (None, None, None, None)


async def test_before_fifteen_minutes_there_is_no_verdict(store: Store) -> None:
    oracle = similar_posts(60, first_hour=10, seed=4)
    young = Post(1, 1, "Tech", NOW - timedelta(minutes=14), "Title")
    posts = [young, *oracle.world.posts[1:]]
    oracle = replace(oracle, world=replace(oracle.world, posts=posts))
    async with store.holding(oracle) as pool:
        found = await benchmark(pool, oracle, 1)

    assert found.peers >= 20
    assert found.percentile is None


async def test_posts_of_which_days_expired_are_no_standard(store: Store) -> None:
    oracle = similar_posts(260, first_hour=10, seed=5)
    async with store.holding(oracle) as pool:
        before = await benchmark(pool, oracle, 1)
        await store.connection.execute("SELECT drop_partition($1)", (NOW - 3 * 24 * HOUR).date())
        after = await benchmark(pool, oracle, 1)

    assert before.peers == 200
    assert after.peers < 72


async def test_path_is_that_of_the_latest_posts_that_reached_each_age(store: Store) -> None:
    oracle = similar_posts(500, first_hour=10, seed=6)
    posts = oracle.world.posts
    engaged: dict[int, list[datetime]] = {post.post_id: [] for post in posts}
    for event in oracle.world.engagements:
        engaged[event.post_id].append(event.at)
    async with store.holding(oracle) as pool:
        since = await store.connection.fetchval("SELECT recorded_since FROM first_hours_state")
        found = {number: await path(pool, oracle, number) for number in (1, 30, 400)}

    for number, rows in found.items():
        post = posts[number - 1]
        age = min(oracle.now - post.published, WEEK)
        ages = [timedelta(hours=row.hours) for row in rows]
        assert ages == sorted({*ages, age})
        for until, row in zip(ages, rows, strict=True):
            own = sum(at < post.published + until for at in engaged[number])
            assert row.engagements == (own if until <= age else None)
            latest = oracle.now - max(until, age)
            peers = [each for each in posts if each != post and since <= each.published <= latest]
            counts = [
                sum(at < each.published + until for at in engaged[each.post_id])
                for each in peers[:200]
            ]
            assert row.peers == len(counts)
            quantiles = (row.low_80, row.low_50, row.median, row.high_50, row.high_80)
            low, high = ([quantile(counts, part) for part in pair] for pair in BANDS)
            assert quantiles == (*low, median(counts), *high)


def planted(spike: int) -> Oracle:
    """Posts with n views in the first half hour and n more after 20 hours, n from 1 to 99.

    The newest post is 24 hours old, had 50 views after a quarter of an hour, and a spike of one
    user's views in its last hour.
    """
    start = NOW - timedelta(days=30)
    catalogue = [Post(1, 1, "Tech", NOW - 24 * HOUR, "Title")]
    events = [Engagement(1, "view", 1, NOW - 23.75 * HOUR)] * 50
    events += [Engagement(1, "view", 2, NOW - HOUR / 2)] * spike
    for number in range(1, 100):
        published = start + number * 6 * HOUR
        catalogue.append(Post(number + 1, 1, "Tech", published, "Title"))
        for age in (HOUR / 4, 20.5 * HOUR):
            events += [Engagement(number + 1, "view", None, published + age)] * number
    # Recording began before.
    events += [Engagement(UNKNOWN_POST, "view", None, start - n * HOUR / 4) for n in range(3000)]
    return Oracle(World([Author(1, "Ann", "Tech")], catalogue, events), ZoneInfo("UTC"), NOW)


async def test_path_and_rate_are_those_that_were_planted(store: Store) -> None:
    oracle = planted(spike=5000)
    async with store.holding(oracle) as pool:
        rows = {row.hours: row for row in await path(pool, oracle, 1)}
        found = await benchmark(pool, oracle, 1)

    own = {hours: row.engagements for hours, row in rows.items()}
    assert [own[hours] for hours in (0.25, 0.5, 18, 24, 36)] == [0, 50, 50, 5050, None]
    assert [rows[hours].median for hours in (0.25, 0.5, 18, 24)] == [0, 50, 50, 100]
    assert (rows[24].low_80, rows[24].low_50) == (20, 50)
    assert (rows[24].high_50, rows[24].high_80) == (150, 180)
    assert (found.median, found.low, found.high) == (100, 20, 180)
    assert found.percentile == 100
    assert (found.rate_hours, found.per_hour, found.median_per_hour) == (4, 1250, 12.5)
    assert (found.active_users, found.known_engagements, found.top_user_pct) == (2, 5050, 99.01)


async def test_posts_older_than_a_week_have_a_path_but_no_rate(store: Store) -> None:
    oracle = planted(spike=0)
    async with store.holding(oracle) as pool:
        rows = await path(pool, oracle, 20)
        found = await benchmark(pool, oracle, 20)

    assert rows[-1].hours == 168
    assert [row.engagements for row in rows if row.hours in (6, 168)] == [19, 38]
    assert (found.per_hour, found.median_per_hour) == (None, None)


async def test_scheduled_post_has_the_path_of_its_category_alone(store: Store) -> None:
    oracle = planted(spike=0)
    scheduled = Post(200, 1, "Tech", NOW + HOUR, "Title")
    world = replace(oracle.world, posts=[*oracle.world.posts, scheduled])
    async with store.holding(replace(oracle, world=world)) as pool:
        rows = await path(pool, oracle, 200)

    assert {row.engagements for row in rows} == {None}
    assert [row.median for row in rows if row.hours == 6] == [50]
