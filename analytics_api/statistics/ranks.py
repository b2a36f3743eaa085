"""The certainty of ranks: the probability that a unit is among the best ones."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from analytics_api.statistics.shrinkage import Estimate

_STEPS: Final = 150
_REACH: Final = 4.0
_LEAST_DEVIATION: Final = 1e-3
_HALF: Final = 0.5


def top_probabilities(estimates: Sequence[Estimate], places: int) -> list[float]:
    """Return for each unit the probability that its index is one of the *places* highest.

    Indexes are taken for independent lognormal variables with the mean and the variance of the
    estimates. The number of others above a value is a sum of Bernoulli variables, taken for normal.
    """
    if len(estimates) <= places:
        return [1.0] * len(estimates)
    units = [_log_normal(each) for each in estimates]
    low = min(middle - _REACH * deviation for middle, deviation in units)
    high = max(middle + _REACH * deviation for middle, deviation in units)
    grid = [low + (high - low) * step / _STEPS for step in range(_STEPS + 1)]
    below = [[_normal((x - middle) / deviation) for x in grid] for middle, deviation in units]
    centers = [[(a + b) / 2 for a, b in pairwise(line)] for line in below]
    above = [sum(1 - line[step] for line in centers) for step in range(_STEPS)]
    squares = [sum(line[step] * (1 - line[step]) for line in centers) for step in range(_STEPS)]
    found = []
    for line, middles in zip(below, centers, strict=True):
        steps = zip(pairwise(line), middles, above, squares, strict=True)
        found.append(
            sum(
                (until - since) * _at_most(places - 1, count - (1 - own), square - own * (1 - own))
                for (since, until), own, count, square in steps
            )
        )
    return found


def _log_normal(estimate: Estimate) -> tuple[float, float]:
    """Return the mean and the standard deviation of the logarithm of an index."""
    deviation = math.sqrt(math.log1p(estimate.variance / estimate.index**2))
    return math.log(estimate.index) - deviation**2 / 2, max(deviation, _LEAST_DEVIATION)


def _at_most(most: int, mean: float, variance: float) -> float:
    """Return the probability that a count is at most *most*."""
    if variance <= 0:
        return float(mean <= most + _HALF)
    return _normal((most + _HALF - mean) / math.sqrt(variance))


def _normal(z: float) -> float:
    return (1 + math.erf(z / math.sqrt(2))) / 2
