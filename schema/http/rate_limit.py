"""Token buckets: so many requests a second on average, twice as many at once.

The state is this process's own: several workers behind one socket each allow the rate.
"""

import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

_BURST_SECONDS: Final = 2.0
_MAX_BUCKETS: Final = 65_536
_RATE: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(?:/s)?", re.ASCII)
MIN_RATE_PER_SECOND: Final = 0.01
MAX_RATE_PER_SECOND: Final = 100_000.0


def parse_rate(text: str) -> float:
    """Return the requests a second that a text such as ``50/s`` or ``0.5/s`` means.

    Raises:
        ValueError: it means none, or one out of bounds.
    """
    found = _RATE.fullmatch(text.strip())
    rate = float(found[1]) if found else 0.0
    if not MIN_RATE_PER_SECOND <= rate <= MAX_RATE_PER_SECOND:
        raise ValueError(
            "a rate is a number of requests a second such as 50/s,"
            f" from {MIN_RATE_PER_SECOND:g}/s to {MAX_RATE_PER_SECOND:.0f}/s"
        )
    return rate


def burst_of(rate_per_second: float) -> int:
    """Return how many requests a full bucket holds; at least one."""
    return math.ceil(_BURST_SECONDS * rate_per_second)


class Verdict(NamedTuple):
    """What became of one request.

    Attributes:
        remaining: whole requests left at once.
        more_in_seconds: until there is one more, rounded up; the time to wait when refused.
    """

    is_allowed: bool
    remaining: int
    more_in_seconds: int


class _Bucket:
    """Requests left, as of a moment."""

    __slots__ = ("moment", "rate_per_second", "tokens")

    def __init__(self, rate_per_second: float, moment: float) -> None:
        self.rate_per_second = rate_per_second
        self.tokens = float(burst_of(rate_per_second))
        self.moment = moment

    def take(self, now: float) -> Verdict:
        grown = self.tokens + (now - self.moment) * self.rate_per_second
        # The margin forgives what floats lose: a client that waited as told is let in.
        tokens = min(grown + 1e-9, float(burst_of(self.rate_per_second)))
        self.moment = now
        is_allowed = tokens >= 1.0
        self.tokens = tokens - 1.0 if is_allowed else tokens
        remaining = int(self.tokens)
        missing = remaining + 1 - self.tokens
        return Verdict(is_allowed, remaining, math.ceil(missing / self.rate_per_second))


class Limiter:
    """One bucket a name; those unused for longest go when there are too many.

    A bucket that goes is full again by then, unless more names than fit ask within two seconds.

    Args:
        clock: monotonic seconds.
        max_buckets: how many names are kept in mind.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, max_buckets: int = _MAX_BUCKETS
    ) -> None:
        self._clock = clock
        self._max_buckets = max_buckets
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str, rate_per_second: float) -> Verdict:
        """Count one request of *name*; a rate that changed starts with a full bucket."""
        now = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None or bucket.rate_per_second != rate_per_second:
            bucket = self._buckets[name] = _Bucket(rate_per_second, now)
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._max_buckets:
            self._buckets.popitem(last=False)
        return bucket.take(now)


def policy(name: str, rate_per_second: float) -> str:
    """Return a RateLimit-Policy item; the window is the time an empty bucket takes to fill."""
    quota = burst_of(rate_per_second)
    return f'"{name}";q={quota};w={math.ceil(quota / rate_per_second)}'


def state(name: str, verdict: Verdict) -> str:
    """Return a RateLimit item."""
    return f'"{name}";r={verdict.remaining};t={verdict.more_in_seconds}'
