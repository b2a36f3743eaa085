"""What goes along with an author's distance to the others: habits and their price. Pure.

A habit's price is what it goes along with among all authors, each compared with the own posts; it
is no cause. Nothing is told unless the 95 % interval of its effect lies below 0.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from analytics_api.reports.insight.effects import (
    Group,
    GroupSums,
    interval_percent,
    lift_percent,
    within,
)
from analytics_api.reports.opportunity.models import Reason, ReasonName
from analytics_api.reports.shrinkage import Estimate, Unit
from analytics_api.reports.timing.habits import Habit
from analytics_api.reports.timing.slots import Slot

_Z_95: Final = 1.959964
_LEAST_EFFECT_PCT: Final = 0.5
_YOUNGER: Final = 0.8

Features = Mapping[str, Mapping[Group, GroupSums]]
"""Sums by feature and group, from sql/post_features.sql."""


class _Feature(NamedTuple):
    """How a feature is told: a sentence, a unit, and what its values are multiplied by.

    Usual is what posts of the same categories have.
    """

    name: ReasonName
    sentence: str
    unit: str
    factor: float = 1.0


_FEATURES: Final = (
    _Feature("media", "{:g} % of the posts have media (usual {:g} %)", "% of posts", 100),
    _Feature("promoted", "{:g} % of the posts are promoted (usual {:g} %)", "% of posts", 100),
    _Feature("title_length", "titles have {:g} characters (usual {:g})", "characters"),
    _Feature("content_length", "texts are {:g} characters long (usual {:g})", "characters"),
)


class FeatureReasons:
    """What posts are like, author by author, beside the posts of the same categories."""

    def __init__(self, features: Features) -> None:
        self._authors: dict[str, dict[int, dict[str, GroupSums]]] = defaultdict(dict)
        self._categories: dict[str, dict[str, tuple[float, int]]] = defaultdict(dict)
        for feature, groups in features.items():
            for (author, category), sums in groups.items():
                self._authors[feature].setdefault(author, {})[category] = sums
                total, number = self._categories[feature].get(category, (0.0, 0))
                self._categories[feature][category] = total + sums.x, number + sums.number
        self._prices = {told.name: within(features.get(told.name, {})) for told in _FEATURES}

    def of(self, author_id: int) -> Iterator[Reason]:
        """Yield what is clear about an author."""
        for feature in _FEATURES:
            price = self._prices[feature.name]
            values = self._values(feature.name, author_id)
            if price is None or values is None:
                continue
            own, usual = values
            low, high = interval_percent(price, own - usual)
            effect = lift_percent(price.slope * (own - usual))
            if _is_told(effect, high):
                shown = round(own * feature.factor, 1), round(usual * feature.factor, 1)
                yield _reason(feature, shown, (effect, low, high))

    def age_of(self, author_id: int) -> Reason | None:
        """Return whether the posts are much younger, which all-time averages suffer from."""
        values = self._values("age", author_id)
        if values is None or values[0] > _YOUNGER * values[1]:
            return None
        own, usual = (round(value, 1) for value in values)
        sentence = (
            f"posts are {own} days old on average (usual {usual}): all-time averages suffer from"
            " it, this comparison at equal age does not"
        )
        return Reason(
            reason="age_mix", author=own, category=usual, unit="days", sentence=sentence,
            effect_pct=None, low_pct=None, high_pct=None,
        )  # fmt: skip

    def _values(self, feature: str, author_id: int) -> tuple[float, float] | None:
        """Return the author's mean, and that of the categories' posts, weighted as the author's."""
        own = posts = usual = 0.0
        for category, sums in self._authors[feature].get(author_id, {}).items():
            total, number = self._categories[feature][category]
            own, posts = own + sums.x, posts + sums.number
            usual += sums.number * total / number
        return (own / posts, usual / posts) if posts else None


def of_hours(habit: Habit, peers: Sequence[Habit], slots: Sequence[Slot]) -> Reason | None:
    """Return whether the hours at which an author publishes are worse than the peers' hours."""
    together: Counter[tuple[int, int]] = Counter()
    for peer in peers:
        together.update(peer.posts)
    usual = Habit(0, "", habit.category, together)
    gaps = {slot.place: habit.share(slot.place) - usual.share(slot.place) for slot in slots}
    middle = habit.log_lift(slots) - usual.log_lift(slots)
    variance = sum(gaps[slot.place] ** 2 * slot.estimate.spread for slot in slots)
    ends = (middle + side * _Z_95 * math.sqrt(variance) for side in (-1, 0, 1))
    low, effect, high = (lift_percent(end) for end in ends)
    if not _is_told(effect, high):
        return None
    lifts = tuple(lift_percent(who.log_lift(slots)) for who in (habit, usual))
    good, weak = (habit.among(slots, verdict) / habit.total for verdict in ("good", "weak"))
    told = _Feature(
        "weak_hours",
        f"the hours chosen bring {_signed(lifts[0])} % (usual {_signed(lifts[1])} %), with"
        f" {100 * weak:.0f} % of the posts in weak hours and {100 * good:.0f} % in good ones",
        "% lift of the hours",
    )
    return _reason(told, (lifts[0], lifts[1]), (effect, low, high))


class Rate(NamedTuple):
    """How much an author's posts are viewed, or engaged with by those who view, in one way.

    Attributes:
        views: of the posts.
        unit: sums of what was seen and of what is usual in the categories.
    """

    type: str
    views: float
    unit: Unit
    estimate: Estimate


def of_rate(rate: Rate, engagements: float) -> Reason | None:
    """Return whether there is less than usual; *engagements*: of all types, of the posts."""
    estimate = rate.estimate
    effect, low, high = (
        _less(rate, index, engagements) for index in (estimate.index, estimate.low, estimate.high)
    )
    if not _is_told(effect, high):
        return None
    told, per = _RATES[rate.type], rate.unit.posts if rate.type == "view" else rate.views / 100
    shown = tuple(round(seen / per, 2) for seen in (rate.unit.observed, rate.unit.expected))
    return _reason(told, (shown[0], shown[1]), (effect, low, high))


def _less(rate: Rate, index: float, engagements: float) -> float:
    """Return by how many percent there is less engagement than with the usual rate."""
    if rate.type == "view":
        return round(100 * (index - 1), 1)  # all else follows the views
    missing = (1 - index) * rate.unit.expected
    return round(-100 * missing / (engagements + missing), 1)


_RATES: Final = {
    "view": _Feature("views", "{:g} views a post (usual {:g})", "views a post"),
    "like": _Feature("like_rate", "{:g} likes per 100 views (usual {:g})", "likes per 100 views"),
    "comment": _Feature(
        "comment_rate", "{:g} comments per 100 views (usual {:g})", "comments per 100 views"
    ),
    "share": _Feature(
        "share_rate", "{:g} shares per 100 views (usual {:g})", "shares per 100 views"
    ),
}


def _is_told(effect_pct: float, high_pct: float) -> bool:
    return effect_pct <= -_LEAST_EFFECT_PCT and high_pct < 0


def _reason(
    feature: _Feature, values: tuple[float, float], effect: tuple[float, float, float]
) -> Reason:
    middle, low, high = effect
    sentence = feature.sentence.format(*values)
    return Reason(
        reason=feature.name,
        author=values[0],
        category=values[1],
        unit=feature.unit,
        effect_pct=middle,
        low_pct=low,
        high_pct=high,
        sentence=f"{sentence}: {_signed(middle)} % engagement ({_signed(low)} to {_signed(high)})",
    )


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")
