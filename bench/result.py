"""Results of scenarios with their floors and goals, printed and stored in bench/results.json."""

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
    """The goal of a result.

    Attributes:
        must: the required value.
        aim: the desired value.
        of: whether the goal is for the ratio to the floor or for the value.
        is_ceiling: whether less is better, as with times and memory.
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
        """Return the goal as a text such as ``≤ 100 (aim 50) ms``."""
        sign = "≤" if self.is_ceiling else "≥"
        of = f" {unit}" if self.of == "value" else ""
        return f"{sign} {self.must:g} (aim {self.aim:g}){of}"


def at_least(must: float, aim: float, of: Of = "ratio") -> Goal:
    return Goal(must, aim, of)


def at_most(must: float, aim: float, of: Of = "value") -> Goal:
    return Goal(must, aim, of, is_ceiling=True)


@dataclass(frozen=True)
class Result:
    """Measured values and those of the floor, one per round.

    Attributes:
        unit: of the values and the floors.
        floors: values of the floor, measured in between; empty without a floor.
        series: the same for results that differ in size only; a plot shows them as a line.
        size: the number of events.
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
        """The ratio of the medians of value and floor; 0 without a floor."""
        return self.value / self.floor if self.floor else 0.0

    @property
    def spread(self) -> float:
        """The range of the values relative to their median."""
        return (max(self.values) - min(self.values)) / self.value if self.value else 0.0

    @property
    def verdict(self) -> str:
        """The verdict of the goal; empty without a goal."""
        return self.goal.verdict(self) if self.goal else ""


_PLAIN_WIDTH = 110
_STYLE = {"aim": "green", "must": "green", "missed": "bold red", "": ""}


def show(title: str, results: Iterable[Result], *, seconds: float) -> None:
    """Print a scenario's results and its duration."""
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
    """Return a number with three significant digits, or without decimals."""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


RESULTS = Path(__file__).with_name("results.json")


def write(scenario: str, results: Iterable[Result], *, is_quick: bool) -> None:
    """Replace the stored results of a scenario."""
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    stored[scenario] = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": is_quick,
        "machine": machine(),
        "results": [_plain(result) for result in results],
    }
    RESULTS.write_text(json.dumps(dict(sorted(stored.items())), indent=1) + "\n")


def machine() -> dict[str, Any]:
    """Return the hardware and software that results depend on."""
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
