"""Effects of places, such as the hours of the day, on posts that were published in them.

If places make no difference, an author's posts in a category could as well have been published in
another order. That gives the covariance of what the posts of each place earned, whatever the
distribution of their counts. It serves one test of all places, a score test of their variance (Lin,
Biometrika 84, 1997), and estimates that are shrunk towards no effect as far as chance explains the
differences: normal with a common variance, over which is integrated.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from analytics_api.statistics.shrinkage import gamma_cdf

Vector = list[float]
Matrix = list[list[float]]

_SPREADS: Final = (0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45)
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
    """What the posts of each place earned more than expected, with its covariances."""

    def __init__(self, pairs: Iterable[Pair], count: int, correlation: Matrix) -> None:
        """Create from the pairs of one kind.

        Args:
            pairs: each once, in either order.
            count: of places, which are numbered from 0.
            correlation: of the effects; neighbours can be alike.
        """
        self._surplus = [0.0] * count
        self._variance = _zeros(count)
        self._information = _zeros(count)
        for pair in pairs:
            if pair.place == pair.other:
                self._surplus[pair.place] = pair.observed - pair.expected
            for row, column in {(pair.place, pair.other), (pair.other, pair.place)}:
                self._variance[row][column] = pair.variance
                self._information[row][column] = pair.information
        self._correlation = correlation

    def p_value(self) -> float:
        """Return the probability of such differences if places have no effect.

        The distribution of the quadratic form is Satterthwaite's (Biometrics Bulletin 2, 1946).
        """
        product = _product(self._correlation, self._variance)
        mean = _trace(product)
        variance = 2 * sum(
            product[row][column] * product[column][row]
            for row in range(len(product))
            for column in range(len(product))
        )
        if mean <= 0 or variance <= 0:
            return 1.0
        seen = _dot(self._surplus, _times(self._correlation, self._surplus))
        return max(0.0, 1 - gamma_cdf(seen * mean / variance, mean**2 / variance))

    def effects(self, scale: float) -> list[Effect]:
        """Return the effects. *scale*: their standard deviation is seldom greater."""
        reach = _product(self._information, self._correlation)
        moved = _product(reach, self._information)
        found = []
        for spread, prior in _prior(scale):
            total = _trace(self._variance) + spread**2 * _trace(moved)
            root = _root(self._covariance(moved, spread**2, total)) if total > 0 else None
            if root is None:
                return [NO_EFFECT._replace(variance=scale**2)] * len(self._surplus)
            white = _solved(root, self._surplus)
            log_weight = math.log(prior) - _dot(white, white) / 2
            log_weight -= sum(math.log(root[place][place]) for place in range(len(root)))
            effects = []
            for place in range(len(root)):
                column = _solved(root, [spread**2 * row[place] for row in reach])
                own = spread**2 * self._correlation[place][place]
                effects.append(Effect(_dot(column, white), own - _dot(column, column)))
            found.append((log_weight, effects))
        return mixed(found)

    def _covariance(self, moved: Matrix, square: float, total: float) -> Matrix:
        """Return the covariance of the surplus; constants, which it cannot have, are free."""
        count = len(moved)
        return [
            [
                self._variance[row][column]
                + square * moved[row][column]
                + total / count**2 * (1 + _RIDGE * (row == column))
                for column in range(count)
            ]
            for row in range(count)
        ]


def independent_effects(units: Sequence[tuple[float, float, float]], scale: float) -> list[Effect]:
    """Return shrunk effects of units that have nothing in common but their spread.

    Args:
        units: of each its surplus, what was expected, and the variance of the surplus.
        scale: the standard deviation of effects is seldom greater.
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
    """Yield the spreads with their half-normal prior probabilities, up to a factor."""
    middles = [(low + high) / 2 for low, high in pairwise(_SPREADS)]
    edges = [_SPREADS[0], *middles, _SPREADS[-1]]
    for spread, (low, high) in zip(_SPREADS, pairwise(edges), strict=True):
        yield spread, (high - low) * math.exp(-((spread / scale) ** 2) / 2)


def _zeros(count: int) -> Matrix:
    return [[0.0] * count for _ in range(count)]


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _times(matrix: Matrix, vector: Vector) -> Vector:
    return [_dot(row, vector) for row in matrix]


def _product(one: Matrix, other: Matrix) -> Matrix:
    columns = list(zip(*other, strict=True))
    return [[_dot(row, column) for column in columns] for row in one]


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
