"""Each report equals an independent computation from the raw events, whatever they are."""

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from analytics_api.parameters import Parameters, ZoneParameters
from analytics_api.reports.authors import (
    AuthorLimit,
    AuthorParameters,
    PostLimit,
    author_trends,
    sample_authors,
    sample_posts,
    top_authors,
)
from analytics_api.reports.categories import CategoryParameters, categories_top
from analytics_api.reports.engagement import PostParameters, engagement
from analytics_api.reports.opportunity import opportunity_authors
from analytics_api.reports.timing import engagement_patterns
from loadgen.verification.oracle import PERIOD_DAYS, Oracle
from tests.integration.reports.conftest import Store, context_at, oracles

PERIODS = (*PERIOD_DAYS, "all")
bounded = settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def plain(found: BaseModel | list[Any]) -> Any:
    """Return models in the form of the oracle."""
    if isinstance(found, list):
        return [plain(row) for row in found]
    # The oracle's world has numbers alone, and is recorded since ever.
    return found.model_dump(exclude={"external_id", "no_comparison_7d", "no_comparison_30d"})


@bounded
@given(oracle=oracles(days=(7, 30, 90)), period=st.sampled_from(PERIODS))
async def test_engagement_of_posts(store: Store, oracle: Oracle, period: Any) -> None:
    async with store.holding(oracle) as pool:
        for post in oracle.world.posts[:5]:
            query = PostParameters(post_id=str(post.post_id), period=period)
            found = await engagement(context_at(pool, oracle), query)

            assert plain(found) == oracle.engagement(post.post_id, period)


@bounded
@given(oracle=oracles(days=(7, 14, 30, 60)))
async def test_author_trends(store: Store, oracle: Oracle) -> None:
    async with store.holding(oracle) as pool:
        for author in oracle.world.authors:
            query = AuthorParameters(author_id=str(author.author_id))
            found = await author_trends(context_at(pool, oracle), query)

            assert plain(found) == oracle.trends(author.author_id)


@bounded
@given(oracle=oracles(), metric=st.sampled_from(["engagement", "posts"]))
async def test_categories_top(store: Store, oracle: Oracle, metric: Any) -> None:
    async with store.holding(oracle) as pool:
        query = CategoryParameters(metric=metric, limit=50)
        found = await categories_top(context_at(pool, oracle), query)

    assert plain(found) == oracle.categories(metric)


@bounded
@given(oracle=oracles(), limit=st.integers(1, 40))
async def test_sample_posts(store: Store, oracle: Oracle, limit: int) -> None:
    async with store.holding(oracle) as pool:
        found = await sample_posts(context_at(pool, oracle), PostLimit(limit=limit))

    assert plain(found) == oracle.sample_posts()[:limit]


@bounded
@given(oracle=oracles(days=(90,)), limit=st.integers(1, 6))
async def test_sample_authors(store: Store, oracle: Oracle, limit: int) -> None:
    async with store.holding(oracle) as pool:
        found = await sample_authors(context_at(pool, oracle), AuthorLimit(limit=limit))

        assert plain(found) == oracle.sample_authors()[:limit]


@bounded
@given(oracle=oracles())
async def test_top_authors(store: Store, oracle: Oracle) -> None:
    async with store.holding(oracle) as pool:
        found = await top_authors(context_at(pool, oracle), Parameters())

        assert plain(found) == oracle.top_authors()


def patterns_in(zone: str) -> Any:
    """A test of the patterns in one zone."""

    @bounded
    @given(oracle=oracles(days=(365,), zone=zone))
    async def test(store: Store, oracle: Oracle) -> None:
        async with store.holding(oracle) as pool:
            found = await engagement_patterns(context_at(pool, oracle), ZoneParameters())

            assert plain(found) == oracle.patterns(oracle.zone)

    return test


test_engagement_patterns_in_utc = patterns_in("UTC")
test_engagement_patterns_in_kolkata = patterns_in("Asia/Kolkata")
test_engagement_patterns_in_kathmandu = patterns_in("Asia/Kathmandu")
test_engagement_patterns_in_new_york = patterns_in("America/New_York")


@bounded
@given(oracle=oracles(days=(90,)))
async def test_opportunity_authors(store: Store, oracle: Oracle) -> None:
    async with store.holding(oracle) as pool:
        found = await opportunity_authors(context_at(pool, oracle), Parameters())

        assert plain(found) == oracle.opportunity_authors()
