"""When authors publish, beside when it is good to. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analytics_api.reports.timing.slots import Place, Slot, Verdict


@dataclass(frozen=True)
class Habit:
    """How many posts an author published at which hours of the week."""

    author_id: int
    author_name: str
    category: str
    posts: Mapping[Place, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.posts.values())

    def among(self, slots: Sequence[Slot], verdict: Verdict) -> int:
        """Return how many were published in slots with this verdict."""
        return sum(self.posts.get(slot.place, 0) for slot in slots if slot.verdict == verdict)

    def share(self, place: Place) -> float:
        """Return which part of the posts were published then."""
        return self.posts.get(place, 0) / self.total

    def log_lift(self, slots: Sequence[Slot]) -> float:
        """Return the mean logarithm of what the hours chosen multiply engagement by."""
        return sum(self.share(slot.place) * math.log(slot.estimate.index) for slot in slots)
