"""Usual changes of counts from one period to the next."""

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from analytics_api.statistics.inference import Z_95, t_quantile

MIN_CHANGES: Final = 4
MAX_CHANGES: Final = 12
"""Number of earlier changes that are compared."""
_CONTINUITY: Final = 0.5


class UsualChange(NamedTuple):
    """Logarithms of ratios within which a new change lies with a probability of 95 %."""

    low: float
    high: float

    def is_exceeded_by(self, now: float, before: float) -> bool:
        """Return whether the change between two counts is outside of the range."""
        return not self.low <= _log_ratio(now, before) <= self.high


def usual_change(now: float, counts: Sequence[float]) -> UsualChange | None:
    """Return the prediction interval of a change; None: too few changes are known.

    Changes are differences of logarithms, which are taken for normal with one variance; that is at
    least the variance of Poisson variables. (Hahn and Meeker, Statistical Intervals, section 4.7.)

    Args:
        now: the count of the period whose change is judged. It affects the least variance alone.
        counts: of the periods before, the latest first.
    """
    if len(counts) <= MIN_CHANGES:
        return None
    changes = [_log_ratio(later, earlier) for later, earlier in pairwise(counts)]
    number, mean = len(changes), statistics.fmean(changes)
    chance = 1 / (now + _CONTINUITY) + 1 / (counts[0] + _CONTINUITY)
    deviation = math.sqrt(statistics.variance(changes) * (1 + 1 / number))
    reach = max(t_quantile(number - 1) * deviation, Z_95 * math.sqrt(chance))
    return UsualChange(mean - reach, mean + reach)


def _log_ratio(now: float, before: float) -> float:
    return math.log((now + _CONTINUITY) / (before + _CONTINUITY))
