"""Write the tables of docs/performance.md from bench/results.json; `make plots` runs it.

The page has the results with a goal, and those of reports at the largest size.
"""

import json
import re
from itertools import groupby
from pathlib import Path
from typing import Any

from bench.result import RESULTS, Goal, figure

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->\n"

Row = dict[str, Any]


def table() -> str:
    """Return the results as Markdown."""
    scenarios: dict[str, Row] = json.loads(RESULTS.read_text())
    machines = {_machine(found["machine"]): None for found in scenarios.values()}
    days = sorted(found["taken"][:10] for found in scenarios.values())
    measured = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    lines = [
        f"Measured {measured} on {', '.join(machines)}.",
        "",
        "| | median | of the floor | spread | goal |",
        "|---|---:|---:|---:|---|",
    ]
    reports: list[Row] = []
    for name, found in scenarios.items():
        rows = _largest(found["results"])
        reports += [row for row in rows if _is_report(row)]
        if with_goal := [row for row in rows if row["goal"] and not _is_report(row)]:
            lines.append(f"| **`make bench ARGS={name}`** | | | | |")
            lines += [_row(row) for row in with_goal]
    return "\n".join([*lines, "", *_reports(reports), ""])


def _largest(rows: list[Row]) -> list[Row]:
    """Omit results of a series at other sizes than its largest."""
    sizes: dict[str, int] = {}
    for row in rows:
        if row["size"]:
            sizes[row["series"]] = max(row["size"], sizes.get(row["series"], 0))
    return [row for row in rows if row["size"] == sizes.get(row["series"])]


def _is_report(row: Row) -> bool:
    return str(row["name"]).startswith("/")


def _reports(rows: list[Row]) -> list[str]:
    """Return one line per report, with a column per kind of request."""
    if not rows:
        return []
    by_path = {
        path: {row["series"].removeprefix(path).strip(): row for row in group}
        for path, group in groupby(
            sorted(rows, key=lambda row: str(row["name"])), lambda row: row["name"].split(" ")[0]
        )
    }
    kinds = list({kind: None for found in by_path.values() for kind in found})
    lines = [
        f"Reports at {rows[0]['size']:,} events:",
        "",
        f"| {' | '.join(['report', *kinds])} |",
        f"|---|{'---:|' * len(kinds)}",
    ]
    for path, found in by_path.items():
        cells = (_value(found[kind]) if kind in found else "" for kind in kinds)
        lines.append(f"| {path} | {' | '.join(cells)} |")
    goals = dict.fromkeys(
        f"{row['series'].removeprefix(path).strip()}: {_goal(row)}"
        for path, found in by_path.items()
        for row in found.values()
        if row["goal"]
    )
    missed = [row["name"] for row in rows if row["verdict"] == "missed"]
    lines += ["", f"Goals: {'; '.join(goals)}. Missed: {', '.join(missed) or 'none'}."]
    return lines


def _machine(machine: Row) -> str:
    return f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gigabytes']} GB"


def _row(row: Row) -> str:
    cells = (
        re.sub(r", (?=[\d,]+ events$)", " at ", row["name"]) if row["size"] else row["name"],
        _value(row),
        f"{row['ratio']:.2f}" if row["floor"] else "",
        f"{row['spread']:.0%}",
        f"{_goal(row)}: {row['verdict']}",
    )
    return f"| {' | '.join(cells)} |"


def _value(row: Row) -> str:
    return f"{figure(row['value'])} {row['unit']}"


def _goal(row: Row) -> str:
    return Goal(**row["goal"]).text(row["unit"])


def main() -> None:
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(before + BEGIN + table() + END + after)


if __name__ == "__main__":
    main()
