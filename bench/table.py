"""A scenario's figures, and how they are shown."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Result:
    """One line: the value and its floor, once a round."""

    name: str
    unit: str
    values: Sequence[float]
    floors: Sequence[float]

    @property
    def ratio(self) -> float:
        """Median of the value over the median of the floor."""
        return statistics.median(self.values) / statistics.median(self.floors)

    @property
    def spread(self) -> float:
        """Distance of the extremes over the median."""
        return (max(self.values) - min(self.values)) / statistics.median(self.values)


def show(title: str, results: Iterable[Result]) -> None:
    """Print a scenario's results."""
    table = Table(title=title, title_justify="left")
    for heading in ("", "median", "of the floor", "spread"):
        table.add_column(heading, justify="left" if not heading else "right")
    for result in results:
        median = statistics.median(result.values)
        table.add_row(
            result.name,
            f"{median:,.0f} {result.unit}",
            f"{result.ratio:.2f}",
            f"{result.spread:.0%}",
        )
    Console().print(table)
