"""Movers equal a plain recomputation from the raw events."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.parameters import AGES
from analytics_api.periods import Filters, Period
from analytics_api.reports.movers import Mover, MoversParameters, movers
from analytics_api.statistics.baseline import (
    MIN_EVENTS,
    NO_TIDE,
    History,
    Tides,
    false_alarms,
    move_of,
    scatter_of,
    windows,
)
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Author, Engagement, Post, World
from tests.integration.reports.conftest import KINDS, Store, context_of, oracles, rows_of
from tests.integration.reports.equal_age import aged, oracles_with_ages, recorded_since
from tests.integration.reports.test_reports import bounded
from tests.integration.reports.test_scoped_reports import Recount, filters, holding

WEEKS = (7, 14, 21, 28, 35, 42, 56)


@st.composite
def oracles_with_peaks(draw: Any) -> Oracle:
    """A world with many events before now, and at the same hour of some weeks before."""
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


def window(oracle: Oracle, hours: int, chosen: Filters) -> Period:
    start = oracle.now - timedelta(hours=hours)
    return Period(start, oracle.now, oracle.zone, chosen, no_comparison="all_time")


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
        published, author_id = None, int(key) if dimension == "author" else 0
        if dimension == "post":
            published = recount.posts[int(key)].published
            author_id = recount.posts[int(key)].author_id
            if now < MIN_EVENTS or published > newest - timedelta(days=7):
                continue
        before = [
            of_span[dimension, key]
            for span, of_span in zip(spans[1:], counted[1:], strict=True)
            if published is None or span.start >= published
        ]
        if len(before) >= (1 if dimension == "post" else 3):
            yield History(dimension, key, now, before, author_id)


@bounded
@given(
    oracle=oracles_with_peaks(),
    hours=st.sampled_from([1, 24, 168]),
    chosen=st.just(Filters()) | filters,
    allowed=st.sampled_from([0.5, 20.0, 1000.0]),
)
async def test_movers_by_weeks(
    store: Store, oracle: Oracle, hours: int, chosen: Filters, allowed: float
) -> None:
    wanted = window(oracle, hours, chosen)
    recount = Recount(oracle, wanted)
    everybody = Recount(oracle, window(oracle, hours, replace(chosen, author=0)))
    since = recorded_since(oracle)
    now, *before = windows(wanted.start, wanted.end, wanted.zone)
    spans = [now, *(span for span in before if since and span.start >= since)]
    alike: dict[str, list[History]] = defaultdict(list)
    for history in histories(recount, spans, wanted.end):
        if history.dimension != "author":
            alike[history.dimension].append(history)
    for history in histories(everybody, spans, wanted.end):
        if history.dimension == "author":
            alike[history.dimension].append(history)
    tides = Tides(alike["author"])
    posts = {event.post_id for span in spans for event in recount.between(span.start, span.end)}
    expected = {}
    for dimension, known in alike.items():
        scatter = scatter_of(known)
        chosen_ones = [
            history
            for history in known
            if dimension != "author" or chosen.author in {0, history.author_id}
        ]
        tested = len(posts) if dimension == "post" else len(chosen_ones)
        for history in chosen_ones:
            tide = NO_TIDE if dimension == "all" else tides.without(history.author_id)
            move = move_of(history, tide, scatter)
            chance = false_alarms(move, hours, tested, 5)
            is_far = chance <= allowed and abs(history.now - move.expected) >= MIN_EVENTS
            if is_far and (history.dimension != "post" or move.z > 0):
                expected[history.dimension, history.key] = (history, move, tide.factor)
    async with holding(store, oracle) as pool:
        found = await movers(
            context_of(pool, wanted),
            MoversParameters(hours=hours, false_alarms=allowed, limit=1000),
        )

    rows = {(row.dimension, row.key): row for row in found if row.basis == "weeks"}
    assert rows.keys() == expected.keys()
    for key, (history, move, tide) in expected.items():
        row = rows[key]
        assert row.engagements == history.now
        assert row.expected == pytest.approx(move.expected, abs=0.06)
        assert row.z == pytest.approx(move.z, abs=0.06)
        assert row.weeks == len(history.before)
        assert row.direction == ("above" if move.z > 0 else "below")
        weeks = "1 week" if row.weeks == 1 else f"{row.weeks} weeks"
        more = "more" if move.z > 0 else "fewer"
        assert f" from {weeks} before, mainly {more} {row.cause_type}s" in row.sentence
        assert row.false_alarms <= allowed
        check_cause(row, recount, spans, tide)


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


class AgeInterval(NamedTuple):
    """A post between two ages: what counts of its engagements, and its level."""

    post: Post
    kinds: Counter[str]
    level: float


def age_intervals(oracle: Oracle, hours: int, chosen: Filters) -> dict[int, list[AgeInterval]]:
    """Return the posts of 90 days by the end of each age interval that fits into a window."""
    found: dict[int, list[AgeInterval]] = {}
    for begin, end in zip([0, *AGES], AGES, strict=False):
        if end - begin <= hours:
            earlier = {each.post.post_id: each.kinds for each in aged(oracle, begin, chosen)}
            found[end] = []
            for each in aged(oracle, end, chosen):
                if oracle.now - timedelta(days=90) <= each.post.published:
                    own = each.kinds - earlier[each.post.post_id]
                    total = sum(own[kind] for kind in KINDS if chosen.kind in {None, kind})
                    found[end].append(AgeInterval(each.post, own, math.log1p(total)))
    return found


@bounded
@given(
    oracle=oracles_with_ages(days=(1, 2, 7)),
    chosen=filters,
    hours=st.sampled_from([1, 6, 24, 167, 168]),
)
async def test_movers_by_age(store: Store, oracle: Oracle, chosen: Filters, hours: int) -> None:
    start = oracle.now - timedelta(hours=hours)
    alike = age_intervals(oracle, hours, chosen)
    async with holding(store, oracle) as pool:
        peers = Period(oracle.now - timedelta(days=90), oracle.now, oracle.zone, chosen)
        rows = await rows_of(
            pool, "movers_young", peers, since=start, hours=hours, early=[], peers=200
        )

    found = {(row["post_id"], row["hours"]): row for row in rows}
    expected = {
        (each.post.post_id, end): each
        for end, posts in alike.items()
        for each in posts
        if start < each.post.published + timedelta(hours=end) <= oracle.now
        and chosen.author in {0, each.post.author_id}
    }
    assert found.keys() == expected.keys()
    for (post_id, end), row in found.items():
        scores = {}
        for category in {each.post.category for each in alike[end]}:
            own = [each for each in alike[end] if each.post.category == category]
            middle = statistics.median(each.level for each in own)
            distance = statistics.median(abs(each.level - middle) for each in own)
            scatter = max(1.4826 * distance, math.exp(-middle / 2))
            scores |= {each.post.post_id: (each.level - middle) / scatter for each in own}
            if category == row["category"]:
                assert (row["peers"], row["median"]) == (len(own), pytest.approx(middle))
                for kind in KINDS:
                    if chosen.kind in {None, kind}:
                        mean = statistics.fmean(each.kinds[kind] for each in own)
                        more = expected[post_id, end].kinds[kind] - mean
                        assert row[kind] == pytest.approx(more)
        assert row["engagements"] == round(math.expm1(expected[post_id, end].level))
        assert row["score"] == pytest.approx(scores[post_id])
        sign = -1 if row["score"] < 0 else 1
        tail = sorted(sign * score for score in scores.values())[-max(10, len(scores) // 20) :]
        assert row["tail_posts"] == len(tail)
        assert row["tail_share"] == pytest.approx(len(tail) / len(scores))
        assert row["tail_start"] == pytest.approx(tail[0])
        assert row["tail_excess"] == pytest.approx(statistics.fmean(tail) - tail[0], abs=1e-9)


@pytest.mark.parametrize("hours", [1, 24])
async def test_post_that_stopped_does_not_rise(store: Store, hours: int) -> None:
    """A post with many events in its first days only is nearly a week old."""
    now = datetime(2026, 5, 20, 12, tzinfo=UTC)
    posts = [Post(n, 1, "Tech", now - timedelta(hours=36 * n), f"post {n}") for n in range(1, 60)]
    star = Post(99, 1, "Tech", now - timedelta(days=6, hours=22), "star")
    posts.append(star)
    events = [
        Engagement(post.post_id, "view", None, post.published + timedelta(hours=age))
        for post in posts
        for age in range(2, 40)
        for _ in range(200 if post is star else 1)
    ]
    events = [event for event in events if event.at <= now]
    oracle = Oracle(World([Author(1, "Ann", "Tech")], posts, events), ZoneInfo("UTC"), now)
    async with holding(store, oracle) as pool:
        query = MoversParameters(hours=hours, false_alarms=1000, limit=1000)
        found = await movers(context_of(pool, window(oracle, hours, Filters())), query)
        day = timedelta(days=5, hours=12)
        then = window(Oracle(oracle.world, oracle.zone, now - day), 24, Filters())
        earlier = await movers(
            replace(context_of(pool, then)), MoversParameters(false_alarms=1000, limit=1000)
        )

    assert "99" not in {row.key for row in found if row.direction == "above"}
    assert [row.key for row in earlier if row.basis == "age"][:1] == ["99"]


def breaking(ages_minutes: dict[int, int], peers: int = 60) -> Oracle:
    """Old posts with 4 views in each quarter of their first hour; new ones with 50 in each.

    Args:
        ages_minutes: of the new posts, by their number, which is above 900.
        peers: how many old posts there are.
    """
    now = datetime(2026, 5, 20, 12, tzinfo=UTC)
    posts = [Post(n, 1, "Tech", now - timedelta(hours=20 * n), f"old {n}") for n in range(1, peers)]
    posts += [
        Post(number, 2, "Tech", now - timedelta(minutes=age), f"new {number}")
        for number, age in ages_minutes.items()
    ]
    events = [
        Engagement(post.post_id, "view", None, at)
        for post in posts
        for quarter in range(4)
        for number in range(50 if post.post_id > 900 else 4)
        if (at := post.published + timedelta(minutes=15 * quarter, seconds=number)) < now
    ]
    first = Engagement(1, "view", None, now - timedelta(days=89))
    authors = [Author(1, "Ann", "Tech"), Author(2, "Ben", "Tech")]
    return Oracle(World(authors, posts, [first, *events]), ZoneInfo("UTC"), now)


async def movers_by_age(store: Store, oracle: Oracle, **query: Any) -> dict[str, Mover]:
    async with holding(store, oracle) as pool:
        context = context_of(pool, window(oracle, 24, Filters(author=query.pop("author", 0))))
        found = await movers(context, MoversParameters(limit=1000, **query))
    return {row.key: row for row in found if row.basis == "age"}


@pytest.mark.parametrize(
    ("minutes", "age_hours", "engagements", "expected", "stretch"),
    [
        (15, 0.25, 50, 4.0, "the first 15 minutes"),
        (29, 0.25, 50, 4.0, "the first 15 minutes"),
        (31, 0.5, 100, 8.0, "the first 30 minutes"),
        (59, 0.5, 100, 8.0, "the first 30 minutes"),
        (60, 1.0, 200, 16.0, "the first 1 hour"),
    ],
)
async def test_breaking_story_rises_from_its_first_quarter_of_an_hour(
    store: Store, minutes: int, age_hours: float, engagements: int, expected: float, stretch: str
) -> None:
    found = await movers_by_age(store, breaking({902: minutes}))

    assert found.keys() == {"902"}
    row = found["902"]
    assert row.direction == "above"
    assert (row.age_hours, row.engagements, row.expected) == (age_hours, engagements, expected)
    assert f"{engagements} engagements in {stretch} after publication" in row.sentence


async def test_breaking_story_is_not_listed_before_its_first_quarter_of_an_hour(
    store: Store,
) -> None:
    assert await movers_by_age(store, breaking({902: 14})) == {}


async def test_breaking_story_of_another_author_is_left_out(store: Store) -> None:
    assert await movers_by_age(store, breaking({902: 20}), author=1) == {}


async def test_breaking_story_needs_twenty_posts_of_its_category(store: Store) -> None:
    few = await movers_by_age(store, breaking({902: 20}, peers=19))
    enough = await movers_by_age(store, breaking({902: 20}, peers=20))

    assert few == {}
    assert enough.keys() == {"902"}


async def test_all_ages_passed_in_the_window_count_as_comparisons(store: Store) -> None:
    oracle = breaking({902: 20, 903: 45, 950: 300})
    start = oracle.now - timedelta(hours=24)
    peers = Period(oracle.now - timedelta(days=90), oracle.now, oracle.zone, Filters())
    async with holding(store, oracle) as pool:
        rows = await rows_of(
            pool, "movers_young", peers, since=start, hours=24, early=[0.25, 0.5], peers=200
        )

    passed = {"902": 1, "903": 2, "950": 3, "20 hours": 4, "40 hours": 1, "60 hours": 1}
    assert {row["tested"] for row in rows} == {sum(passed.values())}
    assert {row["post_id"]: row["hours"] for row in rows if row["hours"] < 1} == {
        902: 0.25,
        903: 0.5,
    }
