"""A histogram of latencies in constant memory, exact to 1.6 percent at any scale."""

from collections import Counter
from typing import Final, Self

_PRECISION_BITS: Final = 6
_LEAST: Final = 1 << _PRECISION_BITS


class Histogram:
    """Counts durations in buckets whose width grows with their value."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.count = 0
        self.max_seconds = 0.0

    def record(self, seconds: float, times: int = 1) -> None:
        """Add a duration, as often as *times* events had it."""
        microseconds = max(int(seconds * 1_000_000), 0)
        self._counts[_bucket(microseconds)] += times
        self.count += times
        self.max_seconds = max(self.max_seconds, seconds)

    def merge(self, other: Self) -> None:
        """Add what another histogram holds."""
        self._counts.update(other._counts)
        self.count += other.count
        self.max_seconds = max(self.max_seconds, other.max_seconds)

    def percentile(self, percent: float) -> float:
        """Return the seconds that *percent* of the durations do not exceed; 0 for none."""
        rank = self.count * percent / 100
        passed = 0
        for bucket, count in sorted(self._counts.items()):
            passed += count
            if passed >= rank:
                return min(_upper_bound(bucket) / 1_000_000, self.max_seconds)
        return self.max_seconds


def _bucket(microseconds: int) -> int:
    """Return the bucket of a value: its leading bits, and how many were cut off."""
    shift = max(microseconds.bit_length() - _PRECISION_BITS - 1, 0)
    return shift * _LEAST + (microseconds >> shift)


def _upper_bound(bucket: int) -> int:
    shift = max(bucket // _LEAST - 1, 0)
    leading = bucket - shift * _LEAST
    return ((leading + 1) << shift) - 1
