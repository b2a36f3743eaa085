"""Reasons for an author's gap to the median: habits, and the effects they have on average.

The effect of a habit is estimated among all authors, each compared with the own posts; it is no
cause. A reason is given only if its effect is clear, and lowers the author's engagement.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel, Field

from analytics_api.statistics.inference import Z_95, are_clear
from analytics_api.statistics.shrinkage import Estimate, Unit
from analytics_api.statistics.slots import Habit, Slot
from analytics_api.statistics.within import (
    Group,
    Level,
    LogRatio,
    interval_percent,
    lift_percent,
    within,
)

_MIN_EFFECT_PCT: Final = 0.5
_YOUNGER: Final = 0.8

ReasonName = Literal[
    "weak_hours", "media", "promoted", "title_length", "content_length",
    "views", "like_rate", "comment_rate", "share_rate", "age_mix",
]  # fmt: skip


class Reason(BaseModel):
    """One reason for an author's gap to the median, where the data are clear."""

    reason: ReasonName
    author: float = Field(description="The author's value.")
    category: float = Field(
        description="The value of all posts of the same categories; of rates, of other authors'."
    )
    unit: str
    effect_pct: float | None = Field(
        description="Estimated effect of the difference; null: it does not affect the index."
    )
    low_pct: float | None = Field(description="Lower end of the 95 % interval.")
    high_pct: float | None
    sentence: str


Features = Mapping[str, Mapping[Group, Sequence[Level]]]
"""Levels by feature and group, from sql/post_features.sql."""


class _Feature(NamedTuple):
    """Text of a feature: a sentence, a unit, and the factor of its values.

    The mean is that of posts of the same categories.
    """

    name: ReasonName
    sentence: str
    unit: str
    factor: float = 1.0


_FEATURES: Final = (
    _Feature("media", "{:g} % of the posts have media (mean {:g} %)", "% of posts", 100),
    _Feature("promoted", "{:g} % of the posts are promoted (mean {:g} %)", "% of posts", 100),
    _Feature("title_length", "titles have {:g} characters (mean {:g})", "characters"),
    _Feature("content_length", "texts are {:g} characters long (mean {:g})", "characters"),
)


class FeatureReasons:
    """Features of each author's posts, compared with posts of the same categories."""

    def __init__(self, features: Features) -> None:
        self._authors: dict[str, dict[int, dict[str, _Sum]]] = defaultdict(dict)
        self._categories: dict[str, dict[str, _Sum]] = defaultdict(dict)
        for feature, groups in features.items():
            for (author, category), levels in groups.items():
                own = _Sum(
                    sum(level.posts * level.x for level in levels),
                    sum(level.posts for level in levels),
                )
                self._authors[feature].setdefault(author, {})[category] = own
                whole = self._categories[feature].get(category, _Sum(0.0, 0))
                self._categories[feature][category] = _Sum(
                    whole.total + own.total, whole.posts + own.posts
                )
        self._effects = _clear_effects(features)

    def of(self, author_id: int) -> Iterator[Reason]:
        """Yield the clear reasons of an author."""
        for feature in _FEATURES:
            estimate = self._effects.get(feature.name)
            values = self._values(feature.name, author_id)
            if estimate is None or values is None:
                continue
            own, mean = values
            low, high = interval_percent(estimate, own - mean)
            effect = lift_percent(estimate.slope * (own - mean))
            if _is_clear(effect, high):
                shown = round(own * feature.factor, 1), round(mean * feature.factor, 1)
                yield _reason(feature, shown, (effect, low, high))

    def age_of(self, author_id: int) -> Reason | None:
        """Return a reason if the posts are much younger, which lowers all-time averages."""
        values = self._values("age", author_id)
        if values is None or values[0] > _YOUNGER * values[1]:
            return None
        own, mean = (round(value, 1) for value in values)
        sentence = (
            f"posts are {own} days old on average (mean {mean}): all-time averages suffer from"
            " it, this comparison at equal age does not"
        )
        return Reason(
            reason="age_mix", author=own, category=mean, unit="days", sentence=sentence,
            effect_pct=None, low_pct=None, high_pct=None,
        )  # fmt: skip

    def _values(self, feature: str, author_id: int) -> tuple[float, float] | None:
        """Return the author's mean, and that of the categories' posts, weighted as the author's."""
        own = posts = mean = 0.0
        for category, mine in self._authors[feature].get(author_id, {}).items():
            whole = self._categories[feature][category]
            own, posts = own + mine.total, posts + mine.posts
            mean += mine.posts * whole.total / whole.posts
        return (own / posts, mean / posts) if posts else None


class _Sum(NamedTuple):
    """A feature's sum over posts, and their number."""

    total: float
    posts: float


def _clear_effects(features: Features) -> dict[str, LogRatio]:
    estimates = {
        each.name: estimate
        for each in _FEATURES
        if (estimate := within(features.get(each.name, {}))) is not None
    }
    clear = are_clear([estimate.p_value for estimate in estimates.values()])
    named = zip(estimates.items(), clear, strict=True)
    return {name: estimate for (name, estimate), is_clear in named if is_clear}


def reason_of_hours(habit: Habit, peers: Sequence[Habit], slots: Sequence[Slot]) -> Reason | None:
    """Return a reason if hours differ, and an author publishes at worse ones than the peers."""
    if all(slot.verdict in {"usual", "thin"} for slot in slots):
        return None
    together: Counter[tuple[int, int]] = Counter()
    for peer in peers:
        together.update(peer.posts)
    usual = Habit(0, "", habit.category, together)
    own, mean = habit.index(slots), usual.index(slots)
    ratio = own / mean
    error = math.sqrt(
        sum(
            (habit.share(slot.place) - ratio * usual.share(slot.place)) ** 2 * slot.variance
            for slot in slots
        )
    )
    low, effect, high = (
        round(100 * (ratio + side * Z_95 * error / mean - 1), 1) for side in (-1, 0, 1)
    )
    if not _is_clear(effect, high):
        return None
    lifts = tuple(round(100 * (index - 1), 1) for index in (own, mean))
    good, weak = (habit.among(slots, verdict) / habit.total for verdict in ("good", "weak"))
    feature = _Feature(
        "weak_hours",
        f"the hours chosen bring {_signed(lifts[0])} % (mean {_signed(lifts[1])} %), with"
        f" {100 * weak:.0f} % of the posts in weak hours and {100 * good:.0f} % in good ones",
        "% lift of the hours",
    )
    return _reason(feature, (lifts[0], lifts[1]), (effect, low, high))


class Rate(NamedTuple):
    """Views per post of an author, or engagements per view.

    Attributes:
        views: of the posts.
        unit: sums of observed and expected engagements.
    """

    type: str
    views: float
    unit: Unit
    estimate: Estimate


def reason_of_rate(rate: Rate, engagements: float) -> Reason | None:
    """Return a reason if the rate is low; *engagements*: with the posts, of all types."""
    estimate = rate.estimate
    effect, low, high = (
        _less(rate, index, engagements) for index in (estimate.index, estimate.low, estimate.high)
    )
    if not _is_clear(effect, high):
        return None
    feature, per = _RATES[rate.type], rate.unit.posts if rate.type == "view" else rate.views / 100
    shown = tuple(round(seen / per, 2) for seen in (rate.unit.observed, rate.unit.expected))
    return _reason(feature, (shown[0], shown[1]), (effect, low, high))


def _less(rate: Rate, index: float, engagements: float) -> float:
    """Return the change of engagement in percent compared with the mean rate."""
    if rate.type == "view":
        return round(100 * (index - 1), 1)  # all else follows the views
    missing = (1 - index) * rate.unit.expected
    return round(-100 * missing / (engagements + missing), 1)


_RATES: Final = {
    "view": _Feature("views", "{:g} views a post (mean {:g})", "views a post"),
    "like": _Feature("like_rate", "{:g} likes per 100 views (mean {:g})", "likes per 100 views"),
    "comment": _Feature(
        "comment_rate", "{:g} comments per 100 views (mean {:g})", "comments per 100 views"
    ),
    "share": _Feature(
        "share_rate", "{:g} shares per 100 views (mean {:g})", "shares per 100 views"
    ),
}


def _is_clear(effect_pct: float, high_pct: float) -> bool:
    return effect_pct <= -_MIN_EFFECT_PCT and high_pct < 0


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
