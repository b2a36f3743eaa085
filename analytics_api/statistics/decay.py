"""The half-life of engagement with posts."""

import math
from collections.abc import Sequence
from typing import Final

_HALF: Final = 0.5


def half_life(hours: Sequence[int], counts: Sequence[float]) -> float | None:
    """Return the age in hours by which half of the last count is reached; None: it is 0.

    Interpolated in the logarithm of the age, up to the first age in the age itself.

    Args:
        hours: ages, ascending.
        counts: engagements until each age.
    """
    half = _HALF * counts[-1]
    if not half:
        return None
    before_hours, before = 0.0, 0.0
    for age, count in zip(hours, counts, strict=True):
        if count >= half:
            part = (half - before) / (count - before)
            if not before_hours:
                return age * part
            return before_hours * math.exp(part * math.log(age / before_hours))
        before_hours, before = age, count
    raise AssertionError
