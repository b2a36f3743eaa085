"""Reports at equal age equal a plain recomputation from the raw events."""

import statistics
from collections import defaultdict
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.reports.fair import reports as fair_reports
from analytics_api.reports.fair.models import AGES, FairSort
from analytics_api.reports.opportunity import reports as opportunity
from analytics_api.reports.paging import Page
from analytics_api.reports.scope import Filters, Scope
from analytics_api.reports.scoped.reports import fetch
from analytics_api.reports.shrinkage import interval, shrink_all
from loadgen.verification.oracle import Oracle
from tests.integration.reports.conftest import Store, joined
from tests.integration.reports.equal_age import Aged, aged, lively, mean, recorded_since, sums, unit
from tests.integration.reports.test_reports import bounded
from tests.integration.reports.test_scoped_reports import DAYS, filters, holding, scope

ages = st.sampled_from(AGES)


def of_period(oracle: Oracle, hours: int, wanted: Scope) -> list[Aged]:
    return [
        post
        for post in aged(oracle, hours, wanted.filters)
        if wanted.start <= post.post.published < wanted.end
    ]


def by_category(posts: list[Aged], chosen: Filters) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for post in posts:
        found[post.post.category].append(post.earned(chosen))
    return found


@bounded
@given(oracle=lively(days=DAYS))
async def test_first_hours(store: Store, oracle: Oracle) -> None:
    async with holding(store, oracle) as pool:
        rows = await pool.fetch("SELECT * FROM first_hours")
        since = await pool.fetchval("SELECT recorded_since FROM first_hours_state")

    assert since == recorded_since(oracle)
    found = {
        (row["post_id"], hours): [
            row[name][place] for name in ("views", "likes", "comments", "shares")
        ]
        for row in rows
        for place, hours in enumerate(AGES)
        if place < row["ages"]
    }
    expected = {
        (post.post.post_id, hours): [
            post.kinds[kind] for kind in ("view", "like", "comment", "share")
        ]
        for hours in AGES
        for post in aged(oracle, hours)
    }
    assert found == expected


@bounded
@given(
    oracle=lively(days=DAYS),
    hours=ages,
    chosen=st.just(Filters()) | filters,
    sort=st.sampled_from(get_args(FairSort)),
    limit=st.integers(1, 7),
)
async def test_fair_posts_page_after_page(
    store: Store, oracle: Oracle, hours: int, chosen: Filters, sort: Any, limit: int
) -> None:
    wanted = scope(oracle, 30, chosen)
    posts = of_period(oracle, hours, wanted)
    expected = {}
    for category, earned in by_category(posts, chosen).items():
        usual = mean(earned)
        if not usual:
            continue
        variance = statistics.variance(earned) if len(earned) > 1 else 0.0
        prior = 1 / max(0.01, (variance - usual) / usual**2)
        for post in posts:
            if post.post.category == category and chosen.author in {0, post.post.author_id}:
                own = post.earned(chosen)
                index = interval(prior + own, prior + usual)
                expected[post.post.post_id] = (own, usual, index)
    rows, after = [], None
    async with holding(store, oracle) as pool:
        while True:
            page = await fair_reports.fair_posts(pool, wanted, hours, sort, Page(limit, after))
            rows += page.rows
            after = page.following
            if after is None:
                break

    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    assert {row.post_id for row in rows} == set(expected)
    for row in rows:
        own, usual, index = expected[row.post_id]
        assert row.total_engagements == own
        assert row.usual == pytest.approx(usual, abs=0.006)
        assert row.index == pytest.approx(index.index, abs=0.0006)
        assert row.low == pytest.approx(index.low, abs=0.0006)
        assert row.high == pytest.approx(index.high, abs=0.0006)
    values = [row.total_engagements if sort == "engagements" else row.index for row in rows]
    assert values == sorted(values, reverse=True)


def author_units(posts: list[Aged], chosen: Filters) -> dict[int, Any]:
    usual = {category: mean(earned) for category, earned in by_category(posts, chosen).items()}
    pairs: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for post in posts:
        if usual[post.post.category]:
            pairs[post.post.author_id].append((post.earned(chosen), usual[post.post.category]))
    return {author: unit(both) for author, both in sorted(pairs.items())}


@bounded
@given(
    oracle=lively(days=DAYS),
    hours=ages,
    chosen=st.just(Filters()) | filters,
    limit=st.integers(1, 5),
)
async def test_fair_authors_page_after_page(
    store: Store, oracle: Oracle, hours: int, chosen: Filters, limit: int
) -> None:
    wanted = scope(oracle, 15, chosen)
    units = author_units(of_period(oracle, hours, wanted), chosen)
    indexes = dict(zip(units, shrink_all(list(units.values())), strict=True))
    before = author_units(of_period(oracle, hours, wanted.previous), chosen)
    earlier = dict(zip(before, shrink_all(list(before.values())), strict=True))
    ordered = sorted(units, key=lambda author: (-indexes[author].index, author))
    rows, after = [], None
    async with holding(store, oracle) as pool:
        found = await fetch(pool, "fair_authors", wanted, hours=hours)
        while True:
            page = await fair_reports.fair_authors(pool, wanted, hours, Page(limit, after))
            rows += page.rows
            after = page.following
            if after is None:
                break

    for is_previous, expected in ((False, units), (True, before)):
        seen = {row["author_id"]: sums(row) for row in found if row["is_previous"] is is_previous}
        assert seen.keys() == expected.keys()
        for author, of_author in expected.items():
            assert seen[author] == pytest.approx(of_author)
    assert len(rows) == sum(chosen.author in {0, author} for author in units)
    for row in rows:
        assert row.index == pytest.approx(indexes[row.author_id].index, abs=0.0006)
        assert ordered[row.rank - 1] == row.author_id or row.index == pytest.approx(
            indexes[ordered[row.rank - 1]].index
        )
        assert row.per_post == pytest.approx(
            units[row.author_id].observed / units[row.author_id].posts, abs=0.006
        )
        previous = earlier.get(row.author_id)
        assert row.previous_posts == (before[row.author_id].posts if previous else 0)
        if previous:
            assert row.previous_index == pytest.approx(previous.index, abs=0.0006)
        else:
            assert row.previous_index is None


@bounded
@given(oracle=lively(days=(90, 180)), hours=ages, chosen=st.just(Filters()) | filters)
async def test_what_the_median_would_bring(
    store: Store, oracle: Oracle, hours: int, chosen: Filters
) -> None:
    wanted = scope(oracle, 90, chosen)
    posts = of_period(oracle, hours, wanted)
    units = author_units(posts, chosen)
    indexes = dict(zip(units, shrink_all(list(units.values())), strict=True))
    homes = {author.author_id: author.category for author in oracle.world.authors}
    of_home: dict[str, list[float]] = defaultdict(list)
    for author, estimate in indexes.items():
        of_home[homes[author]].append(estimate.index)
    async with holding(store, oracle) as pool:
        page = await opportunity.opportunity(pool, wanted, hours, Page(1000))

    counted = [
        post.post.published
        for post in posts
        if mean(by_category(posts, chosen)[post.post.category])
    ]
    assert len(page.rows) == sum(chosen.author in {0, author} for author in units)
    for row in page.rows:
        peers = of_home[homes[row.author_id]]
        if len(peers) < 3:
            assert (row.median_index, row.gain, row.is_clear) == (None, 0, False)
            continue
        seconds = (wanted.end - min(counted)).total_seconds() - hours * 3600
        per_day = 90 / max(1.0, seconds / 86_400)
        estimate, expected = indexes[row.author_id], units[row.author_id].expected
        gaps = [statistics.median(peers) - index for index in (estimate.index, estimate.high)]
        gain, low = (max(0.0, expected * per_day * gap) for gap in gaps)
        assert row.gain == pytest.approx(gain, abs=1)
        assert row.gain_low == pytest.approx(low, abs=1)
        assert row.is_clear is (low > 0)
        assert not row.reasons or row.gain > 0
    gains = [row.gain for row in page.rows]
    assert gains == sorted(gains, reverse=True)


def month_of(moment: Any, wanted: Scope) -> Any:
    return moment.astimezone(wanted.zone).date().replace(day=1)


@bounded
@given(
    oracle=lively(days=(30, 60, 90)),
    hours=ages,
    chosen=st.just(Filters()) | filters,
    by=st.sampled_from(["tenure", "joined"]),
)
async def test_cohorts(store: Store, oracle: Oracle, hours: int, chosen: Filters, by: Any) -> None:
    wanted = scope(oracle, 90, chosen)
    posts = of_period(oracle, hours, wanted)
    peers: dict[Any, list[int]] = defaultdict(list)
    for post in posts:
        month = month_of(post.post.published, wanted)
        peers[post.post.category, month].append(post.earned(chosen))
    pairs: dict[Any, list[tuple[float, float]]] = defaultdict(list)
    authors: dict[Any, set[int]] = defaultdict(set)
    for post in posts:
        day = post.post.published.astimezone(wanted.zone).date()
        since = joined(post.post.author_id, oracle.world)
        usual = mean(peers[post.post.category, month_of(post.post.published, wanted)])
        is_new = wanted.start.astimezone(wanted.zone).date() <= since <= day
        if is_new and usual and chosen.author in {0, post.post.author_id}:
            key = since.strftime("%Y-%m") if by == "joined" else None, (day - since).days // 30
            pairs[key].append((post.earned(chosen), usual))
            authors[key].add(post.post.author_id)
    async with holding(store, oracle) as pool:
        rows = await fair_reports.cohorts(pool, wanted, hours, by)

    assert [(row.joined, row.month) for row in rows] == sorted(
        pairs, key=lambda key: (key[0] or "", key[1])
    )
    indexes = shrink_all([unit(pairs[row.joined, row.month]) for row in rows])
    for row, estimate in zip(rows, indexes, strict=True):
        key = row.joined, row.month
        assert (row.posts, row.authors) == (len(pairs[key]), len(authors[key]))
        assert row.per_post == pytest.approx(mean([y for y, _ in pairs[key]]), abs=0.006)
        assert row.usual == pytest.approx(mean([e for _, e in pairs[key]]), abs=0.006)
        assert row.index == pytest.approx(estimate.index, abs=0.0006)
