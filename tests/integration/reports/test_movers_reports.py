"""What is said to move equals a plain recomputation from the raw events."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.reports.fair.models import AGES
from analytics_api.reports.movers import reports as movers_reports
from analytics_api.reports.movers.reports import Wanted
from analytics_api.reports.movers.usual import (
    LEAST_EVENTS,
    History,
    move_of,
    tide_of,
    windows,
    young_move,
)
from analytics_api.reports.scope import Filters, Scope
from analytics_api.reports.scoped.reports import fetch
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Engagement, World
from tests.integration.reports.conftest import KINDS, Store, oracles
from tests.integration.reports.equal_age import aged, lively, recorded_since
from tests.integration.reports.test_reports import bounded
from tests.integration.reports.test_scoped_reports import Recount, filters, holding

WEEKS = (7, 14, 21, 28, 35, 42, 56)


@st.composite
def crowds(draw: Any) -> Oracle:
    """A world with crowds of events before now, and at the same hour of some weeks before."""
    oracle = draw(oracles(days=WEEKS).filter(lambda drawn: drawn.world.posts))
    world = oracle.world
    ids = [post.post_id for post in world.posts]
    crowd = st.tuples(
        st.sampled_from(ids),
        st.sampled_from(KINDS),
        st.sampled_from([0, 0, 0, *range(1, 9)]),
        st.integers(1, 30),
    )
    events = [Engagement(ids[0], "view", None, oracle.now - timedelta(days=80))]
    for post_id, kind, weeks, size in draw(st.lists(crowd, min_size=3, max_size=15)):
        local = oracle.now.astimezone(oracle.zone) - timedelta(weeks=weeks)
        at = local.astimezone(UTC) - timedelta(minutes=30)
        events += [Engagement(post_id, kind, None, at) for _ in range(size)]
    crowded = World(world.authors, world.posts, [*world.engagements, *events])
    return Oracle(crowded, oracle.zone, oracle.now)


def window(oracle: Oracle, hours: int, chosen: Filters) -> Scope:
    start = oracle.now - timedelta(hours=hours)
    return Scope(start, oracle.now, oracle.zone, chosen, has_previous=False)


def keys(event: Engagement, recount: Recount) -> list[tuple[Any, str]]:
    post = recount.posts[event.post_id]
    return [
        ("all", ""),
        ("category", post.category),
        ("author", str(post.author_id)),
        ("post", str(post.post_id)),
    ]


def counts(recount: Recount, span: Any) -> Counter[tuple[Any, str]]:
    events = recount.between(span.start, span.end)
    return Counter(key for event in events for key in keys(event, recount))


def histories(recount: Recount, spans: list[Any], newest: Any) -> Iterable[History]:
    counted = [counts(recount, span) for span in spans]
    for dimension, key in {key for of_span in counted for key in of_span}:
        now = counted[0][dimension, key]
        published = None
        if dimension == "post":
            published = recount.posts[int(key)].published
            if now < LEAST_EVENTS or published > newest - timedelta(days=7):
                continue
        before = [
            of_span[dimension, key]
            for span, of_span in zip(spans[1:], counted[1:], strict=True)
            if published is None or span.start >= published
        ]
        if len(before) >= (1 if dimension == "post" else 3):
            yield History(dimension, key, now, before)


@bounded
@given(
    oracle=crowds(),
    hours=st.sampled_from([1, 24, 168]),
    chosen=st.just(Filters()) | filters,
    least_z=st.sampled_from([1.0, 2.0, 3.5]),
)
async def test_what_moved_beside_the_weeks_before(
    store: Store, oracle: Oracle, hours: int, chosen: Filters, least_z: float
) -> None:
    wanted = window(oracle, hours, chosen)
    recount = Recount(oracle, wanted)
    since = recorded_since(oracle)
    now, *before = windows(wanted.start, wanted.end, wanted.zone)
    spans = [now, *(span for span in before if since and span.start >= since)]
    known = list(histories(recount, spans, wanted.end))
    tide = tide_of(history for history in known if history.dimension == "author")
    expected = {}
    for history in known:
        move = move_of(history, 1.0 if history.dimension == "all" else tide)
        is_far = abs(move.z) >= least_z and abs(history.now - move.expected) >= LEAST_EVENTS
        if is_far and (history.dimension != "post" or move.z > 0):
            expected[history.dimension, history.key] = (history, move)
    async with holding(store, oracle) as pool:
        found = await movers_reports.movers(pool, wanted, Wanted(least_z, 1000))

    rows = {(row.dimension, row.key): row for row in found if row.basis == "weeks"}
    assert rows.keys() == expected.keys()
    for key, (history, move) in expected.items():
        row = rows[key]
        assert row.engagements == history.now
        assert row.expected == pytest.approx(move.expected, abs=0.06)
        assert row.z == pytest.approx(move.z, abs=0.06)
        assert row.weeks == len(history.before)
        assert row.direction == ("above" if move.z > 0 else "below")
        weeks = "1 week" if row.weeks == 1 else f"{row.weeks} weeks"
        more = "more" if move.z > 0 else "fewer"
        assert f" from {weeks} before, mainly {more} {row.cause_type}s" in row.sentence
        check_cause(row, recount, spans, 1.0 if key == ("all", "") else tide)


def check_cause(row: Any, recount: Recount, spans: list[Any], tide: float) -> None:
    by_type: dict[str, float] = defaultdict(float)
    by_post: dict[int, float] = defaultdict(float)
    for number, span in enumerate(spans):
        weight = 1.0 if number == 0 else -tide / (len(spans) - 1)
        for event in recount.between(span.start, span.end):
            if (row.dimension, row.key) in keys(event, recount):
                by_type[event.kind] += weight
                by_post[event.post_id] += weight
    furthest = max if row.direction == "above" else min
    assert row.cause_type_excess == pytest.approx(furthest(by_type.values()), abs=0.06)
    assert by_type[row.cause_type] == pytest.approx(furthest(by_type.values()))
    assert row.cause_post_excess == pytest.approx(furthest(by_post.values()), abs=0.06)
    assert by_post[row.cause_post_id] == pytest.approx(furthest(by_post.values()))
    assert row.cause_title == recount.posts[row.cause_post_id].title


@bounded
@given(oracle=lively(days=(1, 2, 7)), chosen=filters)
async def test_young_posts_beside_others_at_the_same_age(
    store: Store, oracle: Oracle, chosen: Filters
) -> None:
    peers: dict[Any, list[Any]] = defaultdict(list)
    oldest: dict[int, tuple[int, Any]] = {}
    for hours in AGES:
        for post in aged(oracle, hours, chosen):
            if oracle.now - timedelta(days=90) <= post.post.published < oracle.now:
                peers[post.post.category, hours].append(post)
                oldest[post.post.post_id] = hours, post
    async with holding(store, oracle) as pool:
        peer_scope = Scope(oracle.now - timedelta(days=90), oracle.now, oracle.zone, chosen)
        young = oracle.now - timedelta(days=7)
        rows = await fetch(pool, "movers_young", peer_scope, young=young)

    expected = {
        post_id: (hours, post)
        for post_id, (hours, post) in oldest.items()
        if post.post.published >= young and chosen.author in {0, post.post.author_id}
    }
    assert {row["post_id"] for row in rows} == expected.keys()
    for row in rows:
        hours, post = expected[row["post_id"]]
        alike = peers[post.post.category, hours]
        levels = [math.log1p(peer.earned(chosen)) for peer in alike]
        middle = statistics.median(levels)
        assert (row["hours"], row["engagements"]) == (hours, post.earned(chosen))
        assert row["peers"] == len(alike)
        assert row["median"] == pytest.approx(middle)
        distance = statistics.median(abs(level - middle) for level in levels)
        assert row["distance"] == pytest.approx(distance)
        for kind in KINDS:
            if chosen.kind in {None, kind}:
                mean = statistics.fmean(peer.kinds[kind] for peer in alike)
                assert row[kind] == pytest.approx(post.kinds[kind] - mean)
        if len(alike) < 20:
            assert young_move(row["y"], middle, distance, len(alike)) is None
