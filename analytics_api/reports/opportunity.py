"""Engagement that authors could gain, with and without the comparison at equal age."""

import asyncio
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

from pydantic import BaseModel, Field

from analytics_api.paging import sliced_page
from analytics_api.parameters import Parameters
from analytics_api.periods import Period
from analytics_api.report import Context, report
from analytics_api.reports.effects import by_feature
from analytics_api.reports.fairness import (
    AuthorIndex,
    FairAuthorsParameters,
    IndexedAuthor,
    author_indexes,
    unit_of,
)
from analytics_api.reports.reasons import (
    FeatureReasons,
    Rate,
    Reason,
    reason_of_hours,
    reason_of_rate,
)
from analytics_api.reports.timing import habits, slots_in
from analytics_api.responses import Page
from analytics_api.statistics.calendar import days_before
from analytics_api.statistics.shrinkage import shrink_all
from analytics_api.statistics.slots import Habit, Slot

_SEGMENT_DAYS: Final = 90
_MIN_AUTHORS: Final = 3
_GAIN_DAYS: Final = 90
_MIN_POSTS_IN_SLOT: Final = 10


class OpportunityAuthor(BaseModel):
    """One author's posts of the last 90 days, and what they could gain."""

    author_id: int
    author_name: str
    category: str
    total_posts: int
    total_engagements: int
    avg_engagement_per_post: float
    engagement_rate_pct: float | None = Field(description="null without views.")
    category_median: float = Field(description="Median of the averages of the category's authors.")
    performance_segment: str
    opportunity_score: int = Field(
        description="(category_median - avg_engagement_per_post) x total_posts for authors of many"
        " posts below the median, else 0."
    )


@report(
    "opportunity-authors",
    "/analytics/opportunity-authors",
    tag="reports",
    sql=("opportunity_authors",),
    window="day",
    columns=(
        "author_name", "category", "total_posts", "avg_engagement_per_post", "category_median",
        "opportunity_score", "performance_segment",
    ),
)  # fmt: skip
async def opportunity_authors(context: Context, query: Parameters) -> list[OpportunityAuthor]:
    """Which authors publish much for little engagement, and what would the median bring them?"""
    since = days_before(_SEGMENT_DAYS, context.zone, context.now)
    rows = await context.rows("opportunity_authors", since=since)
    return [OpportunityAuthor(**row) for row in rows]


class Opportunity(IndexedAuthor):
    """Engagement that an author would gain at the category's median, and reasons for the gap."""

    median_index: float | None = Field(description="null: the category has too few authors.")
    gain: int = Field(description="More engagements in posts' first hours, per 90 days.")
    gain_low: int = Field(description="Lower end of the 95 % credible interval.")
    gain_high: int
    is_clear: bool = Field(description="The interval does not contain 0.")
    why: str = Field(description="The reasons in words.")
    reasons: list[Reason]


@dataclass(frozen=True)
class _Evidence:
    """Data in which reasons are found."""

    features: FeatureReasons
    rates: Mapping[int, Sequence[Rate]]
    habits: Mapping[int, Habit]
    slots: Sequence[Slot]

    def reasons(self, author: AuthorIndex) -> list[Reason]:
        """Return the reasons for an author's gap, the greatest first."""
        author_id = author.author_id
        found = [*self.features.of(author_id), *self._of_hours(author_id)]
        rates = self.rates.get(author_id, ())
        reasons = (reason_of_rate(rate, author.unit.observed) for rate in rates)
        found += [reason for reason in reasons if reason]
        found.sort(key=lambda reason: (reason.effect_pct or 0.0, reason.reason))
        age = self.features.age_of(author_id)
        return [*found, age] if age else found

    def _of_hours(self, author_id: int) -> Iterator[Reason]:
        habit = self.habits.get(author_id)
        if habit is not None:
            peers = [peer for peer in self.habits.values() if peer.category == habit.category]
            if reason := reason_of_hours(habit, peers, self.slots):
                yield reason


@report(
    "opportunity",
    "/reports/opportunity",
    tag="fair reports",
    sql=("fair_authors", "post_features", "author_rates", "author_slots", "posting_slots"),
    cost="posts",
    columns=(
        "rank", "author_name", "category", "posts", "index", "median_index", "gain", "gain_low",
        "gain_high", "why",
    ),
)  # fmt: skip
async def opportunity(context: Context, query: FairAuthorsParameters) -> Page[Opportunity]:
    """What would authors' posts earn at the category's median, and why do they not?

    The greatest gain comes first. Reasons are habits that correlate with less engagement among all
    authors, not causes: only an experiment shows a cause.
    """
    period, hours = context.period, int(query.hours)
    authors, _ = await author_indexes(context, hours)
    medians = _medians(authors)
    scale = _GAIN_DAYS / _days(authors, period.end - timedelta(hours=hours))
    gains = [_gain(author, medians.get(author.row["category"]), scale) for author in authors]
    gains.sort(key=lambda gain: (-gain.middle, gain.author.author_id))
    ranked = [
        (rank, gain)
        for rank, gain in enumerate(gains, 1)
        if period.filters.author in {0, gain.author.author_id}
    ]
    places = [(gain.middle, gain.author.author_id) for _, gain in ranked]
    page = sliced_page(ranked, query, places)
    evidence = await _evidence(context, hours)
    return Page([_row(rank, gain, evidence) for rank, gain in page.rows], page.next_page)


class _Gain(NamedTuple):
    """Engagements per 90 days that an author would gain at the median, with the interval."""

    author: AuthorIndex
    median: float | None
    middle: float = 0.0
    low: float = 0.0
    high: float = 0.0


def _gain(author: AuthorIndex, median: float | None, scale: float) -> _Gain:
    if median is None:
        return _Gain(author, None)
    estimate, expected = author.estimate, author.unit.expected
    ends = (estimate.index, estimate.high, estimate.low)
    return _Gain(author, median, *(max(0.0, expected * scale * (median - end)) for end in ends))


def _row(rank: int, gain: _Gain, evidence: _Evidence) -> Opportunity:
    reasons = evidence.reasons(gain.author) if round(gain.middle) else []
    return Opportunity(
        **gain.author.fields(),
        rank=rank,
        median_index=None if gain.median is None else round(gain.median, 3),
        gain=round(gain.middle),
        gain_low=round(gain.low),
        gain_high=round(gain.high),
        is_clear=gain.low > 0,
        why="; ".join(reason.sentence for reason in reasons),
        reasons=reasons,
    )


def _medians(authors: Iterable[AuthorIndex]) -> dict[str, float]:
    """Return the median index of each category's authors, where there are enough."""
    indexes: dict[str, list[float]] = defaultdict(list)
    for author in authors:
        indexes[author.row["category"]].append(author.estimate.index)
    return {
        category: statistics.median(found)
        for category, found in indexes.items()
        if len(found) >= _MIN_AUTHORS
    }


def _days(authors: Iterable[AuthorIndex], last: datetime) -> float:
    """Return over how many days the posts that are compared were published."""
    first = min((author.row["first_published"] for author in authors), default=last)
    return max(1.0, (last - first) / timedelta(days=1))


async def _evidence(context: Context, hours: int) -> _Evidence:
    """Query the posts of all authors, with which an author's are compared."""
    period = replace(context.period, filters=replace(context.period.filters, author=0))
    features, rates, found, slots = await asyncio.gather(
        context.rows("post_features", **period.values(), hours=hours),
        _rates(context, period, hours),
        habits(context, period),
        slots_in(context, period, hours, _MIN_POSTS_IN_SLOT),
    )
    return _Evidence(
        FeatureReasons(by_feature(features)),
        rates,
        {habit.author_id: habit for habit in found},
        slots,
    )


async def _rates(context: Context, period: Period, hours: int) -> dict[int, list[Rate]]:
    """Return the rates by author, shrunk type by type."""
    found: dict[int, list[Rate]] = defaultdict(list)
    rows = []
    if not period.filters.kind:  # rates compare types with views
        rows = await context.rows("author_rates", **period.values(), hours=hours)
    for kind, of_type in groupby(sorted(rows, key=itemgetter("type")), itemgetter("type")):
        alike = list(of_type)
        units = [unit_of(row) for row in alike]
        for row, unit, estimate in zip(alike, units, shrink_all(units), strict=True):
            found[row["author_id"]].append(Rate(kind, row["views"], unit, estimate))
    return found
