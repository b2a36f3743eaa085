"""Funnel, audience and what posts are like equal a plain recomputation from the raw events."""

import math
import statistics
from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api import insight_reports
from analytics_api.insight_models import AudienceBy
from analytics_api.insight_reports import part_percent
from analytics_api.scope import Filters
from analytics_api.scoped_reports import change_percent, fetch
from loadgen.oracle import Oracle
from sql import load
from tests.integration.reports.conftest import Store, oracles
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

STEPS = ("view", "like", "comment", "share")
USERS = {1: ("free", "AT"), 2: ("trial", None)}


@bounded
@given(oracle=oracles(days=DAYS), chosen=filters)
async def test_funnel(store: Store, oracle: Oracle, chosen: Filters) -> None:
    wanted = scope(oracle, 30, Filters(chosen.category, chosen.author, None, chosen.tag))
    recount = Recount(oracle, wanted)
    kinds: dict[Any, set[str]] = defaultdict(set)
    for event in recount.current():
        if event.user_id is not None:
            kinds[event.user_id, event.post_id].add(event.kind)
    async with holding(store, oracle) as pool:
        found = await insight_reports.funnel(pool, wanted)

    events = Counter(event.kind for event in recount.current())
    viewed = [seen for seen in kinds.values() if "view" in seen]
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


@bounded
@given(oracle=oracles(days=DAYS), by=st.sampled_from(get_args(AudienceBy)), chosen=filters)
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
        await pool.connection.copy_records_to_table(
            "users",
            records=[
                (user, date(2026, 1, 1), country, segment)
                for user, (segment, country) in USERS.items()
            ],
        )
        found = await insight_reports.audience(pool, wanted, by)

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
@given(oracle=oracles(days=DAYS), hours=st.sampled_from([1, 24, 48, 200]), chosen=filters)
async def test_what_posts_earned_while_they_were_young(
    store: Store, oracle: Oracle, hours: int, chosen: Filters
) -> None:
    wanted = scope(oracle, 30, chosen)
    recount = Recount(oracle, wanted)
    young = timedelta(hours=hours)
    expected = {}
    for post in recount.posts.values():
        if wanted.start <= post.published <= wanted.end - young:
            earned = sum(
                post.published <= event.at < post.published + young
                for event in recount.current()
                if event.post_id == post.post_id
            )
            with_metadata = is_promoted(post.post_id) is not None
            expected[post.post_id] = (
                post.author_id,
                post.category,
                len(post.title),
                bool(is_promoted(post.post_id)),
                tags(post.post_id) if with_metadata else [],
                earned,
            )
    async with holding(store, oracle) as pool:
        rows = await fetch(pool, "post_features", wanted, hours=hours)

    assert {
        row["post_id"]: (
            row["author_id"],
            row["category"],
            row["title_length"],
            row["is_promoted"],
            row["tags"],
            row["engagements"],
        )
        for row in rows
    } == expected


@bounded
@given(oracle=oracles(days=(15, 30)), hours=st.sampled_from([1, 48]))
async def test_authors_outcomes_in_two_periods(store: Store, oracle: Oracle, hours: int) -> None:
    start, young = oracle.now - timedelta(days=15), timedelta(hours=hours)
    before = start - timedelta(days=15)
    authors = [author.author_id for author in oracle.world.authors]
    logs: dict[Any, list[float]] = defaultdict(list)
    published: Counter[Any] = Counter()
    for post in oracle.world.posts:
        if before <= post.published < oracle.now:
            key = post.author_id, post.published >= start
            published[key] += 1
            if post.published + young <= oracle.now:
                earned = sum(
                    event.post_id == post.post_id
                    and post.published <= event.at < min(post.published + young, oracle.now)
                    for event in oracle.world.engagements
                )
                logs[key].append(math.log1p(earned))
    query = load("author_outcomes")
    values = query.bind(authors=authors, before=before, start=start, end=oracle.now, hours=hours)
    async with holding(store, oracle) as pool:
        rows = await pool.connection.fetch(query.text, *values)

    assert [(row["author_id"], row["is_after"]) for row in rows] == [
        (author, after) for author in authors for after in (False, True)
    ]
    for row in rows:
        key = row["author_id"], row["is_after"]
        assert row["posts"] == published[key]
        expected = statistics.fmean(logs[key]) if logs[key] else None
        assert row["mean_log"] == (None if expected is None else pytest.approx(expected))
