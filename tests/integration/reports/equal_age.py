"""What posts earned in their first hours, counted one event after the other."""

import operator
from collections import Counter
from collections.abc import Iterable, Sequence
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
from tests.integration.reports.test_scoped_reports import is_promoted, tags

_MICROSECOND = timedelta(microseconds=1)


@st.composite
def lively(draw: Any, *, days: Sequence[int]) -> Oracle:
    """A world whose posts were engaged with while they were young, often just at an age."""
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
    """The posts that the filters choose, the author apart, and that are so old."""
    since = recorded_since(oracle)
    if since is None:
        return []
    age = timedelta(hours=hours)
    found = []
    for post in oracle.world.posts:
        if since <= post.published <= oracle.now - age and _has(post, chosen or Filters()):
            kinds = Counter(
                event.kind
                for event in oracle.world.engagements
                if event.post_id == post.post_id
                and post.published <= event.at < post.published + age
            )
            found.append(Aged(post, kinds))
    return found


def recorded_since(oracle: Oracle) -> datetime | None:
    """The first quarter of an hour with an event, without few that are much earlier."""
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


def _has(post: Post, chosen: Filters) -> bool:
    with_metadata = is_promoted(post.post_id) is not None
    return (
        chosen.category in {"", post.category}
        and (not chosen.tag or (with_metadata and chosen.tag in tags(post.post_id)))
        and chosen.promoted in {None, bool(is_promoted(post.post_id))}
    )


def unit(pairs: Iterable[tuple[float, float]]) -> Unit:
    """The sums over posts of what was observed and what was expected."""
    both = list(pairs)
    return Unit(
        len(both),
        sum(y for y, _ in both),
        sum(e for _, e in both),
        sum(y * y for y, _ in both),
        sum(y * e for y, e in both),
        sum(e * e for _, e in both),
    )


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def sums(row: Any) -> Unit:
    """The sums in a row of a report's SQL."""
    return Unit(**{name: row[name] for name in Unit._fields if name in row.keys()})  # noqa: SIM118
