"""Users of posts, authors and categories, counted from the raw events, and who comes back."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.measures import part_percent
from analytics_api.periods import Filters, Period
from analytics_api.reports.loyalty import (
    LoyaltyParameters,
    ReturningUsersParameters,
    loyalty,
    returning_users,
)
from analytics_api.reports.users import UsersParameters, users
from analytics_api.statistics.calendar import days_before, shift_days
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Author, Engagement, Post, World
from tests.integration.reports.conftest import Store, all_rows, choices, context_of, oracles
from tests.integration.reports.test_reports import bounded
from tests.integration.reports.test_scoped_reports import DAYS, Recount, filters, holding, scope

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@bounded
@given(
    oracle=oracles(days=DAYS),
    chosen=filters,
    dimension=st.sampled_from(choices(UsersParameters, "dimension")),
    sort=st.sampled_from(choices(UsersParameters, "sort")),
    limit=st.integers(1, 5),
)
async def test_users_page_after_page(
    store: Store, oracle: Oracle, chosen: Filters, dimension: Any, sort: Any, limit: int
) -> None:
    wanted = scope(oracle, 30, chosen)
    recount = Recount(oracle, wanted)
    expected: dict[str, Counter[int | None]] = defaultdict(Counter)
    for event in recount.current():
        post = recount.posts[event.post_id]
        key = {"post": post.post_id, "author": post.author_id, "category": post.category}
        expected[str(key[dimension])][event.user_id] += 1
    async with holding(store, oracle) as pool:
        rows = await all_rows(
            users, context_of(pool, wanted), UsersParameters,
            dimension=dimension, sort=sort, limit=limit,
        )  # fmt: skip

    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    assert {row.key for row in rows} == expected.keys()
    for row in rows:
        of_user = expected[row.key]
        known = +Counter({user: events for user, events in of_user.items() if user is not None})
        assert row.total_engagements == of_user.total()
        assert row.known_engagements == known.total()
        assert row.active_users == len(known)
        assert row.top_user_engagements == max(known.values(), default=0)
        assert row.top_user_pct == part_percent(row.top_user_engagements, known.total())
    if sort != "top_user_pct":
        values = [getattr(row, sort) for row in rows]
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("sort", ["top_user_pct", "active_users"])
async def test_one_user_who_comments_all_the_time_is_found(store: Store, sort: Any) -> None:
    posts = [Post(n, n, "Tech", NOW - timedelta(days=2), f"post {n}") for n in (1, 2, 3)]
    loud = [(1, 7)] * 87 + [(1, 100 + n) for n in range(13)]
    usual = [(2, 200 + n) for n in range(50)] + [(2, None)] * 9
    rare = [(3, 8)] * 5
    at = NOW - timedelta(days=1)
    events = [Engagement(post, "comment", user, at) for post, user in (*loud, *usual, *rare)]
    authors = [Author(n, f"author {n}", "Tech") for n in (1, 2, 3)]
    oracle = Oracle(World(authors, posts, events), ZoneInfo("UTC"), NOW)
    period = Period(NOW - timedelta(days=7), NOW, oracle.zone, Filters(kind="comment"))
    async with store.holding(oracle) as pool:
        page = await users(context_of(pool, period), UsersParameters(dimension="post", sort=sort))

    shares = {row.key: row.top_user_pct for row in page.rows}
    assert shares == {"1": 87.0, "2": 2.0, "3": 100.0}
    # Five comments of one user do not lead: of so few, any share is chance.
    assert [row.key for row in page.rows] == (
        ["1", "2", "3"] if sort == "top_user_pct" else ["2", "1", "3"]
    )


@bounded
@given(
    oracle=oracles(days=(1, 7, 28, 35)),
    chosen=filters,
    days=st.sampled_from([7, 15]),
    least=st.integers(1, 3),
)
async def test_new_returning_and_loyal_users(
    store: Store, oracle: Oracle, chosen: Filters, days: int, least: int
) -> None:
    wanted = scope(oracle, days, chosen)
    recount = Recount(oracle, wanted)
    since = shift_days(wanted.start, -28, wanted.zone)
    loyal_since = days_before(27, wanted.zone, wanted.end - timedelta(microseconds=1))
    now, before, recent = (
        recount.between(start, end)
        for start, end in (
            (wanted.start, wanted.end), (since, wanted.start), (loyal_since, wanted.end),
        )
    )  # fmt: skip
    active = {event.user_id for event in now} - {None}
    known = {event.user_id for event in before}
    loyal_days = Counter(
        user for user, _ in {(e.user_id, e.at.astimezone(wanted.zone).date()) for e in recent}
    )
    async with holding(store, oracle) as pool:
        found = await loyalty(context_of(pool, wanted), LoyaltyParameters(least=least))

    assert found.active_users == len(active)
    if found.new_users is not None:
        assert found.new_users == len(active - known)
        assert found.returning_users == len(active & known)
        loyal = [user for user, number in loyal_days.items() if user and number >= least]
        assert found.loyal_users == len(loyal)
    else:
        assert found.no_comparison == "not_recorded"


@bounded
@given(
    oracle=oracles(days=(1, 7, 14, 28)),
    chosen=filters,
    dimension=st.sampled_from(choices(ReturningUsersParameters, "dimension")),
    least=st.integers(1, 3),
)
async def test_returning_users(
    store: Store, oracle: Oracle, chosen: Filters, dimension: Any, least: int
) -> None:
    wanted = scope(oracle, 15, chosen)
    recount = Recount(oracle, wanted)
    of_user: dict[int, list[Engagement]] = defaultdict(list)
    seen = recount.between(shift_days(wanted.start, -28, wanted.zone), wanted.end)
    for event in sorted(seen, key=lambda event: (event.at, event.post_id)):
        if event.user_id is not None:
            of_user[event.user_id].append(event)
    expected: dict[str, list[bool]] = defaultdict(list)
    for first, *later in of_user.values():
        if wanted.start <= first.at <= wanted.end - timedelta(days=7):
            post = recount.posts[first.post_id]
            key = {"post": post.post_id, "author": post.author_id, "category": post.category}
            day = first.at.astimezone(wanted.zone).date()
            expected[str(key[dimension])].append(
                any(
                    event.at < first.at + timedelta(days=7)
                    and event.at.astimezone(wanted.zone).date() > day
                    for event in later
                )
            )
    async with holding(store, oracle) as pool:
        query = ReturningUsersParameters(dimension=dimension, least=least, limit=1000)
        rows = await returning_users(context_of(pool, wanted), query)

    assert {row.key: (row.new_users, row.returned) for row in rows} == {
        key: (len(back), sum(back)) for key, back in expected.items() if len(back) >= least
    }
    assert [row.low_pct for row in rows] == sorted((row.low_pct for row in rows), reverse=True)


async def test_post_whose_readers_come_back_leads(store: Store) -> None:
    day = timedelta(days=1)
    posts = [Post(n, n, "Tech", NOW - 40 * day, f"post {n}") for n in (1, 2, 3)]
    events = [Engagement(3, "view", 1, NOW - 70 * day + n * day) for n in range(70)]
    for user in range(100, 160):  # 40 of 60 come back
        events.append(Engagement(1, "view", user, NOW - 20 * day))
        if user < 140:
            events.append(Engagement(3, "view", user, NOW - 17 * day))
    for user in range(200, 260):  # 6 of 60
        events.append(Engagement(2, "view", user, NOW - 20 * day))
        if user < 206:
            events.append(Engagement(3, "view", user, NOW - 17 * day))
    events.append(Engagement(3, "view", 300, NOW - 20 * day))  # 1 of 1
    events.append(Engagement(3, "view", 300, NOW - 18 * day))
    authors = [Author(n, f"author {n}", "Tech") for n in (1, 2, 3)]
    oracle = Oracle(World(authors, posts, events), ZoneInfo("UTC"), NOW)
    period = Period(NOW - 28 * day, NOW, oracle.zone)
    async with store.holding(oracle) as pool:
        query = ReturningUsersParameters(dimension="post")
        rows = await returning_users(context_of(pool, period), query)
        all_rows = await returning_users(
            context_of(pool, period), ReturningUsersParameters(dimension="post", least=1)
        )
        found = await loyalty(context_of(pool, period), LoyaltyParameters())

    assert [(row.key, row.new_users, row.returned) for row in rows] == [
        ("1", 60, 40), ("2", 60, 6),
    ]  # fmt: skip
    assert {row.key for row in all_rows} == {"1", "2", "3"}
    assert rows[0].low_pct < 66.7 < rows[0].high_pct
    assert (found.new_users, found.returning_users, found.loyal_users) == (121, 1, 1)
