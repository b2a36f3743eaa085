"""Empirical Bayes estimates of observed over expected engagement, with credible intervals.

A unit (an author, an author's rate) has an index: what its posts earn over what is expected. The
indexes of units that are alike follow a gamma distribution, a post's count has the variance
m + dispersion x m^2 around its mean m, and what is expected is itself estimated from others' posts.
(Clayton and Kaldor, Empirical Bayes estimates of age-standardized relative risks, Biometrics 43,
1987; Cameron and Trivedi, Regression Analysis of Count Data, 2nd ed., section 3.3.)

Few units show neither how much indexes differ nor how much posts do. The estimates are averaged
over both, weighted by likelihood, so that no interval is too narrow because of one wrong guess.
(Kass and Steffey, Approximate Bayesian inference in conditionally independent hierarchical models,
J. Am. Stat. Assoc. 84, 1989.)
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

LEVEL: Final = 0.95
_TAIL: Final = (1 - LEVEL) / 2
_Z_95: Final = statistics.NormalDist().inv_cdf(1 - _TAIL)
# A difference of a tenth can never be ruled out.
_SPREADS: Final = tuple(0.01 * 1.6**step for step in range(13))
_SPREAD_SCALE: Final = 0.5
_DEVIATES: Final = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
_MIN_DISPERSION: Final = 1e-3
_LUCK: Final = 0.5
"""Share of the posts' dispersion around the baseline that is not their authors'."""
_PRIOR_POSTS: Final = 20.0
"""Weight of the dispersion around the baseline, in repeated posts."""
_MAX_SAMPLE: Final = 300
"""Number of units from which the likelihood is computed."""
_MIN_WEIGHT: Final = 1e-3
_LARGEST_POWER: Final = 700.0  # of e
_LARGE_SHAPE: Final = 1e4
_STEPS: Final = 60
_CLOSE: Final = 1e-10
_TINIEST: Final = 1e-290


class Unit(NamedTuple):
    """Sums over a unit's posts, with e expected of a post and y observed.

    Attributes:
        posts: how many.
        observed, expected: sums of y and of e; expected is more than 0.
        observed_squares, products, expected_squares: sums of y^2, y e and e^2.
        by_posts, by_events: over the categories of the posts, sums of the square of what is
            expected there, over the number of others' posts from which it is known, and over their
            engagements: its uncertainty.
    """

    posts: int
    observed: float
    expected: float
    observed_squares: float
    products: float
    expected_squares: float
    by_posts: float = 0.0
    by_events: float = 0.0

    @property
    def ratio(self) -> float:
        """Observed over expected."""
        return self.observed / self.expected

    def noise(self, dispersion: float) -> float:
        """Return the variance of the ratio around the index, relative to its square.

        Without the variance of a Poisson variable of the own posts.
        """
        own = dispersion * self.expected_squares
        others = dispersion * self.by_posts + self.by_events
        return (own + others) / self.expected**2


@dataclass(frozen=True)
class Estimate:
    """An index with its 95 % interval and its variance."""

    index: float
    low: float
    high: float
    variance: float


class Prior(NamedTuple):
    """One guess of how units differ.

    Attributes:
        weight: how likely it is.
        mean, spread: of the indexes, and their variance relative to the square of the mean.
        dispersion: excess variance of posts.
    """

    weight: float
    mean: float
    spread: float
    dispersion: float

    def moments(self, unit: Unit) -> tuple[float, float]:
        """Return the mean and the variance of a unit's index."""
        shape, index = 1 / self.spread, self.mean
        for _ in range(2):  # the variance depends on the index itself
            excess = 1 + index * unit.expected * unit.noise(self.dispersion)
            posterior = shape + unit.observed / excess
            rate = shape / self.mean + unit.expected / excess
            index = posterior / rate
        return index, posterior / rate**2


def dispersion_of(units: Sequence[Unit]) -> tuple[float, int]:
    """Return the excess variance of posts, relative to the square of their mean, and its freedom.

    By moments, from posts of the same unit. The freedom is the number of repeated posts.
    """
    excess = scale = 0.0
    freedom = 0
    for unit in units:
        free = 1 - unit.expected_squares / unit.expected**2
        if unit.posts > 1 and free > _CLOSE:
            index = unit.ratio
            residual = (
                unit.observed_squares - 2 * index * unit.products + index**2 * unit.expected_squares
            )
            excess += residual / free - unit.observed
            scale += index**2 * unit.expected_squares
            freedom += unit.posts - 1
    return (max(excess / scale, 0.0) if scale else 0.0), freedom


def dispersion_around_baseline(units: Sequence[Unit]) -> float:
    """Return the excess variance of all posts around what is expected of them."""
    excess = sum(
        unit.observed_squares - 2 * unit.products + unit.expected_squares - unit.observed
        for unit in units
    )
    return max(excess / sum(unit.expected_squares for unit in units), 0.0)


def priors_of(units: Sequence[Unit]) -> list[Prior]:
    """Return guesses of how units differ, the weights of which add up to 1."""
    within, freedom = dispersion_of(units)
    around = dispersion_around_baseline(units)
    total = freedom + _PRIOR_POSTS
    middle = max((freedom * within + _PRIOR_POSTS * _LUCK * around) / total, _MIN_DISPERSION)
    deviation = math.sqrt(_PRIOR_POSTS / total)
    sample = units[:: 1 + len(units) // _MAX_SAMPLE]
    found = []
    for deviate in _DEVIATES:
        dispersion = middle * math.exp(deviate * deviation)
        for spread in _SPREADS:
            mean, variance, likelihood = _mean_and_likelihood(sample, spread, dispersion)
            likelihood *= len(units) / len(sample)
            # Half-normal: the standard deviation of indexes is seldom more than twice 0.7.
            likelihood += math.log(spread) / 2 - spread / (2 * _SPREAD_SCALE) - deviate**2 / 2
            found.append((likelihood, mean, spread + variance / mean**2, dispersion))
    best = max(likelihood for likelihood, *_ in found)
    weighted = [(math.exp(likelihood - best), *rest) for likelihood, *rest in found]
    known = [each for each in weighted if each[0] > _MIN_WEIGHT]
    whole = sum(weight for weight, *_ in known)
    return [Prior(weight / whole, *rest) for weight, *rest in known]


def _mean_and_likelihood(
    units: Sequence[Unit], spread: float, dispersion: float
) -> tuple[float, float, float]:
    """Return the mean of the indexes, its variance, and the logarithm of the likelihood.

    What a unit earned follows a negative binomial distribution.
    """
    noises = [unit.noise(dispersion) for unit in units]
    variances = [
        spread + noise + spread * noise + 1 / unit.expected
        for unit, noise in zip(units, noises, strict=True)
    ]
    # The prior of the mean is 1, with the weight of one more unit.
    whole = 1 / (spread + 0.05) + sum(1 / variance for variance in variances)
    ratios = sum(unit.ratio / variance for unit, variance in zip(units, variances, strict=True))
    mean = (ratios + 1 / (spread + 0.05)) / whole
    likelihood = 0.0
    for unit, noise in zip(units, noises, strict=True):
        size = 1 / (spread + noise + spread * noise)
        expected = mean * unit.expected
        likelihood += (
            math.lgamma(unit.observed + size)
            - math.lgamma(size)
            - math.lgamma(unit.observed + 1)
            + size * math.log(size / (size + expected))
            + unit.observed * math.log(expected / (size + expected))
        )
    return mean, 1 / whole, likelihood


def shrink(unit: Unit, priors: Sequence[Prior]) -> Estimate:
    """Return a unit's index, averaged over the priors.

    The mixture has a heavier tail to the right than a gamma variable with its moments, and to the
    left than a lognormal one: each end of the interval is that of the wider.
    """
    moments = [(prior.weight, *prior.moments(unit)) for prior in priors]
    index = sum(weight * mean for weight, mean, _ in moments)
    variance = sum(weight * (other + (mean - index) ** 2) for weight, mean, other in moments)
    deviation = math.sqrt(math.log1p(variance / index**2))
    middle = index * math.exp(-(deviation**2) / 2)
    gamma = interval(index**2 / variance, index / variance)
    return replace(gamma, high=max(gamma.high, middle * math.exp(_Z_95 * deviation)))


def interval(shape: float, rate: float) -> Estimate:
    """Return the mean and the interval of a gamma distribution."""
    low, high = (gamma_quantile(tail, shape) / rate for tail in (_TAIL, 1 - _TAIL))
    return Estimate(shape / rate, low, high, shape / rate**2)


def shrink_all(units: Sequence[Unit]) -> list[Estimate]:
    """Return the indexes of units that are alike, in their order."""
    if not units:
        return []
    priors = priors_of(units)
    return [shrink(unit, priors) for unit in units]


def gamma_quantile(probability: float, shape: float) -> float:
    """Return the quantile of the gamma distribution with rate 1.

    Newton's steps from Wilson and Hilferty's approximation (Proc. Natl. Acad. Sci. 17, 1931), which
    is off by 1e-7 and needs none if the shape is large.
    """
    z = statistics.NormalDist().inv_cdf(probability)
    root = 1 - 1 / (9 * shape) + z / (3 * math.sqrt(shape))
    if shape > _LARGE_SHAPE:
        return shape * root**3  # close enough there: 1e-7 of it
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
    if x <= 0:
        return 0.0
    power = shape * math.log(x) - x - math.lgamma(shape)
    if power < -_LARGEST_POWER:
        return float(x > shape)  # so far out that the sum would overflow
    term = total = 1 / shape
    place = shape
    while term > total * 1e-15:
        place += 1
        term *= x / place
        total += term
    return total * math.exp(power)
