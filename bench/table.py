"""How a scenario's results are shown."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from bench.result import Goal, Result

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
            f"{result.ratio:.2f}",
            f"{result.spread:.0%}",
            _goal(result.goal, result.unit) if result.goal else "",
            verdict,
            style=_STYLE[verdict],
        )
    Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH).print(table)


def figure(value: float) -> str:
    """Return a number with as many places as mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"


def _goal(goal: Goal, unit: str) -> str:
    sign = "≤" if goal.is_ceiling else "≥"
    of = f" {unit}" if goal.of == "value" else ""
    return f"{sign} {goal.must:g} (aim {goal.aim:g}){of}"
