"""What goes along with a feature of posts, other things of theirs being equal. Pure.

The within estimator: outcome and feature are taken as differences from the mean of their author's
posts in the same category, so that good authors' habits do not count for the habit. The standard
error allows for the posts of one author resembling each other.
(Wooldridge, Econometric Analysis of Cross Section and Panel Data, 2nd ed., sections 10.5, 20.3.)
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Final, NamedTuple

_Z_95: Final = 1.959964
_LEAST_AUTHORS: Final = 3
_ROUNDING: Final = 1e-9

Group = tuple[int, str]
"""An author, and the category of the posts."""


class GroupSums(NamedTuple):
    """Of a group's posts: how many, those with a feature x, and sums of x and the outcome y."""

    number: int
    number_with: int
    x: float
    xx: float
    xy: float
    y: float


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


def within(groups: Mapping[Group, GroupSums]) -> Estimate | None:
    """Return the within estimate; None: too few authors have posts that differ in the feature."""
    squares: dict[Group, float] = {}
    products: dict[Group, float] = {}
    for group, sums in groups.items():
        square = sums.xx - sums.x**2 / sums.number
        if square > _ROUNDING * sums.xx:
            squares[group] = square
            products[group] = sums.xy - sums.x * sums.y / sums.number
    slope_and_error = _clustered(squares, products)
    if slope_and_error is None:
        return None
    posts = sum(groups[group].number for group in squares)
    return Estimate(*slope_and_error, posts, sum(groups[group].number_with for group in squares))


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


def interval_percent(estimate: Estimate, step: float = 1.0) -> tuple[float, float]:
    """Return the 95 % interval of the lift in percent, for *step* more of the feature."""
    ends = (estimate.slope + side * _Z_95 * estimate.standard_error for side in (-1, 1))
    low, high = sorted(lift_percent(step * end) for end in ends)
    return low, high
