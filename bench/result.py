"""Results of scenarios: figures, their floor and goal, their table, and bench/results.json."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

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

    def text(self, unit: str) -> str:
        """Return the goal in words. *unit*: of the value."""
        sign = "≤" if self.is_ceiling else "≥"
        of = f" {unit}" if self.of == "value" else ""
        return f"{sign} {self.must:g} (aim {self.aim:g}){of}"


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
        floors: the same of the floor, measured in between; empty: it has none.
        goal: None: it has no goal.
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
        """The median of the floors; 0 without one."""
        return statistics.median(self.floors) if self.floors else 0.0

    @property
    def ratio(self) -> float:
        """Median of the value over the median of the floor; 0 without one."""
        return self.value / self.floor if self.floor else 0.0

    @property
    def spread(self) -> float:
        """Distance of the extremes over the median."""
        return (max(self.values) - min(self.values)) / self.value if self.value else 0.0

    @property
    def verdict(self) -> str:
        """How it stands to its goal; empty where there is none."""
        return self.goal.verdict(self) if self.goal else ""


_PLAIN_WIDTH = 110
_STYLE = {"aim": "green", "must": "green", "missed": "bold red", "": ""}


def show(title: str, results: Iterable[Result], *, seconds: float) -> None:
    """Print a scenario's results, and how long they took to get."""
    table = Table(title=title, caption=f"in {seconds:.0f} s", title_justify="left")
    for heading in ("", "median", "of the floor", "spread", "goal", ""):
        table.add_column(heading, justify="right" if heading else "left")
    for result in results:
        verdict = result.verdict
        table.add_row(
            result.name,
            f"{figure(result.value)} {result.unit}",
            f"{result.ratio:.2f}" if result.floors else "",
            f"{result.spread:.0%}",
            result.goal.text(result.unit) if result.goal else "",
            verdict,
            style=_STYLE[verdict],
        )
    Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH).print(table)


def figure(value: float) -> str:
    """Return a number with as many places as mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


RESULTS = Path(__file__).with_name("results.json")


def write(scenario: str, results: Iterable[Result], *, is_quick: bool) -> None:
    """Replace what the file says of a scenario; what it says of others stays."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept[scenario] = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": is_quick,
        "machine": machine(),
        "results": [_plain(result) for result in results],
    }
    RESULTS.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")


def machine() -> dict[str, Any]:
    """Return what the figures depend on and a reader may know."""
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gigabytes": round(pages * size / 1e9),
        "python": platform.python_version(),
        "kernel": platform.release().partition("-")[0],
        "load_before": round(os.getloadavg()[0], 1),
    }


def _plain(result: Result) -> dict[str, Any]:
    goal = result.goal
    return {
        "name": result.name,
        "unit": result.unit,
        "value": _rounded(result.value),
        "floor": _rounded(result.floor),
        "ratio": _rounded(result.ratio),
        "spread": _rounded(result.spread),
        "rounds": len(result.values),
        "series": result.series,
        "size": result.size,
        "goal": goal and asdict(goal),
        "verdict": result.verdict,
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
