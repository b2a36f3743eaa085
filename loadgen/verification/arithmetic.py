"""The arithmetic of the reports: exact, and rounded half away from zero at the end."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any, Final

_MANY_POSTS: Final = 10
_FEW_POSTS: Final = 5


def rate(counts: Counter[str]) -> float:
    """Return 100 x (everything but views) / views; 0 without views."""
    views = counts["view"]
    return rounded(Fraction(100 * (counts.total() - views), views)) if views else 0.0


def change(times: Iterable[datetime], now: datetime, length: timedelta) -> float | None:
    """Return by how many percent the last *length* exceeds the one before."""
    last = before = 0
    for at in times:
        last += now - length <= at <= now
        before += now - 2 * length <= at < now - length
    return rounded(Fraction(100 * (last - before), before), 1) if before else None


def rounded(value: Fraction, digits: int = 2) -> float:
    """Round half away from zero."""
    scaled = floor(abs(value) * 10**digits + Fraction(1, 2))
    return float(Fraction(scaled if value >= 0 else -scaled, 10**digits))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the continuous percentile (SQL's PERCENTILE_CONT) of ascending values."""
    position = share * (len(ordered) - 1)
    low = floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (position - low) * (ordered[high] - ordered[low])


def segment(posts: int, average: float, median: float, p75: float) -> dict[str, Any]:
    """Return where an author stands among those of the category, and what the median would add."""
    name, score = "Average", 0
    if posts >= _MANY_POSTS and average < median:
        name = "High Volume, Low Engagement"
        # In thousandths, as the values have two and the median at most three decimals.
        gap_thousandths = round(median * 1000) - round(average * 1000)
        score = floor(Fraction(gap_thousandths * posts, 1000) + Fraction(1, 2))
    elif posts >= _MANY_POSTS and average >= p75:
        name = "High Volume, High Engagement"
    elif posts < _FEW_POSTS and average >= p75:
        name = "Low Volume, High Quality"
    return {"performance_segment": name, "opportunity_score": score}
