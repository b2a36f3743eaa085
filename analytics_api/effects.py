"""What goes along with a feature of posts, other things of theirs being equal. Pure.

The within estimator: outcome and feature are taken as differences from the mean of their author's
posts in the same category, so that good authors' habits do not count for the habit. The standard
error allows for the posts of one author resembling each other.
(Wooldridge, Econometric Analysis of Cross Section and Panel Data, 2nd ed., sections 10.5, 20.3.)
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

_Z_95: Final = 1.959964
_LEAST_AUTHORS: Final = 3
_ROUNDING: Final = 1e-9

Group = tuple[int, str]
"""An author, and the category of the posts."""


class Estimate(NamedTuple):
    """The outcome's difference for one more of the feature.

    Attributes:
        slope, standard_error: in the outcome's unit.
        posts: in groups that differ in the feature; the others say nothing.
        posts_with: of them, those whose feature is not 0.
    """

    slope: float
    standard_error: float
    posts: int
    posts_with: int


@dataclass
class _Sums:
    """Of one group: how many, sums of the feature, its squares, and its products."""

    number: int = 0
    x: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    def add(self, x: float, y: float) -> None:
        self.number += 1
        self.x += x
        self.xx += x * x
        self.xy += x * y


class Outcomes:
    """Posts' groups and outcomes, to estimate one feature after the other from.

    Args:
        groups: of each post.
        outcomes: of each post, in the same order.
    """

    def __init__(self, groups: Sequence[Group], outcomes: Sequence[float]) -> None:
        self._groups = groups
        self._outcomes = outcomes
        self._all: dict[Group, _Sums] = defaultdict(_Sums)
        for group, outcome in zip(groups, outcomes, strict=True):
            self._all[group].add(outcome, 0.0)

    def estimate(self, feature: Mapping[int, float]) -> Estimate | None:
        """Return the within estimate; None: too few authors have posts that differ in it.

        Args:
            feature: its values by a post's place in the sequence; absent: 0.
        """
        with_it: dict[Group, _Sums] = defaultdict(_Sums)
        for place, value in feature.items():
            if value:
                with_it[self._groups[place]].add(value, self._outcomes[place])
        squares: dict[Group, float] = {}
        products: dict[Group, float] = {}
        for group, sums in with_it.items():
            number, total = self._all[group].number, self._all[group].x
            square = sums.xx - sums.x**2 / number
            if square > _ROUNDING * sums.xx:
                squares[group] = square
                products[group] = sums.xy - sums.x * total / number
        slope_and_error = _clustered(squares, products)
        if slope_and_error is None:
            return None
        posts = sum(self._all[group].number for group in squares)
        return Estimate(*slope_and_error, posts, sum(with_it[group].number for group in squares))


def _clustered(
    squares: Mapping[Group, float], products: Mapping[Group, float]
) -> tuple[float, float] | None:
    """Return the slope and its standard error, clustered by author."""
    authors = {author for author, _ in squares}
    if len(authors) < _LEAST_AUTHORS:
        return None
    square = sum(squares.values())
    slope = sum(products.values()) / square
    scores: dict[int, float] = defaultdict(float)
    for group in squares:
        scores[group[0]] += products[group] - slope * squares[group]
    correction = len(authors) / (len(authors) - 1)
    variance = correction * sum(score**2 for score in scores.values()) / square**2
    return slope, math.sqrt(variance)


def lift_percent(slope: float) -> float:
    """Return what a difference of logarithms is in percent."""
    return round(100 * math.expm1(slope), 1)


def interval_percent(estimate: Estimate) -> tuple[float, float]:
    """Return the 95 % interval of the lift in percent."""
    reach = _Z_95 * estimate.standard_error
    return lift_percent(estimate.slope - reach), lift_percent(estimate.slope + reach)
