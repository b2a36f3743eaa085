"""What a scenario measures: figures with their floor, and the goal they are held against."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Of = Literal["ratio", "value"]


@dataclass(frozen=True)
class Goal:
    """What a figure must reach, and what it aims at.

    Attributes:
        must: the limit.
        aim: a better one; the same where there is none.
        of: whether the ratio to the floor is judged or the value itself.
        is_ceiling: less is better, as with times and memory.
    """

    must: float
    aim: float
    of: Of = "ratio"
    is_ceiling: bool = False

    def verdict(self, result: "Result") -> str:
        """Return ``aim``, ``must`` or ``missed``."""
        figure = result.ratio if self.of == "ratio" else result.value
        for name, limit in (("aim", self.aim), ("must", self.must)):
            if figure <= limit if self.is_ceiling else figure >= limit:
                return name
        return "missed"


def at_least(must: float, aim: float, of: Of = "ratio") -> Goal:
    """Return the goal of a figure that should be large."""
    return Goal(must, aim, of)


def at_most(must: float, aim: float, of: Of = "value") -> Goal:
    """Return the goal of a figure that should be small."""
    return Goal(must, aim, of, is_ceiling=True)


@dataclass(frozen=True)
class Result:
    """One line: the value and its floor, once a round.

    Attributes:
        name: what was measured.
        unit: of the values and of the floors.
        values: one a round.
        floors: likewise, taken in between.
        goal: None: it is told for the picture alone.
        series: results that differ in size alone have this in common; a plot shows them as a line.
        size: the number of events, for the plot.
    """

    name: str
    unit: str
    values: Sequence[float]
    floors: Sequence[float]
    goal: Goal | None = None
    series: str | None = None
    size: int | None = None

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values)

    @property
    def floor(self) -> float:
        """The median of the floors."""
        return statistics.median(self.floors)

    @property
    def ratio(self) -> float:
        """Median of the value over the median of the floor."""
        return self.value / self.floor

    @property
    def spread(self) -> float:
        """Distance of the extremes over the median."""
        return (max(self.values) - min(self.values)) / self.value

    @property
    def verdict(self) -> str:
        """How it stands to its goal; empty where there is none."""
        return self.goal.verdict(self) if self.goal else ""
