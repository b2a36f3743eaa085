"""Reports with a period and filters equal a plain recomputation from the raw events."""

import statistics
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, get_args
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from analytics_api.measures import change_percent, engagement_rate
from analytics_api.parameters import PeriodParameters
from analytics_api.periods import Filters, Period
from analytics_api.reports.benchmarks import AuthorBenchmarkParameters, author_benchmark
from analytics_api.reports.engagement import overview
from analytics_api.reports.ranking import RankingParameters, ranking
from analytics_api.reports.series import SeriesParameters, series
from analytics_api.statistics.calendar import Interval, days_before
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Author, Engagement, Post, World
from tests.integration.reports.conftest import (
    CATEGORIES,
    KINDS,
    NOWS,
    Store,
    all_rows,
    choices,
    context_of,
    oracles,
)
from tests.integration.reports.test_reports import bounded

TYPES = {"views": "view", "likes": "like", "comments": "comment", "shares": "share"}
DAYS = (1, 7, 8, 14, 16, 30)


def tags(post_id: int) -> list[str]:
    return [name for number, name in ((2, "even"), (3, "third")) if post_id % number == 0]


def is_promoted(post_id: int) -> bool | None:
    """Whether the post is promoted; None: there is no metadata of it."""
    return None if post_id % 4 == 1 else post_id % 4 == 0


filters = st.builds(
    Filters,
    category=st.sampled_from(["", "", *CATEGORIES]),
    author=st.sampled_from([0, 0, 1, 2]),
    kind=st.sampled_from([None, None, *KINDS]),
    tag=st.sampled_from(["", "", "even", "none"]),
    promoted=st.sampled_from([None, None, True, False]),
)


@asynccontextmanager
async def holding(store: Store, oracle: Oracle) -> AsyncIterator[Any]:
    async with store.holding(oracle) as connection:
        await connection.copy_records_to_table(
            "post_metadata",
            records=[
                # Written by SQL, tags may be repeated.
                (post.post_id, tags(post.post_id) * 3, promoted, "en")
                for post in oracle.world.posts
                if (promoted := is_promoted(post.post_id)) is not None
            ],
        )
        yield connection


def scope(oracle: Oracle, days: int, chosen: Filters) -> Period:
    start = days_before(days, oracle.zone, oracle.now)
    return Period(start, oracle.now, oracle.zone, chosen)


async def known_id(_kind: str, text: str) -> int:
    return int(text)


def is_chosen(post: Post, chosen: Filters) -> bool:
    """Return whether the filters choose a post."""
    with_metadata = is_promoted(post.post_id) is not None
    return (
        chosen.category in {"", post.category}
        and chosen.author in {0, post.author_id}
        and (not chosen.tag or (with_metadata and chosen.tag in tags(post.post_id)))
        and chosen.promoted in {None, bool(is_promoted(post.post_id))}
    )


class Recount:
    """Counts the events of a scope one by one."""

    def __init__(self, oracle: Oracle, chosen: Period) -> None:
        self.scope = chosen
        self.posts = {
            post.post_id: post for post in oracle.world.posts if is_chosen(post, chosen.filters)
        }
        self.engagements = oracle.world.engagements

    def between(self, start: datetime, end: datetime) -> list[Engagement]:
        return [
            e
            for e in self.engagements
            if e.post_id in self.posts
            and start <= e.at < end
            and self.scope.filters.kind in {None, e.kind}
        ]

    def current(self) -> list[Engagement]:
        return self.between(self.scope.start, self.scope.end)

    def before(self) -> list[Engagement]:
        return self.between(self.scope.previous.start, self.scope.previous.end)


def counts(events: Iterable[Engagement]) -> dict[str, int]:
    kinds = [event.kind for event in events]
    return {name: kinds.count(kind) for name, kind in TYPES.items()} | {
        "total_engagements": len(kinds)
    }


@bounded
@given(oracle=oracles(days=DAYS), days=st.sampled_from([7, 15, 30]), chosen=filters)
async def test_overview(store: Store, oracle: Oracle, days: int, chosen: Filters) -> None:
    wanted = scope(oracle, days, chosen)
    recount = Recount(oracle, wanted)

    def totals(start: datetime, end: datetime) -> dict[str, Any]:
        events = recount.between(start, end)
        counted = counts(events)
        active = counted["likes"] + counted["comments"] + counted["shares"]
        return counted | {
            "posts_engaged": len({e.post_id for e in events}),
            "active_users": len({e.user_id for e in events} - {None}),
            "posts_published": sum(start <= p.published < end for p in recount.posts.values()),
            "engagement_rate": engagement_rate(active, counted["views"]),
        }

    current = totals(wanted.start, wanted.end)
    previous = totals(wanted.previous.start, wanted.previous.end)
    async with holding(store, oracle) as pool:
        found = await overview(context_of(pool, wanted), PeriodParameters())

    assert found.current.model_dump() == current
    assert found.previous is not None
    assert found.previous.model_dump() == previous
    assert found.change_pct is not None
    assert found.change_pct.views == change_percent(current["views"], previous["views"])


def begins(wanted: Period, interval: str) -> list[datetime]:
    """Return the starts of a scope's intervals: quarters of an hour with another label."""
    quarter = timedelta(minutes=15)
    start = wanted.start.astimezone(wanted.zone)
    found: list[datetime] = []
    instant = wanted.start - timedelta(minutes=start.minute % 15, seconds=start.second)
    instant -= timedelta(microseconds=start.microsecond)
    last = None
    while instant < wanted.end:
        label = _label(instant, wanted, interval)
        if label != last:
            found.append(instant)
            last = label
        instant += quarter
    return found


def _reaches(label: Any, since: datetime, wanted: Period, interval: str) -> bool:
    """Whether an interval ends after the quarter of an hour in which recording began."""
    quarter = since - timedelta(
        minutes=since.minute % 15, seconds=since.second, microseconds=since.microsecond
    )
    first = _label(quarter, wanted, interval)
    if interval == "hour":
        # An hour that the clocks repeat is known by its offset, which decreases.
        return (label[0], label[1], -label[2]) >= (first[0], first[1], -first[2])
    return bool(label >= first)


def _label(instant: datetime, wanted: Period, interval: str) -> Any:
    local = instant.astimezone(wanted.zone)
    if interval == "hour":
        return (local.date(), local.hour, local.utcoffset())
    if interval == "day":
        return local.date()
    return local.date() - timedelta(days=local.weekday())


@bounded
@given(
    oracle=oracles(days=DAYS),
    days=st.sampled_from([1, 7]),
    interval=st.sampled_from(get_args(Interval)),
    chosen=filters,
    post=st.sampled_from([None, None, 1, 2]),
)
async def test_series(
    store: Store, oracle: Oracle, days: int, interval: Any, chosen: Filters, post: int | None
) -> None:
    wanted = scope(oracle, days, chosen)
    recount = Recount(oracle, wanted)
    expected: dict[Any, list[Engagement]] = {
        _label(begin, wanted, interval): [] for begin in begins(wanted, interval)
    }
    for event in recount.current():
        if post in {None, event.post_id}:
            expected[_label(event.at, wanted, interval)].append(event)
    before = [event for event in recount.before() if post in {None, event.post_id}]
    async with holding(store, oracle) as pool:
        query = SeriesParameters(interval=interval, post=str(post) if post else None)
        context = replace(context_of(pool, wanted), find_id=known_id)
        found = await series(context, query)

    since = min((event.at for event in oracle.world.engagements), default=None)
    labels = [_label(begin, wanted, interval) for begin in begins(wanted, interval)]
    for label, point in zip(labels, found, strict=True):
        seen = {name: getattr(point, name) for name in [*TYPES, "total_engagements"]}
        is_recorded = since is not None and _reaches(label, since, wanted, interval)
        assert seen == (counts(expected[label]) if is_recorded else dict.fromkeys(seen))
    assert [_label(point.start, wanted, interval) for point in found] == list(expected)
    earlier = sum(point.previous_engagements or 0 for point in found)
    assert earlier <= len(before)
    if interval == "day":
        assert earlier == len(before)
    assert all(point.start.tzinfo == wanted.zone for point in found)


@bounded
@given(
    oracle=oracles(days=DAYS),
    dimension=st.sampled_from(choices(RankingParameters, "dimension")),
    sort=st.sampled_from(choices(RankingParameters, "sort")),
    chosen=filters,
    limit=st.integers(1, 7),
)
async def test_ranking_page_after_page(
    store: Store, oracle: Oracle, dimension: Any, sort: Any, chosen: Filters, limit: int
) -> None:
    wanted = scope(oracle, 30, chosen)
    recount = Recount(oracle, wanted)
    names = {str(author.author_id): author.name for author in oracle.world.authors}

    def keys(event: Engagement) -> list[str]:
        post = recount.posts[event.post_id]
        with_metadata = is_promoted(post.post_id) is not None
        return {
            "post": [str(post.post_id)],
            "author": [str(post.author_id)],
            "category": [post.category],
            "tag": tags(post.post_id) if with_metadata else [],
        }[dimension]

    current, before = defaultdict(list), defaultdict(list)
    for events, into in ((recount.current(), current), (recount.before(), before)):
        for event in events:
            for key in keys(event):
                into[key].append(event)
    expected = []
    for key in {*current, *before}:
        counted = counts(current[key])
        active = counted["likes"] + counted["comments"] + counted["shares"]
        rate = engagement_rate(active, counted["views"])
        # Rates of 30 views or more would be ranked before the others, but no world has as many.
        value = (-1 if rate is None else rate) if sort == "rate" else counted[sort]
        change = change_percent(len(current[key]), len(before[key]))
        expected.append((-value, key, counted, len(before[key]), change, rate))
    expected.sort(key=lambda row: row[:2])

    async with holding(store, oracle) as pool:
        query = {"dimension": dimension, "sort": sort, "limit": limit}
        rows = await all_rows(ranking, context_of(pool, wanted), RankingParameters, **query)

    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    assert [
        (
            row.key,
            {name: getattr(row, name) for name in [*TYPES, "total_engagements"]},
            row.previous_engagements,
            row.change_pct,
            row.engagement_rate,
        )
        for row in rows
    ] == [row[1:] for row in expected]
    if dimension == "author":
        assert [row.label for row in rows] == [names[row.key] for row in rows]
    assert len(list(groupby(rows, key=lambda row: row.key))) == len(rows)


async def test_rates_of_few_views_are_ranked_after_the_others(store: Store) -> None:
    now = NOWS[0]
    posts = [Post(number, 1, "Tech", now - timedelta(days=9), "Title") for number in (1, 2, 3)]
    # 300 % of one view, 10 % of thirty, and likes without a recorded view.
    kinds = {1: ["view", *["like"] * 3], 2: ["view"] * 30 + ["like"] * 3, 3: ["like"] * 40}
    engaged = [
        Engagement(post, kind, None, now - timedelta(hours=1))
        for post, of_post in kinds.items()
        for kind in of_post
    ]
    oracle = Oracle(World([Author(1, "Ann", "Tech")], posts, engaged), ZoneInfo("UTC"), now)
    async with holding(store, oracle) as pool:
        query = {"dimension": "post", "sort": "rate", "limit": 1}
        context = context_of(pool, scope(oracle, 7, Filters()))
        rows = await all_rows(ranking, context, RankingParameters, **query)

    assert [(row.key, row.engagement_rate) for row in rows] == [
        ("2", 10.0),
        ("1", 300.0),
        ("3", None),
    ]


@bounded
@given(oracle=oracles(days=DAYS), days=st.sampled_from([7, 30]), chosen=filters)
async def test_author_benchmark(store: Store, oracle: Oracle, days: int, chosen: Filters) -> None:
    wanted = scope(oracle, days, replace(chosen, author=0))
    recount = Recount(oracle, wanted)
    by_author = defaultdict(list)
    for event in recount.current():
        by_author[recount.posts[event.post_id].author_id].append(event)
    async with holding(store, oracle) as pool:
        found = {
            author: await author_benchmark(
                replace(context_of(pool, wanted), find_id=known_id),
                AuthorBenchmarkParameters(author_id=str(author.author_id)),
            )
            for author in oracle.world.authors
        }

    for author, benchmark in found.items():
        peers = [
            counts(by_author[each.author_id])
            for each in oracle.world.authors
            if each.category == author.category and by_author[each.author_id]
        ]
        own = len(by_author[author.author_id])
        better = sum(peer["total_engagements"] > own for peer in peers)
        assert benchmark.authors == len(peers)
        assert benchmark.total_engagements == own
        assert benchmark.rank == (better + 1 if own else None)
        for name in (*TYPES, "total_engagements"):
            middle = statistics.median(peer[name] for peer in peers) if peers else None
            assert getattr(benchmark, f"median_{name}") == middle


@bounded
@given(oracle=oracles(days=DAYS), interval=st.sampled_from(["day", "week"]))
async def test_series_of_all_time_starts_with_the_first_event(
    store: Store, oracle: Oracle, interval: Any
) -> None:
    ever = Period(
        datetime.fromisoformat("1970-01-01T00:00:00+00:00"),
        oracle.now,
        oracle.zone,
        no_comparison="all_time",
    )
    async with holding(store, oracle) as pool:
        found = await series(context_of(pool, ever), SeriesParameters(interval=interval))
        totals = await overview(context_of(pool, ever), PeriodParameters())

    known = Recount(oracle, ever).current()
    assert sum(point.total_engagements or 0 for point in found) == len(known)
    assert totals.current.total_engagements == len(known)
    assert totals.previous is None
    if known:
        assert found[0].start <= min(event.at for event in known)
