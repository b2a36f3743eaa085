"""What is well above or below what is usual at these hours of the week. Pure.

Counts are compared by their logarithms, ln(1 + count), as engagement grows and shrinks by factors.
Usual is the median of the weeks before, and the scatter their median absolute deviation, which one
strange week does not move; a distance counts in units of it (Iglewicz and Hoaglin, How to Detect
and Handle Outliers, 1993: beyond 3.5 it is an outlier). Small counts scatter by chance alone, so
the unit is never less than a Poisson variable's. What rises with everything else does not move:
what is usual is first multiplied by the tide.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

Dimension = Literal["all", "category", "author", "post"]
WEEKS: Final = 8
LEAST_EVENTS: Final = 5
YOUNG: Final = timedelta(hours=168)
_NORMAL_MAD: Final = 1.4826
_LEAST_WEEKS: Final = 3
_FEW_EVENTS: Final = 3
_LEAST_PEERS: Final = 20


class Window(NamedTuple):
    """From start to just before end."""

    start: datetime
    end: datetime


class History(NamedTuple):
    """Engagements now, and at the same hours of the week in weeks before, the last one first."""

    dimension: Dimension
    key: str
    now: int
    before: Sequence[int]

    @property
    def levels(self) -> list[float]:
        """Logarithms of the counts before."""
        return [math.log1p(count) for count in self.before]

    @property
    def usual(self) -> float:
        """The median of the weeks before; of few events their mean, as half of them may be none."""
        middle = math.expm1(statistics.median(self.levels))
        return middle if middle >= _FEW_EVENTS else statistics.fmean(self.before)


class Move(NamedTuple):
    """A distance from what was expected, in units of the usual scatter."""

    expected: float
    z: float


def windows(start: datetime, end: datetime, zone: ZoneInfo) -> list[Window]:
    """Return the window from *start* to *end*, and those of the weeks before, the last one first.

    Weeks are counted on the clocks of *zone*, so that nine o'clock stays nine o'clock.
    """
    return [
        Window(_weeks_before(start, week, zone), _weeks_before(end, week, zone))
        for week in range(WEEKS + 1)
    ]


def _weeks_before(moment: datetime, weeks: int, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    return (local - timedelta(weeks=weeks)).astimezone(moment.tzinfo)


def tide_of(authors: Iterable[History]) -> float:
    """Return how many times as much as usual there is of everything: the authors' weighted median.

    One author's success does not make the others look like failing.
    """
    ratios = sorted((a.now / a.usual, a.usual) for a in authors if is_known(a) and a.usual)
    half = sum(weight for _, weight in ratios) / 2
    passed = 0.0
    for ratio, weight in ratios:
        passed += weight
        if passed >= half:
            return ratio
    return 1.0


def is_known(history: History) -> bool:
    """Whether enough weeks are known to tell what is usual; a post's are those of its life."""
    return len(history.before) >= (1 if history.dimension == "post" else _LEAST_WEEKS)


def move_of(history: History, tide: float) -> Move:
    """Return how far an author, a category or a post that is no longer young has moved."""
    middle = statistics.median(history.levels)
    distance = statistics.median(abs(level - middle) for level in history.levels)
    return _move(math.log1p(history.now), history.usual * tide, distance)


def young_move(level: float, median: float, distance: float, peers: int) -> Move | None:
    """Return how far a young post is from its category's posts at the same age; None: too few.

    Args:
        level: ln(1 + engagements) of the post.
        median: of its peers.
        distance: median absolute deviation from it.
        peers: how many they are.
    """
    return _move(level, math.expm1(median), distance) if peers >= _LEAST_PEERS else None


def _move(level: float, expected: float, distance: float) -> Move:
    # At least what chance alone does to the logarithm of a count of that size.
    unit = max(_NORMAL_MAD * distance, 1 / math.sqrt(1 + expected))
    return Move(expected, (level - math.log1p(expected)) / unit)
