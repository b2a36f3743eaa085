"""Engagements of posts in their first hours, counted one by one."""

import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import strategies as st

from analytics_api.parameters import AGES
from analytics_api.periods import Filters
from analytics_api.statistics.shrinkage import Unit
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Engagement, Post, World
from tests.integration.reports.conftest import KINDS, UNKNOWN_POST, oracles
from tests.integration.reports.test_scoped_reports import is_chosen

_MICROSECOND = timedelta(microseconds=1)


@st.composite
def oracles_with_ages(draw: Any, *, days: Sequence[int]) -> Oracle:
    """A world with many events of young posts, often exactly at a compared age."""
    oracle = draw(oracles(days=days).filter(lambda drawn: drawn.world.posts))
    world = oracle.world
    edges = st.builds(
        operator.add,
        st.sampled_from([0, *AGES]).map(lambda hours: timedelta(hours=hours)),
        st.sampled_from([-_MICROSECOND, timedelta(), _MICROSECOND]),
    )
    inside = st.integers(0, 200 * 3600).map(lambda seconds: timedelta(seconds=seconds))
    crowd = st.tuples(
        st.sampled_from(world.posts), st.sampled_from(KINDS), edges | inside, st.integers(1, 12)
    )
    events = [
        Engagement(post.post_id, kind, None, min(post.published + age, oracle.now))
        for post, kind, age, size in draw(st.lists(crowd, min_size=3, max_size=20))
        for _ in range(size)
    ]
    first = Engagement(UNKNOWN_POST, "view", None, oracle.now - timedelta(days=405))
    engaged = [*world.engagements, *events, *draw(st.sampled_from([[], [first], [first]]))]
    return Oracle(World(world.authors, world.posts, engaged), oracle.zone, oracle.now)


class Aged(NamedTuple):
    """A post that is old enough, and its engagements until then."""

    post: Post
    kinds: Counter[str]

    def earned(self, chosen: Filters) -> int:
        return sum(self.kinds[kind] for kind in KINDS if chosen.kind in {None, kind})


def aged(oracle: Oracle, hours: int, chosen: Filters | None = None) -> list[Aged]:
    """Return the posts of this age that the filters choose, of all authors."""
    since = recorded_since(oracle)
    if since is None:
        return []
    age = timedelta(hours=hours)
    of_all_authors = replace(chosen or Filters(), author=0)
    found = []
    for post in oracle.world.posts:
        if since <= post.published <= oracle.now - age and is_chosen(post, of_all_authors):
            kinds = Counter(
                event.kind
                for event in oracle.world.engagements
                if event.post_id == post.post_id
                and post.published <= event.at < post.published + age
            )
            found.append(Aged(post, kinds))
    return found


def recorded_since(oracle: Oracle) -> datetime | None:
    """Return the first quarter of an hour with an event, ignoring few much earlier ones."""
    quarters = Counter(
        event.at.replace(minute=event.at.minute // 15 * 15, second=0, microsecond=0)
        for event in oracle.world.engagements
    )
    if not quarters:
        return None
    total, so_far, since = quarters.total(), 0, min(quarters)
    for quarter, following in pairwise(sorted(quarters)):
        so_far += quarters[quarter]
        apart = (oracle.now - following) / (total - so_far)
        if so_far <= total / 100 and following - quarter > max(timedelta(days=1), 10 * apart):
            since = following
    return since


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def sums(row: Any) -> Unit:
    """The sums in a row of a report's SQL."""
    return Unit(**{name: row[name] for name in Unit._fields if name in row.keys()})  # noqa: SIM118
