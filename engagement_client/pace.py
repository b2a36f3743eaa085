"""When to try again. Pure."""

import random
from collections.abc import Callable
from typing import Final

_FIRST_BACKOFF_SECONDS: Final = 0.25
_LONGEST_OBEYED_SECONDS: Final = 3600.0


class Pace:
    """Exponential backoff with full jitter; a longer wait that the service asks for is obeyed.

    Attributes:
        resume_at: the monotonic time in seconds before which nothing is sent.
    """

    def __init__(
        self, longest_seconds: float, draw: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._longest_seconds = longest_seconds
        self._draw = draw
        self._failures = 0
        self.resume_at = 0.0

    def succeeded(self) -> None:
        """Note that the service did what it was asked."""
        self._failures = 0

    def failed(self, now: float, retry_after_seconds: float) -> None:
        """Note that it did not, and since when it wants to be left alone for how long."""
        # Beyond 2^20 the backoff is the longest anyway; an unbounded power would overflow.
        backoff = _FIRST_BACKOFF_SECONDS * 2 ** min(self._failures, 20)
        self._failures += 1
        asked = min(retry_after_seconds, _LONGEST_OBEYED_SECONDS)
        # The jitter comes on top: clients that were sent away together must not return together.
        self.resume_at = now + asked + self._draw(0.0, min(backoff, self._longest_seconds))
