"""The within estimator of ratios: how a feature of posts correlates with their engagement.

A post of an author in a category is expected to earn exp(a + b x): a is the level of the author's
posts in the category, so that the quality of authors does not count as an effect of their habits,
and exp(b) the ratio for one more of the feature x. Poisson pseudo-likelihood estimates b without
bias whatever distribution the counts have, zeros included; levels are concentrated out.
(Wooldridge, Journal of Econometrics 90, 1999; Santos Silva and Tenreyro, Review of Economics and
Statistics 88, 2006.)

The interval is the wider of two. One is clustered by author, with the bias-reduced variance CR2 and
its degrees of freedom (Bell and McCaffrey, Survey Methodology 28, 2002; Pustejovsky and Tipton,
Journal of Business and Economic Statistics 36, 2018): authors may differ in the effect. The other
takes the variance of single posts from all of them, mean + dispersion x mean^2: with few authors,
the first is too narrow where no viral post happens to have the feature.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from analytics_api.statistics.inference import Z_95, normal_p_value, t_p_value, t_quantile

MIN_AUTHORS: Final = 6
"""Least effective number of authors."""
_MAX_STEPS: Final = 40
_LONGEST_STEP: Final = 2.0
_CLOSE: Final = 1e-9
_ROUNDING: Final = 1e-9
_LARGEST_POWER: Final = 50.0  # of e

Group = tuple[int, str]
"""An author, and the category of the posts."""


class Level(NamedTuple):
    """Posts of a group that have the same value of a feature.

    Attributes:
        x: the value.
        posts: how many; or what they would earn together without the feature and their level.
        engagements, squares: sums over the posts, of engagements and of their squares.
    """

    x: float
    posts: float
    engagements: float
    squares: float


Groups = Mapping[Group, Sequence[Level]]


class LogRatio(NamedTuple):
    """A logarithm of a ratio, for one more of the feature.

    Attributes:
        slope: the logarithm.
        error, freedom: its standard error clustered by author, and degrees of freedom.
        post_error: its standard error if all posts scatter alike.
        posts: in groups that differ in the feature; the others contain no information.
        posts_with: of them, those whose feature is not 0.
    """

    slope: float
    error: float
    freedom: float
    post_error: float
    posts: int
    posts_with: int

    def minus(self, other: "LogRatio") -> "LogRatio":
        """Return the difference from others' (degrees of freedom: Welch, Biometrika 34, 1947)."""
        squares = self.error**2, other.error**2
        parts = squares[0] ** 2 / self.freedom + squares[1] ** 2 / other.freedom
        freedom = sum(squares) ** 2 / parts if parts else min(self.freedom, other.freedom)
        return LogRatio(
            self.slope - other.slope,
            math.sqrt(sum(squares)),
            freedom,
            math.hypot(self.post_error, other.post_error),
            self.posts + other.posts,
            self.posts_with + other.posts_with,
        )

    @property
    def authors(self) -> float:
        """Effective number: authors who contribute alike and give the same degrees of freedom."""
        return self.freedom + 1

    @property
    def p_value(self) -> float:
        """Probability of a slope so far from 0 if the feature has no effect."""
        if self.slope == 0:
            return 1.0
        if not self.error and not self.post_error:
            return 0.0
        errors = max(self.error, _ROUNDING), max(self.post_error, _ROUNDING)
        by_author = t_p_value(self.slope / errors[0], self.freedom)
        return max(by_author, normal_p_value(self.slope / errors[1]))

    @property
    def reach(self) -> float:
        """Half the width of the 95 % confidence interval of the slope."""
        return max(t_quantile(self.freedom) * self.error, Z_95 * self.post_error)


def within(groups: Groups, min_authors: float = MIN_AUTHORS) -> LogRatio | None:
    """Return the estimate; None: too few authors have posts that differ in the feature.

    Args:
        groups: posts by the values of the feature.
        min_authors: least effective number of authors.
    """
    scale = max((abs(level.x) for levels in groups.values() for level in levels), default=0.0)
    informative = {
        group: [level._replace(x=level.x / scale) for level in levels]
        for group, levels in groups.items()
        if len({level.x for level in levels}) > 1
    }
    slope = _slope(list(informative.values()))
    if slope is None:
        return None
    scores: dict[int, float] = defaultdict(float)
    weights: dict[int, float] = defaultdict(float)
    for (author, _), levels in informative.items():
        score, weight = _derivatives(levels, slope)
        scores[author] += score
        weights[author] += weight
    total = sum(weights.values())
    shares = {author: weight / total for author, weight in weights.items()}
    if max(shares.values()) > 1 - _ROUNDING:
        return None
    variance = sum(scores[author] ** 2 / (1 - share) for author, share in shares.items())
    posts = [level for levels in informative.values() for level in levels]
    estimate = LogRatio(
        slope / scale,
        math.sqrt(variance) / total / scale,
        _freedom(shares.values()),
        math.sqrt(_post_variance(list(informative.values()), slope)) / total / scale,
        round(sum(level.posts for level in posts)),
        round(sum(level.posts for level in posts if level.x)),
    )
    return estimate if estimate.authors >= min_authors - _ROUNDING else None


def _slope(groups: Sequence[Sequence[Level]]) -> float | None:
    """Return where the pseudo-likelihood is highest, by Newton's steps; None: nowhere."""
    slope = 0.0
    for _ in range(_MAX_STEPS):
        found = [_derivatives(levels, slope) for levels in groups]
        score, information = (
            (sum(column) for column in zip(*found, strict=True)) if found else (0, 0)
        )
        if information <= 0:
            return None
        step = max(-_LONGEST_STEP, min(score / information, _LONGEST_STEP))
        slope += step
        if abs(step) < _CLOSE:
            return slope
    return None


def _derivatives(levels: Sequence[Level], slope: float) -> tuple[float, float]:
    """Return the score of a group and its information."""
    whole = first = second = earned = product = 0.0
    for x, posts, engagements, _ in levels:
        power = posts * math.exp(slope * x)
        whole += power
        first += power * x
        second += power * x * x
        earned += engagements
        product += engagements * x
    mean = first / whole
    return product - earned * mean, earned * max(second / whole - mean * mean, 0.0)


def _freedom(shares: Iterable[float]) -> float:
    """Return the degrees of freedom of CR2, from each author's share of the information.

    For one coefficient the matrices of Pustejovsky and Tipton have a closed form.
    """
    listed = list(shares)
    ratios = [share**2 / (1 - share) for share in listed]
    between = sum(ratios) ** 2 - sum(ratio**2 for ratio in ratios)
    return 1 / (sum(share**2 for share in listed) + between)


def _post_variance(groups: Sequence[Sequence[Level]], slope: float) -> float:
    """Return the variance of the score if a post's variance is m + dispersion x m^2."""
    excess = scale = by_mean = by_square = 0.0
    for levels in groups:
        powers = [math.exp(slope * level.x) for level in levels]
        whole = sum(level.posts * power for level, power in zip(levels, powers, strict=True))
        earned = sum(level.engagements for level in levels)
        shares = [power / whole for power in powers]
        mean = sum(
            level.posts * share * level.x for level, share in zip(levels, shares, strict=True)
        )
        for level, share in zip(levels, shares, strict=True):
            expected = earned * share
            residual = level.squares - 2 * expected * level.engagements + level.posts * expected**2
            excess += residual / (1 - share) - level.posts * expected
            scale += level.posts * expected**2
            distance = level.posts * (level.x - mean) ** 2
            by_mean += distance * expected
            by_square += distance * expected**2
    dispersion = max(excess / scale, 0.0) if scale else 0.0
    return by_mean + dispersion * by_square


def lift_percent(slope: float) -> float:
    """Return a difference of logarithms in percent."""
    return round(100 * math.expm1(min(slope, _LARGEST_POWER)), 1)


def interval_percent(estimate: LogRatio, step: float = 1.0) -> tuple[float, float]:
    """Return the 95 % interval of the lift in percent, for *step* more of the feature."""
    reach = estimate.reach
    ends = (step * (estimate.slope + side * reach) for side in (-1, 1))
    low, high = sorted(lift_percent(end) for end in ends)
    return low, high
