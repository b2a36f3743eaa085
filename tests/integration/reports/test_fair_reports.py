"""Reports at equal age equal a plain recomputation from the raw events."""

import operator
import statistics
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.parameters import AGES
from analytics_api.periods import Filters, Period
from analytics_api.reports.cohorts import CohortParameters, cohorts
from analytics_api.reports.fairness import (
    FairAuthorsParameters,
    FairPostsParameters,
    fair_authors,
    fair_posts,
)
from analytics_api.reports.opportunity import opportunity
from analytics_api.statistics.shrinkage import Unit, interval, shrink_all
from loadgen.verification.oracle import Oracle
from tests.integration.reports.conftest import Store, all_rows, choices, context_of, joined, rows_of
from tests.integration.reports.equal_age import (
    Aged,
    aged,
    mean,
    oracles_with_ages,
    recorded_since,
    sums,
)
from tests.integration.reports.test_reports import bounded
from tests.integration.reports.test_scoped_reports import DAYS, filters, holding, scope
from tests.unit.api.test_shrinkage import unit

ages = st.sampled_from(AGES)


def of_period(oracle: Oracle, hours: int, wanted: Period) -> list[Aged]:
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
@given(oracle=oracles_with_ages(days=DAYS))
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
    oracle=oracles_with_ages(days=DAYS),
    hours=ages,
    chosen=st.just(Filters()) | filters,
    sort=st.sampled_from(choices(FairPostsParameters, "sort")),
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
                fewer = sum(other < own for other in earned)
                place = 100 * (fewer + earned.count(own) / 2) / len(earned)
                expected[post.post.post_id] = (own, usual, statistics.median(earned), place, index)
    async with holding(store, oracle) as pool:
        query = {"hours": str(hours), "sort": sort, "limit": limit}
        rows = await all_rows(fair_posts, context_of(pool, wanted), FairPostsParameters, **query)

    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    assert {row.post_id for row in rows} == set(expected)
    for row in rows:
        own, usual, median, place, index = expected[row.post_id]
        assert row.total_engagements == own
        assert row.baseline_mean == pytest.approx(usual, abs=0.006)
        assert row.median == median
        assert row.percentile == pytest.approx(place, abs=0.06)
        assert row.index == pytest.approx(index.index, abs=0.0006)
        assert row.low == pytest.approx(index.low, abs=0.0006)
        assert row.high == pytest.approx(index.high, abs=0.0006)
    values = [row.total_engagements if sort == "engagements" else row.index for row in rows]
    assert values == sorted(values, reverse=True)


def author_units(posts: list[Aged], chosen: Filters) -> dict[int, Any]:
    """Each author's sums; expected of a post: the mean of the others' posts of its category."""
    own: dict[tuple[int, str], list[int]] = defaultdict(list)
    for post in posts:
        own[post.post.author_id, post.post.category].append(post.earned(chosen))
    units: dict[int, Unit] = {}
    for (author, category), earned in sorted(own.items()):
        others = [
            y for key, ys in own.items() if key[1] == category for y in ys if key[0] != author
        ]
        if sum(others):
            usual = mean(others)
            added = unit(earned, [usual] * len(earned))._replace(
                by_posts=(len(earned) * usual) ** 2 / len(others),
                by_events=(len(earned) * usual) ** 2 / sum(others),
            )
            before = units.get(author, Unit(0, *[0.0] * 7))
            units[author] = Unit(*map(operator.add, before, added))
    return units


@bounded
@given(
    oracle=oracles_with_ages(days=DAYS),
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
    async with holding(store, oracle) as pool:
        found = await rows_of(pool, "fair_authors", wanted, hours=hours)
        query = {"hours": str(hours), "limit": limit}
        rows = await all_rows(
            fair_authors, context_of(pool, wanted), FairAuthorsParameters, **query
        )

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
@given(oracle=oracles_with_ages(days=(90, 180)), hours=ages, chosen=st.just(Filters()) | filters)
async def test_opportunity(store: Store, oracle: Oracle, hours: int, chosen: Filters) -> None:
    wanted = scope(oracle, 90, chosen)
    posts = of_period(oracle, hours, wanted)
    units = author_units(posts, chosen)
    indexes = dict(zip(units, shrink_all(list(units.values())), strict=True))
    homes = {author.author_id: author.category for author in oracle.world.authors}
    of_home: dict[str, list[float]] = defaultdict(list)
    for author, estimate in indexes.items():
        of_home[homes[author]].append(estimate.index)
    async with holding(store, oracle) as pool:
        age: Any = str(hours)
        query = FairAuthorsParameters(hours=age, limit=1000)
        page = await opportunity(context_of(pool, wanted), query)

    counted = [
        post.post.published
        for post in posts
        if any(
            other.post.category == post.post.category
            and other.post.author_id != post.post.author_id
            and other.earned(chosen)
            for other in posts
        )
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


@bounded
@given(
    oracle=oracles_with_ages(days=(30, 60, 90)),
    hours=ages,
    chosen=st.just(Filters()) | filters,
    by=st.sampled_from(["tenure", "joined"]),
)
async def test_cohorts(store: Store, oracle: Oracle, hours: int, chosen: Filters, by: Any) -> None:
    wanted = scope(oracle, 90, chosen)
    first_day = wanted.start.astimezone(wanted.zone).date()
    earned: dict[Any, list[int]] = defaultdict(list)
    for post in of_period(oracle, hours, wanted):
        author, day = post.post.author_id, post.post.published.astimezone(wanted.zone).date()
        since = joined(author, oracle.world)
        is_new = since >= first_day
        if not is_new or (since <= day and chosen.author in {0, author}):
            key = (since.strftime("%Y-%m"), (day - since).days // 30) if is_new else (None, None)
            place = author, post.post.category, day.replace(day=1)
            earned[*key, *place].append(post.earned(chosen))
    async with holding(store, oracle) as pool:
        age: Any = str(hours)
        rows = await rows_of(pool, "cohorts", wanted, hours=hours)
        found = await cohorts(context_of(pool, wanted), CohortParameters(hours=age, by=by))

    names = ("joined", "month", "author_id", "category", "calendar_month")
    sums = {
        tuple(row[name] for name in names): (row["posts"], row["engagements"], row["squares"])
        for row in rows
    }
    assert sums == {key: (len(y), sum(y), sum(x * x for x in y)) for key, y in earned.items()}
    months: dict[Any, list[Any]] = defaultdict(list)
    for (since_month, month, author, *_), y in earned.items():
        if month is not None:
            months[since_month if by == "joined" else None, month] += [(author, x) for x in y]
    assert [(row.joined, row.month) for row in found] == sorted(
        months, key=lambda key: (key[0] or "", key[1])
    )
    for row in found:
        pairs = months[row.joined, row.month]
        assert (row.posts, row.authors) == (len(pairs), len({author for author, _ in pairs}))
        assert row.per_post == pytest.approx(mean([y for _, y in pairs]), abs=0.006)
        assert row.index == (1 if row.month == 0 else None)  # so few authors
