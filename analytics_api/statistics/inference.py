"""Student's distribution, and the choice of what is clear among many tests."""

import math
import statistics
from collections.abc import Sequence
from typing import Final

LEVEL: Final = 0.95
Z_95: Final = statistics.NormalDist().inv_cdf((1 + LEVEL) / 2)
_TINY: Final = 1e-300
_CLOSE: Final = 1e-14
_MAX_TERMS: Final = 500
_MAX_STEPS: Final = 100
_CLOSE_QUANTILE: Final = 1e-10


def normal_p_value(z: float) -> float:
    """Return the two-sided probability of a standard normal variable at least this far from 0."""
    return math.erfc(abs(z) / math.sqrt(2))


def t_p_value(t: float, freedom: float) -> float:
    """Return the two-sided probability of Student's variable (Abramowitz and Stegun, 26.7.1)."""
    return _incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def t_quantile(freedom: float, level: float = LEVEL) -> float:
    """Return the distance from 0 within which Student's variable lies with probability *level*."""
    t = statistics.NormalDist().inv_cdf((1 + level) / 2)
    log_height = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)
    height = 2 * math.exp(log_height) / math.sqrt(freedom * math.pi)
    for _ in range(_MAX_STEPS):  # Newton's, from the left of a convex function's root
        density = height * (1 + t * t / freedom) ** (-(freedom + 1) / 2)
        step = (t_p_value(t, freedom) - (1 - level)) / density
        t += step
        if abs(step) <= _CLOSE_QUANTILE * t:
            break
    return t


def are_clear(p_values: Sequence[float], rate: float = 1 - LEVEL) -> list[bool]:
    """Return which tests are significant if at most *rate* of these may be so by chance.

    The expected share of false ones among them (Benjamini and Hochberg, J. R. Stat. Soc. B 57,
    1995). Without any true one, the probability that one or more are called clear is *rate*.
    """
    limit = 0.0
    for place, p_value in enumerate(sorted(p_values), 1):
        if p_value <= rate * place / len(p_values):
            limit = p_value
    return [p_value <= limit for p_value in p_values]


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularized incomplete beta function (Abramowitz and Stegun, 26.5.8)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)
    log_front = a * math.log(x) + b * math.log1p(-x) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + math.lgamma(a + b)) / a
    # Lentz's evaluation of the continued fraction.
    c, d = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1 / _nonzero(1 + term * d), _nonzero(1 + term / c)
            fraction *= d * c
        if abs(d * c - 1) < _CLOSE:
            break
    return front * fraction


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
