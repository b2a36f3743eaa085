"""Users of posts, authors and categories, counted from the raw events."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.measures import part_percent
from analytics_api.periods import Filters, Period
from analytics_api.reports.users import UsersParameters, users
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
