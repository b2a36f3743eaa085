"""A post compared with earlier posts of its category at the same age."""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics_api.reports.benchmarks import PostBenchmarkParameters, post_benchmark
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Author, Engagement, Post, World
from tests.integration.reports.conftest import NOWS, Store, context_at

NOW = NOWS[0]
HOUR = timedelta(hours=1)


def alike(posts: int, *, first_hour: float, seed: int) -> Oracle:
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


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return NOW.astimezone(tz)

    monkeypatch.setattr("analytics_api.reports.benchmarks.datetime", Clock)


async def test_four_of_five_posts_like_the_others_are_in_the_band(store: Store) -> None:
    oracle = alike(260, first_hour=20, seed=1)
    async with store.holding(oracle) as pool:
        found = [await benchmark(pool, oracle, post) for post in range(1, 101)]

    inside = sum(each.low < each.total_engagements <= each.high for each in found)
    assert 70 <= inside <= 90
    middle = sum(each.percentile for each in found) / len(found)
    assert 40 <= middle <= 60
    assert {each.peers for each in found} <= set(range(150, 201))


async def test_posts_are_compared_at_exactly_the_same_age(store: Store) -> None:
    oracle = alike(60, first_hour=10, seed=2)
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
    oracle = alike(15, first_hour=10, seed=3)
    async with store.holding(oracle) as pool:
        found = await benchmark(pool, oracle, 1)

    assert 0 < found.peers < 20
    assert (found.percentile, found.median, found.low, found.high) == (None, None, None, None)


async def test_before_fifteen_minutes_there_is_no_verdict(store: Store) -> None:
    oracle = alike(60, first_hour=10, seed=4)
    young = Post(1, 1, "Tech", NOW - timedelta(minutes=14), "Title")
    posts = [young, *oracle.world.posts[1:]]
    oracle = replace(oracle, world=replace(oracle.world, posts=posts))
    async with store.holding(oracle) as pool:
        found = await benchmark(pool, oracle, 1)

    assert found.peers >= 20
    assert found.percentile is None


async def test_posts_of_which_days_expired_are_no_standard(store: Store) -> None:
    oracle = alike(260, first_hour=10, seed=5)
    async with store.holding(oracle) as pool:
        before = await benchmark(pool, oracle, 1)
        await store.connection.execute("SELECT drop_partition($1)", (NOW - 3 * 24 * HOUR).date())
        after = await benchmark(pool, oracle, 1)

    assert before.peers == 200
    assert after.peers < 72
