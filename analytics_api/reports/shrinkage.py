"""Observed against expected, shrunk where there is little to go by, with intervals. Pure.

A unit (a post, an author, an hour of the week) has an index: what its posts earned over what they
were expected to earn. The indexes of units that are alike follow a gamma distribution around 1,
counts follow a Poisson distribution around expected x index with an excess variance, and both
spreads are estimated from the units themselves: empirical Bayes, as for maps of disease.
(Clayton and Kaldor, Empirical Bayes estimates of age-standardized relative risks, Biometrics 43,
1987; Paule and Mandel, J. Res. Natl. Bur. Stand. 87, 1982, for the spread between units.)
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

LEVEL: Final = 0.95
_TAIL: Final = (1 - LEVEL) / 2
# Units are never taken for more alike than this: a tenth up or down is what nobody can rule out.
_LEAST_SPREAD: Final = 0.1**2
_MOST_SPREAD: Final = 100.0
_LARGEST_POWER: Final = 700.0  # of e
_STEPS: Final = 60
_CLOSE: Final = 1e-10
_TINIEST: Final = 1e-290


class Unit(NamedTuple):
    """Sums over a unit's posts, with e expected of a post and y observed.

    Attributes:
        posts: how many.
        observed, expected: sums of y and of e; expected is more than 0.
        observed_squares, products, expected_squares: sums of y^2, y e and e^2.
    """

    posts: int
    observed: float
    expected: float
    observed_squares: float
    products: float
    expected_squares: float

    @property
    def ratio(self) -> float:
        """The index as it was seen, before shrinking."""
        return self.observed / self.expected

    @property
    def unevenness(self) -> float:
        """What the excess variance is multiplied by, in the unit of *expected*."""
        return self.expected_squares / self.expected if self.expected else 0.0

    def scaled(self, factor: float) -> "Unit":
        """Return the unit with *factor* times as much expected."""
        return self._replace(
            expected=self.expected * factor,
            products=self.products * factor,
            expected_squares=self.expected_squares * factor**2,
        )

    def plus(self, other: "Unit", weight: float = 1.0) -> "Unit":
        """Return the sums with those of another unit's posts."""
        posts, *sums = (mine + weight * its for mine, its in zip(self, other, strict=True))
        return Unit(round(posts), *sums)

    def excess(self, index: float, dispersion: float) -> float:
        """Return the variance of *observed* relative to a Poisson variable's."""
        return 1 + dispersion * index * self.unevenness


NO_POSTS: Final = Unit(0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Estimate:
    """An index and its 95 % interval; *spread*: its variance relative to its square."""

    index: float
    low: float
    high: float
    spread: float

    def times(self, factor: float) -> "Estimate":
        """Return the estimate of *factor* times as much."""
        return replace(
            self, index=self.index * factor, low=self.low * factor, high=self.high * factor
        )


def dispersion_of(units: Sequence[Unit]) -> float:
    """Return the excess variance of posts of the same unit, relative to the square of their mean.

    By moments: a post's variance is m + dispersion x m^2 (negative binomial, Cameron and Trivedi,
    Regression Analysis of Count Data, 2nd ed., section 3.3). 0 where there is no excess.
    """
    excess = scale = 0.0
    for unit in units:
        freedom = 1 - unit.expected_squares / unit.expected**2
        if unit.posts > 1 and freedom > _CLOSE:
            index = unit.ratio
            residual = (
                unit.observed_squares - 2 * index * unit.products + index**2 * unit.expected_squares
            )
            excess += residual / freedom - unit.observed
            scale += index**2 * unit.expected_squares
    return max(excess / scale, 0.0) if scale else 0.0


def spread_of(units: Sequence[Unit], dispersion: float) -> float:
    """Return the variance of the true indexes around 1 (Paule and Mandel), within bounds."""
    seen = [(unit.ratio - 1, unit.excess(1.0, dispersion) / unit.expected) for unit in units]

    def surplus(spread: float) -> float:
        return sum(gap**2 / (spread + noise) for gap, noise in seen) - len(seen)

    low, high = _LEAST_SPREAD, _MOST_SPREAD
    if surplus(low) <= 0:
        return low
    for _ in range(_STEPS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if surplus(middle) > 0 else (low, middle)
    return high


def shrink(unit: Unit, spread: float, dispersion: float) -> Estimate:
    """Return a unit's index.

    Args:
        unit: its sums.
        spread: variance of the indexes of its like.
        dispersion: excess variance of posts.
    """
    prior = 1 / spread
    index = 1.0
    for _ in range(2):  # the variance depends on the index itself
        excess = unit.excess(index, dispersion)
        shape, rate = prior + unit.observed / excess, prior + unit.expected / excess
        index = shape / rate
    return interval(shape, rate)


def interval(shape: float, rate: float) -> Estimate:
    """Return the mean and the interval of a gamma distribution."""
    low, high = (gamma_quantile(tail, shape) / rate for tail in (_TAIL, 1 - _TAIL))
    return Estimate(shape / rate, low, high, 1 / shape)


def shrink_all(units: Sequence[Unit]) -> list[Estimate]:
    """Return the indexes of units that are alike, in their order."""
    dispersion = dispersion_of(units)
    spread = spread_of(units, dispersion)
    return [shrink(unit, spread, dispersion) for unit in units]


def gamma_quantile(probability: float, shape: float) -> float:
    """Return the quantile of the gamma distribution with rate 1.

    Newton's steps from Wilson and Hilferty's approximation (Proc. Natl. Acad. Sci. 17, 1931).
    """
    z = statistics.NormalDist().inv_cdf(probability)
    root = 1 - 1 / (9 * shape) + z / (3 * math.sqrt(shape))
    first = math.exp((math.log(probability) + math.lgamma(shape + 1)) / shape)
    x = shape * root**3 if root > 0.1 else first
    if x < _TINIEST:
        return x  # exact there, and the slope is beyond what a float holds
    for _ in range(_STEPS):
        power = (shape - 1) * math.log(x) - x - math.lgamma(shape) if x > 0 else -math.inf
        if not -_LARGEST_POWER < power < _LARGEST_POWER:
            return x  # so close to 0, or so far out, that floats hold no better one
        slope = math.exp(power)
        step = (gamma_cdf(x, shape) - probability) / slope
        following = max(x - step, x / 2)
        if abs(following - x) <= _CLOSE * x:
            return following
        x = following
    return x


def gamma_cdf(x: float, shape: float) -> float:
    """Return the regularized lower incomplete gamma function (Abramowitz and Stegun, 6.5.29)."""
    term = total = 1 / shape
    place = shape
    while term > total * 1e-15:
        place += 1
        term *= x / place
        total += term
    return total * math.exp(shape * math.log(x) - x - math.lgamma(shape)) if x > 0 else 0.0
