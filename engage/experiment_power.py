"""The number of authors that an experiment needs, by resampling authors with their posts.

Two past periods without treatment represent the time before and during the experiment.
Authors are drawn from them with their posts of both (the bootstrap: Efron and Tibshirani, An
Introduction to the Bootstrap, section 8), half of them are treated, and the result is computed as
at the end of an experiment. A few authors represent the next ones poorly, so every
result is a range: the authors themselves are resampled first, several times.
"""

import math
import random
import statistics
from collections.abc import Sequence
from typing import Final, NamedTuple

from engage.experiments import MIN_AUTHORS, History, compare

POWER: Final = 0.8
_NORMAL: Final = statistics.NormalDist()
_PLATFORMS: Final = 16
_DRAWS: Final = 25
_MOST_AUTHORS: Final = 100_000


class Range(NamedTuple):
    """The median of an estimate, and what it is between in 8 of 10 cases."""

    low: float
    middle: float
    high: float


class _Scatter(NamedTuple):
    """Of estimates with a number of authors per arm: their scatter, and half an interval."""

    error: float
    reach: float


class Plan(NamedTuple):
    """The power of an experiment with all authors, half of them treated.

    Attributes:
        per_arm: authors per arm.
        power: probability that the target is shown.
        needed: authors per arm for a power of 0.8.
        detectable: the least lift, or the greatest loss to be excluded, that has this power.
    """

    per_arm: int
    power: Range
    needed: Range
    detectable: Range


def plan_of(placebo: Sequence[History], target_lift: float, seed: int = 0) -> Plan | None:
    """Return the plan; None: too few authors have a history.

    Args:
        placebo: past periods of the eligible authors.
        target_lift: as a ratio less one; below 0: the loss to be excluded when there is none.
        seed: of the resampling.
    """
    pool = [history for history in placebo if history.is_measured]
    per_arm = len(pool) // 2
    wanted = abs(math.log1p(target_lift))
    if per_arm < MIN_AUTHORS or not wanted:
        return None
    found = scatters(pool, per_arm, max(target_lift, 0.0), seed)
    if not found:
        return None
    needed = [_authors(each, per_arm, wanted) for each in found]
    # With fewer or more authors, intervals have other degrees of freedom.
    typical = round(max(MIN_AUTHORS, min(statistics.median(needed), 2 * len(pool))))
    again = scatters(pool, typical, max(target_lift, 0.0), seed)
    needed = [_authors(each, typical, wanted) for each in again or found]
    return Plan(
        per_arm,
        _range([_NORMAL.cdf((wanted - each.reach) / each.error) for each in found]),
        _range(needed),
        _range([_least(each, target_lift) for each in found]),
    )


def scatters(pool: Sequence[History], per_arm: int, lift: float, seed: int) -> list[_Scatter]:
    """Return the scatter of results on several platforms of authors like these."""
    draw = random.Random(seed)
    found = []
    # A sample drawn from authors varies by this less than the authors do, each time.
    narrowed = len(pool) / (len(pool) - 1)
    for _ in range(_PLATFORMS):
        platform = draw.choices(pool, k=len(pool))
        results = []
        for _ in range(_DRAWS):
            treated, controls = (
                _numbered(draw, platform, per_arm),
                _numbered(draw, platform, per_arm),
            )
            result = compare([_treated(history, lift) for history in treated], controls)
            if result is not None:
                results.append(result)
        if len(results) > _DRAWS / 2:
            error = statistics.stdev(result.slope for result in results)
            reach = statistics.fmean(result.reach for result in results)
            if error > 0:
                found.append(_Scatter(error * narrowed, reach * narrowed))
    return found


def _numbered(draw: random.Random, pool: Sequence[History], count: int) -> list[History]:
    """Draw authors; one who is drawn twice counts as two."""
    drawn = draw.choices(pool, k=count)
    return [history._replace(author_id=number) for number, history in enumerate(drawn)]


def _treated(history: History, lift: float) -> History:
    after = history.after
    earned, squares = after.engagements * (1 + lift), after.squares * (1 + lift) ** 2
    return history._replace(after=after._replace(engagements=earned, squares=squares))


def _distance(scatter: _Scatter) -> float:
    """Return the logarithm that is detected with the power wanted."""
    return scatter.reach + _NORMAL.inv_cdf(POWER) * scatter.error


def _authors(scatter: _Scatter, per_arm: int, wanted: float) -> float:
    needed = per_arm * (_distance(scatter) / wanted) ** 2
    return max(float(MIN_AUTHORS), min(needed, float(_MOST_AUTHORS)))


def _least(scatter: _Scatter, target_lift: float) -> float:
    distance = min(_distance(scatter), 10.0)
    return math.expm1(distance if target_lift > 0 else -distance)


def _range(values: Sequence[float]) -> Range:
    ordered = sorted(values)
    last = len(ordered) - 1
    low, high = ordered[round(0.1 * last)], ordered[round(0.9 * last)]
    return Range(low, statistics.median(ordered), high)
