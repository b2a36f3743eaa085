"""Effects of places, such as the hours of the day, on posts that were published in them.

If places make no difference, an author's posts in a category could as well have been published in
another order. That gives the covariance of what the posts of each place earned, whatever the
distribution of their counts. It serves one test of all places, a score test of their variance (Lin,
Biometrika 84, 1997), and estimates that are shrunk towards no effect as far as chance explains the
differences: normal with a common variance, over which is integrated.

Where the test finds differences, chance has probably exaggerated them. So the likelihood of a
variance is divided by the probability that the test finds differences of this size (Yekutieli,
Adjusted Bayesian inference for selected parameters, J. R. Stat. Soc. B 74, 2012).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from operator import mul
from typing import Final, NamedTuple

from analytics_api.statistics.shrinkage import gamma_cdf, gamma_quantile

Vector = list[float]
Matrix = list[list[float]]

_SPREADS: Final = (0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7)
"""Standard deviations of the effects, as ratios, over which is integrated."""
_RIDGE: Final = 1e-9


class Pair(NamedTuple):
    """A row of posting_slots: a place with itself, or with another one."""

    kind: str
    place: int
    other: int
    posts: int
    observed: float
    expected: float
    variance: float
    information: float


class Effect(NamedTuple):
    """The effect of a place: what it brings more, as a ratio, and the variance of that."""

    value: float
    variance: float


NO_EFFECT: Final = Effect(0.0, 0.0)


class Places:
    """The engagement above expectation of the posts of each place, with its covariances."""

    def __init__(self, pairs: Iterable[Pair], count: int, correlation: Matrix) -> None:
        """Create from the pairs of one kind.

        Args:
            pairs: each once, in either order.
            count: of places, which are numbered from 0.
            correlation: of the effects; neighbours can be alike.
        """
        self._surplus, expected = [0.0] * count, [0.0] * count
        self._variance = _zeros(count)
        self._information = _zeros(count)
        for pair in pairs:
            if pair.place == pair.other:
                self._surplus[pair.place] = pair.observed - pair.expected
                expected[pair.place] = pair.expected
            for row, column in {(pair.place, pair.other), (pair.other, pair.place)}:
                self._variance[row][column] = pair.variance
                self._information[row][column] = pair.information
        self._correlation = correlation
        self._centred = _centred(correlation, expected)
        self._reach = _product(self._information, self._centred)
        self._moved = _product(self._reach, self._information)
        self._scores = _Scores.of(correlation, self._variance, self._moved)

    def p_value(self) -> float:
        """Return the probability of such differences if places have no effect."""
        return self._scores.p_value(
            _dot(self._surplus, _times(self._correlation, self._surplus)), 0.0
        )

    def effects(self, scale: float, level: float = 0.0) -> list[Effect]:
        """Return the effects.

        Args:
            scale: of the half-Cauchy prior of their standard deviation (Gelman, Bayesian Analysis
                1, 2006).
            level: at which the test found differences; 0: it did not.
        """
        if _trace(self._variance) <= 0:
            return [NO_EFFECT._replace(variance=scale**2)] * len(self._surplus)
        weights = [
            (spread, math.log(prior) - math.log(self._scores.power(level, spread)))
            for spread, prior in _prior(scale)
        ]
        first = self._mixed_effects(weights, self._variance)
        return self._mixed_effects(weights, scattered(self._variance, self._information, first))

    def _mixed_effects(
        self, weights: Iterable[tuple[float, float]], variance: Matrix
    ) -> list[Effect]:
        found = []
        for spread, log_weight in weights:
            total = _trace(variance) + spread**2 * _trace(self._moved)
            root = _root(_covariance(variance, self._moved, spread**2, total))
            if root is None:
                continue
            white = _solved(root, self._surplus)
            fit = -_dot(white, white) / 2
            fit -= sum(math.log(root[place][place]) for place in range(len(root)))
            effects = []
            for place in range(len(root)):
                column = _solved(root, [spread**2 * row[place] for row in self._reach])
                own = spread**2 * self._centred[place][place]
                effects.append(Effect(_dot(column, white), own - _dot(column, column)))
            found.append((log_weight + fit, effects))
        return mixed(found)


class _Scores(NamedTuple):
    """Mean and variance of the test's score, by powers of the square of the effects' spread.

    Its distribution is Satterthwaite's (Biometrics Bulletin 2, 1946).
    """

    mean: tuple[float, float]
    variance: tuple[float, float, float]

    @classmethod
    def of(cls, correlation: Matrix, variance: Matrix, moved: Matrix) -> "_Scores":
        """Return those of a surplus whose variance is *variance* + spread^2 x *moved*."""
        one, other = _product(correlation, variance), _product(correlation, moved)
        squares = (_squares(one, one), 2 * _squares(one, other), _squares(other, other))
        return cls((_trace(one), _trace(other)), squares)

    def power(self, level: float, spread: float) -> float:
        """Return the probability that the test finds differences; 1 if *level* is 0."""
        mean, variance = self._moments(0.0)
        if not level or mean <= 0 or variance <= 0:
            return 1.0
        least = gamma_quantile(1 - level, mean**2 / variance) * variance / mean
        return max(self.p_value(least, spread), level)

    def p_value(self, score: float, spread: float) -> float:
        """Return the probability of such a score or a higher one."""
        mean, variance = self._moments(spread)
        if mean <= 0 or variance <= 0:
            return 1.0
        return max(0.0, 1 - gamma_cdf(score * mean / variance, mean**2 / variance))

    def _moments(self, spread: float) -> tuple[float, float]:
        square = spread**2
        mean = self.mean[0] + square * self.mean[1]
        return mean, 2 * sum(each * square**power for power, each in enumerate(self.variance))


def scattered(variance: Matrix, poisson: Matrix, effects: Sequence[Effect]) -> Matrix:
    """Return the variance of the surplus if places have these effects.

    The part of it that a Poisson variable has is proportional to what posts earn, the rest to its
    square.

    Args:
        variance: without effects.
        poisson: the same of Poisson variables.
        effects: of the places.
    """
    part = min(_trace(poisson) / _trace(variance), 1.0)
    squares = [(1 + effect.value) ** 2 + effect.variance for effect in effects]
    means = [max(1 + effect.value, effect.variance) for effect in effects]
    return [
        [
            value
            * (
                part * math.sqrt(means[row] * means[column])
                + (1 - part) * math.sqrt(squares[row] * squares[column])
            )
            for column, value in enumerate(line)
        ]
        for row, line in enumerate(variance)
    ]


def _centred(correlation: Matrix, weights: Sequence[float]) -> Matrix:
    """Return the covariance of effects less their weighted mean, which posts cannot show."""
    whole = sum(weights) or 1.0
    shares = [weight / whole for weight in weights]
    means = _times(correlation, shares)
    mean = _dot(means, shares)
    return [
        [value - means[row] - means[column] + mean for column, value in enumerate(line)]
        for row, line in enumerate(correlation)
    ]


def _covariance(variance: Matrix, moved: Matrix, square: float, total: float) -> Matrix:
    """Return the covariance of the surplus; constants, which it cannot have, are free."""
    count = len(moved)
    return [
        [
            value + total / count**2 * (1 + _RIDGE * (row == column))
            for column, value in enumerate(line)
        ]
        for row, line in enumerate(_added(variance, moved, square))
    ]


def _added(one: Matrix, other: Matrix, factor: float) -> Matrix:
    return [
        [a + factor * b for a, b in zip(*lines, strict=True)]
        for lines in zip(one, other, strict=True)
    ]


def independent_effects(units: Sequence[tuple[float, float, float]], scale: float) -> list[Effect]:
    """Return shrunk effects of units that have nothing in common but their spread.

    Args:
        units: of each its surplus, what was expected, and the variance of the surplus.
        scale: of the half-Cauchy prior of the effects' standard deviation.
    """
    found = []
    for spread, prior in _prior(scale):
        log_weight, effects = math.log(prior), []
        for surplus, expected, variance in units:
            total = variance + (spread * expected) ** 2
            if total <= 0:
                effects.append(Effect(0.0, spread**2))
                continue
            log_weight -= (surplus**2 / total + math.log(total)) / 2
            effects.append(
                Effect(expected * spread**2 / total * surplus, spread**2 * variance / total)
            )
        found.append((log_weight, effects))
    return mixed(found)


def mixed(found: Sequence[tuple[float, Sequence[Effect]]]) -> list[Effect]:
    """Return the mean and the variance of effects over cases with logarithms of weights."""
    most = max(log_weight for log_weight, _ in found)
    weights = [math.exp(log_weight - most) for log_weight, _ in found]
    whole = sum(weights)
    result = []
    for cases in zip(*(effects for _, effects in found), strict=True):
        weighted = list(zip(weights, cases, strict=True))
        mean = sum(weight * case.value for weight, case in weighted) / whole
        square = sum(weight * (case.variance + case.value**2) for weight, case in weighted) / whole
        result.append(Effect(mean, max(square - mean**2, 0.0)))
    return result


def neighbours(count: int, likeness: float) -> Matrix:
    """Return the correlation of places in a circle: a power of *likeness*, by their distance."""
    return [
        [likeness ** min((row - column) % count, (column - row) % count) for column in range(count)]
        for row in range(count)
    ]


def _prior(scale: float) -> Iterator[tuple[float, float]]:
    """Yield the spreads with their half-Cauchy prior probabilities, up to a factor."""
    middles = [(low + high) / 2 for low, high in pairwise(_SPREADS)]
    edges = [_SPREADS[0], *middles, _SPREADS[-1]]
    for spread, (low, high) in zip(_SPREADS, pairwise(edges), strict=True):
        yield spread, (high - low) / (1 + (spread / scale) ** 2)


def _zeros(count: int) -> Matrix:
    return [[0.0] * count for _ in range(count)]


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(map(mul, one, other), 0.0)


def _times(matrix: Matrix, vector: Vector) -> Vector:
    return [_dot(row, vector) for row in matrix]


def _product(one: Matrix, other: Matrix) -> Matrix:
    columns = list(zip(*other, strict=True))
    return [[_dot(row, column) for column in columns] for row in one]


def _squares(one: Matrix, other: Matrix) -> float:
    """Return the trace of the product of two matrices."""
    return sum(_dot(row, column) for row, column in zip(one, zip(*other, strict=True), strict=True))


def _trace(matrix: Matrix) -> float:
    return sum(row[place] for place, row in enumerate(matrix))


def _root(matrix: Matrix) -> Matrix | None:
    """Return the lower triangular root (Cholesky); None: the matrix is singular."""
    root: Matrix = []
    for place, row in enumerate(matrix):
        line: Vector = []
        for column in range(place):
            upper = root[column]
            line.append((row[column] - _dot(line, upper[:column])) / upper[column])
        square = row[place] - _dot(line, line)
        if square <= 0:
            return None
        root.append([*line, math.sqrt(square)])
    return root


def _solved(root: Matrix, vector: Vector) -> Vector:
    """Return x with root x = vector."""
    found: Vector = []
    for line, value in zip(root, vector, strict=True):
        found.append((value - _dot(line[:-1], found)) / line[-1])
    return found
