"""Funnel, audience and what posts are like equal a plain recomputation from the raw events."""

import itertools
import operator
import statistics
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.measures import change_percent, part_percent
from analytics_api.parameters import AGES, PeriodParameters
from analytics_api.periods import Filters, Period
from analytics_api.reports.audience import AudienceParameters, audience
from analytics_api.reports.effects import by_feature
from analytics_api.reports.funnel import funnel
from analytics_api.statistics.shrinkage import Unit
from analytics_api.statistics.within import Level
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Engagement
from sql import load
from tests.integration.reports.conftest import (
    KINDS,
    Store,
    choices,
    content_length,
    context_of,
    has_media,
    oracles,
    rows_of,
)
from tests.integration.reports.equal_age import Aged, aged, oracles_with_ages, recorded_since, sums
from tests.integration.reports.test_reports import bounded
from tests.integration.reports.test_scoped_reports import (
    DAYS,
    Recount,
    counts,
    filters,
    holding,
    is_promoted,
    scope,
    tags,
)
from tests.unit.api.test_shrinkage import unit

GROUPINGS = st.sampled_from(choices(AudienceParameters, "by"))
STEPS = ("view", "like", "comment", "share")
USERS = {1: ("free", "AT"), 2: ("trial", None)}


@bounded
@given(oracle=oracles(days=DAYS), chosen=filters)
async def test_funnel(store: Store, oracle: Oracle, chosen: Filters) -> None:
    wanted = scope(oracle, 30, Filters(chosen.category, chosen.author, None, chosen.tag))
    recount = Recount(oracle, wanted)
    kinds, kinds_before = (readings_of(events) for events in (recount.current(), recount.before()))
    async with holding(store, oracle) as pool:
        found = await funnel(context_of(pool, wanted), PeriodParameters())

    events = Counter(event.kind for event in recount.current())
    earlier = Counter(event.kind for event in recount.before())
    viewed = [seen for seen in kinds.values() if "view" in seen]
    viewed_before = [seen for seen in kinds_before.values() if "view" in seen]
    reached_before = None
    for place, step in enumerate(found):
        readings = sum(step.step in seen for seen in viewed)
        reached = sum(set(STEPS[: place + 1]) <= seen for seen in viewed)
        assert (step.step, step.events) == (STEPS[place], events[step.step])
        assert (step.readings, step.reached) == (readings, reached)
        assert step.of_viewed_pct == part_percent(readings, len(viewed))
        expected = None if reached_before is None else part_percent(reached, reached_before)
        assert step.of_previous_pct == expected
        reached_before = reached
        assert step.events_before == earlier[step.step]
        before = sum(step.step in seen for seen in viewed_before)
        assert step.of_viewed_before_pct == part_percent(before, len(viewed_before))


def readings_of(events: list[Engagement]) -> dict[Any, set[str]]:
    """Return the types of each known user's events of each post."""
    kinds: dict[Any, set[str]] = defaultdict(set)
    for event in events:
        if event.user_id is not None:
            kinds[event.user_id, event.post_id].add(event.kind)
    return kinds


@bounded
@given(oracle=oracles(days=DAYS), by=GROUPINGS, chosen=filters)
async def test_audience(store: Store, oracle: Oracle, by: Any, chosen: Filters) -> None:
    wanted = scope(oracle, 30, chosen)
    recount = Recount(oracle, wanted)

    def key(user: int | None) -> str:
        if user is None:
            return "anonymous"
        segment, country = USERS.get(user, (None, None))
        return (segment if by == "segment" else country) or "unknown"

    current, before = defaultdict(list), Counter(key(e.user_id) for e in recount.before())
    for event in recount.current():
        current[key(event.user_id)].append(event)
    async with holding(store, oracle) as pool:
        await pool.copy_records_to_table(
            "users",
            records=[
                (user, date(2026, 1, 1), country, segment)
                for user, (segment, country) in USERS.items()
            ],
        )
        found = await audience(context_of(pool, wanted), AudienceParameters(by=by))

    assert {group.key for group in found} == {*current, *before}
    assert [(-g.total_engagements, g.key) for g in found] == sorted(
        (-g.total_engagements, g.key) for g in found
    )
    whole = len(recount.current())
    for group in found:
        events = current[group.key]
        users = len({event.user_id for event in events} - {None})
        assert counts(events) == {name: getattr(group, name) for name in counts([])}
        assert group.active_users == users
        assert group.share_pct == (part_percent(len(events), whole) or 0.0)
        assert group.per_user == (round(len(events) / users, 2) if users else None)
        assert group.previous_engagements == before[group.key]
        assert group.change_pct == change_percent(len(events), before[group.key])


@bounded
@given(
    oracle=oracles_with_ages(days=DAYS),
    hours=st.sampled_from(AGES),
    chosen=st.just(Filters()) | filters,
)
async def test_post_features(store: Store, oracle: Oracle, hours: int, chosen: Filters) -> None:
    wanted = scope(oracle, 30, chosen)
    posts: dict[Any, list[tuple[float, int]]] = defaultdict(list)
    posts_of = young(oracle, hours, wanted)
    names = {tag for aged_post in posts_of for tag in tags(aged_post.post.post_id)}
    for aged_post in posts_of:
        post = aged_post.post
        group = post.author_id, post.category
        known = is_promoted(post.post_id) is not None
        features = {
            "media": float(has_media(post.post_id)),
            "promoted": float(bool(is_promoted(post.post_id))),
            "title_length": float(len(post.title)),
            "content_length": float(content_length(post.post_id)),
            "age": (wanted.end - post.published) / timedelta(days=1),
        } | {f"tag:{tag}": float(known and tag in tags(post.post_id)) for tag in names}
        for feature, value in features.items():
            posts[feature, group].append((value, aged_post.earned(chosen)))
    async with holding(store, oracle) as pool:
        found = by_feature(await rows_of(pool, "post_features", wanted, hours=hours))

    seen = {(feature, group): rows for feature, of in found.items() for group, rows in of.items()}
    expected = {
        key: levels_of(key[0], pairs)
        for key, pairs in posts.items()
        if not key[0].startswith("tag:") or any(value for value, _ in pairs)
    }
    assert seen.keys() == expected.keys()
    for key, levels in expected.items():
        assert [*map(list, seen[key])] == [pytest.approx(list(level)) for level in levels]


STEPS_OF_FEATURES = {"title_length": 10, "content_length": 1000, "age": 10_000}


def levels_of(feature: str, pairs: list[tuple[float, int]]) -> list[Level]:
    """The posts by steps of a feature."""
    levels: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for value, earned in pairs:
        levels[int(value // STEPS_OF_FEATURES.get(feature, 1))].append((value, earned))
    return [
        Level(
            statistics.fmean(value for value, _ in posts),
            len(posts),
            sum(earned for _, earned in posts),
            sum(earned**2 for _, earned in posts),
        )
        for _, posts in sorted(levels.items())
    ]


@bounded
@given(
    oracle=oracles_with_ages(days=DAYS),
    hours=st.sampled_from(AGES),
    chosen=st.just(Filters()) | filters,
)
async def test_author_rates(store: Store, oracle: Oracle, hours: int, chosen: Filters) -> None:
    wanted = scope(oracle, 30, Filters(chosen.category, 0, None, chosen.tag, chosen.promoted))
    posts = young(oracle, hours, wanted)
    expected: dict[Any, Unit] = {}
    own: dict[tuple[int, str], list[Aged]] = defaultdict(list)
    for post in posts:
        own[post.post.author_id, post.post.category].append(post)
    for ((author, category), mine), kind in itertools.product(own.items(), KINDS):
        others = [
            post
            for post in posts
            if post.post.category == category and post.post.author_id != author
        ]
        of_others = sum(post.kinds[kind] for post in others)
        sizes = [1 if kind == "view" else post.kinds["view"] for post in mine]
        if of_others and sum(sizes):
            whole = len(others) if kind == "view" else sum(post.kinds["view"] for post in others)
            if not whole:
                continue
            usual = [size * of_others / whole for size in sizes]
            added = unit([post.kinds[kind] for post in mine], usual)._replace(
                by_posts=sum(usual) ** 2 / len(others), by_events=sum(usual) ** 2 / of_others
            )
            before = expected.get((author, kind), Unit(0, *[0.0] * 7))
            expected[author, kind] = Unit(*map(operator.add, before, added))
    async with holding(store, oracle) as pool:
        rows = await rows_of(pool, "author_rates", wanted, hours=hours)

    assert {(row["author_id"], row["type"]) for row in rows} == expected.keys()
    for row in rows:
        assert sums(row) == pytest.approx(expected[row["author_id"], row["type"]])


def young(oracle: Oracle, hours: int, wanted: Period) -> list[Aged]:
    """Posts of the period that are old enough."""
    return [
        post
        for post in aged(oracle, hours, wanted.filters)
        if wanted.start <= post.post.published < wanted.end
        and wanted.filters.author in {0, post.post.author_id}
    ]


@bounded
@given(oracle=oracles_with_ages(days=(15, 30)), hours=st.sampled_from([1, 48]))
async def test_author_outcomes_in_two_periods(store: Store, oracle: Oracle, hours: int) -> None:
    start, young = oracle.now - timedelta(days=15), timedelta(hours=hours)
    before = start - timedelta(days=15)
    authors = [author.author_id for author in oracle.world.authors]
    outcomes: dict[Any, list[int]] = defaultdict(list)
    published: Counter[Any] = Counter()
    for post in oracle.world.posts:
        if before <= post.published < oracle.now:
            key = post.author_id, post.published >= start
            published[key] += 1
            since = recorded_since(oracle)
            if since and since <= post.published and post.published + young <= oracle.now:
                earned = sum(
                    event.post_id == post.post_id
                    and post.published <= event.at < min(post.published + young, oracle.now)
                    for event in oracle.world.engagements
                )
                outcomes[key].append(earned)
    values = {"authors": authors, "before": before, "start": start, "end": oracle.now}
    async with holding(store, oracle) as pool:
        rows = await load("author_outcomes").fetch(pool, **values, hours=hours)

    assert [(row["author_id"], row["is_after"]) for row in rows] == [
        (author, after) for author in authors for after in (False, True)
    ]
    for row in rows:
        key = row["author_id"], row["is_after"]
        assert row["published"] == published[key]
        assert row["posts"] == len(outcomes[key])
        assert row["engagements"] == sum(outcomes[key])
        assert row["squares"] == sum(earned**2 for earned in outcomes[key])
