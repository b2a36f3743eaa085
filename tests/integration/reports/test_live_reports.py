"""Live reports equal a plain count of the raw events."""

import operator
from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import sql
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Engagement, World
from tests.integration.reports.conftest import KINDS, UNKNOWN_POST, Store, oracles
from tests.integration.reports.test_reports import bounded

MINUTE = timedelta(minutes=1)


@st.composite
def oracles_of_minutes(draw: Any) -> Oracle:
    """A world with many events in the last minutes, often at the start of a second."""
    oracle = draw(oracles())
    world = oracle.world
    until = oracle.now.replace(microsecond=0)
    edges = st.builds(
        operator.add,
        st.integers(0, 400).map(lambda seconds: until - timedelta(seconds=seconds)),
        st.integers(-1, 1).map(lambda number: timedelta(microseconds=number)),
    )
    who = st.sampled_from([*(post.post_id for post in world.posts), UNKNOWN_POST])
    event = st.builds(Engagement, who, st.sampled_from(KINDS), st.none(), edges)
    events = draw(st.lists(event, min_size=5, max_size=60))
    busy = World(world.authors, world.posts, [*world.engagements, *events])
    return Oracle(busy, oracle.zone, oracle.now)


@bounded
@given(oracle=oracles_of_minutes(), limit=st.integers(1, 5))
async def test_live_posts(store: Store, oracle: Oracle, limit: int) -> None:
    posts = {post.post_id: post for post in oracle.world.posts}
    since = oracle.now - 5 * MINUTE
    counted: dict[int, Counter[str]] = {}
    unknown = []
    for event in oracle.world.engagements:
        if not since <= event.at < oracle.now:
            continue
        if event.post_id in posts:
            counted.setdefault(event.post_id, Counter())[event.kind] += 1
        else:
            unknown.append(event.post_id)
    ranked = sorted(counted, key=lambda post_id: (-counted[post_id].total(), post_id))
    async with store.holding(oracle) as connection:
        live_posts = sql.load("live_posts")
        found = await live_posts.fetch(connection, since=since, until=oracle.now, limit=limit)
    rows = [row for row in found if row["post_id"] is not None]
    others = [row for row in found if row["post_id"] is None]

    assert [(row["total_engagements"], row["posts"]) for row in others] == (
        [(len(unknown), len(set(unknown)))] if unknown else []
    )
    assert [row["post_id"] for row in rows] == ranked[:limit]
    for row in rows:
        kinds = counted[row["post_id"]]
        assert [row[f"{kind}s"] for kind in KINDS] == [kinds[kind] for kind in KINDS]
        assert row["total_engagements"] == kinds.total()
        assert row["title"] == posts[row["post_id"]].title


@bounded
@given(oracle=oracles_of_minutes())
async def test_live_seconds(store: Store, oracle: Oracle) -> None:
    until = oracle.now.replace(microsecond=0)
    since = until - MINUTE
    seconds = [0] * 60
    for event in oracle.world.engagements:
        if since <= event.at < until:
            seconds[(event.at - since) // timedelta(seconds=1)] += 1
    async with store.holding(oracle) as connection:
        rows = await sql.load("live_seconds").fetch(connection, since=since, until=until)

    assert [row["events"] for row in rows] == seconds
