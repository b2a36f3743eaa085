"""What authors would earn at their category's median, and why they do not: a scope in, rows out."""

import asyncio
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from analytics_api.answering.answers import Paged
from analytics_api.reports.fair.reports import Standing, standings, unit_of
from analytics_api.reports.insight.reports import by_feature
from analytics_api.reports.opportunity.models import Opportunity, Reason
from analytics_api.reports.opportunity.reasons import FeatureReasons, Rate, of_hours, of_rate
from analytics_api.reports.paging import Page, cut
from analytics_api.reports.scope import Scope
from analytics_api.reports.scoped.reports import fetch
from analytics_api.reports.shrinkage import shrink_all
from analytics_api.reports.timing.habits import Habit
from analytics_api.reports.timing.reports import Judgement, habits, slots_in
from analytics_api.reports.timing.slots import Slot
from sql.pool import Pool

_LEAST_AUTHORS: Final = 3
_GAIN_DAYS: Final = 90
_LEAST_POSTS_IN_SLOT: Final = 10


@dataclass(frozen=True)
class _Evidence:
    """What reasons are found in."""

    features: FeatureReasons
    rates: Mapping[int, Sequence[Rate]]
    habits: Mapping[int, Habit]
    slots: Sequence[Slot]

    def reasons(self, standing: Standing) -> list[Reason]:
        """Return what goes along with an author's distance, the greatest first."""
        author_id = standing.row["author_id"]
        found = [*self.features.of(author_id), *self._of_hours(author_id)]
        told = (of_rate(rate, standing.unit.observed) for rate in self.rates.get(author_id, ()))
        found += [reason for reason in told if reason]
        found.sort(key=lambda reason: (reason.effect_pct or 0.0, reason.reason))
        age = self.features.age_of(author_id)
        return [*found, age] if age else found

    def _of_hours(self, author_id: int) -> Iterator[Reason]:
        habit = self.habits.get(author_id)
        if habit is not None:
            peers = [peer for peer in self.habits.values() if peer.category == habit.category]
            if reason := of_hours(habit, peers, self.slots):
                yield reason


async def opportunity(pool: Pool, scope: Scope, hours: int, page: Page) -> Paged:
    """Return one page of the authors, the greatest gain first.

    Raises:
        Problem: 422 for an ``after`` that no page gave.
    """
    authors, _ = await standings(pool, scope, hours)
    medians = _medians(authors)
    scale = _GAIN_DAYS / _days(authors, scope.end - timedelta(hours=hours))
    gains = [_gain(standing, medians.get(standing.row["category"]), scale) for standing in authors]
    gains.sort(key=lambda gain: (-gain.middle, gain.author_id))
    ranked = [
        (rank, gain)
        for rank, gain in enumerate(gains, 1)
        if scope.filters.author in {0, gain.author_id}
    ]
    places = [(gain.middle, gain.author_id) for _, gain in ranked]
    shown, following = cut(ranked, page, places)
    evidence = await _evidence(pool, scope, hours)
    return Paged([_row(rank, gain, evidence) for rank, gain in shown], following)


class _Gain(NamedTuple):
    """Engagements per 90 days that the median's index would bring an author, and the interval."""

    standing: Standing
    median: float | None
    middle: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @property
    def author_id(self) -> int:
        """Whose."""
        return int(self.standing.row["author_id"])


def _gain(standing: Standing, median: float | None, scale: float) -> _Gain:
    if median is None:
        return _Gain(standing, None)
    estimate, expected = standing.estimate, standing.unit.expected
    ends = (estimate.index, estimate.high, estimate.low)
    return _Gain(standing, median, *(max(0.0, expected * scale * (median - end)) for end in ends))


def _row(rank: int, gain: _Gain, evidence: _Evidence) -> Opportunity:
    reasons = evidence.reasons(gain.standing) if round(gain.middle) else []
    return Opportunity(
        **gain.standing.fields(),
        rank=rank,
        median_index=None if gain.median is None else round(gain.median, 3),
        gain=round(gain.middle),
        gain_low=round(gain.low),
        gain_high=round(gain.high),
        is_clear=gain.low > 0,
        why="; ".join(reason.sentence for reason in reasons),
        reasons=reasons,
    )


def _medians(authors: Iterable[Standing]) -> dict[str, float]:
    """Return the median index of each category's authors, where there are enough."""
    indexes: dict[str, list[float]] = defaultdict(list)
    for standing in authors:
        indexes[standing.row["category"]].append(standing.estimate.index)
    return {
        category: statistics.median(found)
        for category, found in indexes.items()
        if len(found) >= _LEAST_AUTHORS
    }


def _days(authors: Iterable[Standing], last: datetime) -> float:
    """Return over how many days the posts that are compared were published."""
    first = min((standing.row["first_published"] for standing in authors), default=last)
    return max(1.0, (last - first) / timedelta(days=1))


async def _evidence(pool: Pool, scope: Scope, hours: int) -> _Evidence:
    """Ask about everybody's posts, which an author's are compared with."""
    scope = replace(scope, filters=replace(scope.filters, author=0))
    features, rates, found, slots = await asyncio.gather(
        fetch(pool, "post_features", scope, hours=hours),
        _rates(pool, scope, hours),
        habits(pool, scope),
        slots_in(pool, scope, Judgement(hours, _LEAST_POSTS_IN_SLOT)),
    )
    return _Evidence(
        FeatureReasons(by_feature(features)),
        rates,
        {habit.author_id: habit for habit in found},
        slots,
    )


async def _rates(pool: Pool, scope: Scope, hours: int) -> dict[int, list[Rate]]:
    """Return the rates by author, shrunk type by type."""
    found: dict[int, list[Rate]] = defaultdict(list)
    # Rates are of views; where only one type counts there are none.
    rows = [] if scope.filters.kind else await fetch(pool, "author_rates", scope, hours=hours)
    for kind, of_type in groupby(sorted(rows, key=itemgetter("type")), itemgetter("type")):
        alike = list(of_type)
        units = [unit_of(row) for row in alike]
        for row, unit, estimate in zip(alike, units, shrink_all(units), strict=True):
            found[row["author_id"]].append(Rate(kind, row["views"], unit, estimate))
    return found
