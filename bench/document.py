"""The table of docs/performance.md: what bench/results.json holds, in words for readers.

Run by `make plots`; a test holds both together.
"""

import json
from pathlib import Path
from typing import Any

from bench.record import RESULTS
from bench.table import figure

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->\n"


def table() -> str:
    """Return the results as Markdown."""
    lines = []
    for name, found in json.loads(RESULTS.read_text()).items():
        machine = found["machine"]
        lines += [
            f"`make bench ARGS={name}`, {found['taken'][:10]}, on {_words(machine)}:",
            "",
            "| | median | of the floor | spread | goal | reached |",
            "|---|---:|---:|---:|---:|---|",
            *(_row(row) for row in found["results"]),
            "",
        ]
    return "\n".join(lines)


def _words(machine: dict[str, Any]) -> str:
    return f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gigabytes']} GB"


def _row(row: dict[str, Any]) -> str:
    goal, words = row["goal"], ""
    if goal:
        sign = "≤" if goal["is_ceiling"] else "≥"
        unit = f" {row['unit']}" if goal["of"] == "value" else ""
        words = f"{sign} {goal['must']:g} (aim {goal['aim']:g}){unit}"
    cells = (
        row["name"],
        f"{figure(row['value'])} {row['unit']}",
        f"{row['ratio']:.2f}",
        f"{row['spread']:.0%}",
        words,
        row["verdict"],
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Put the table into the document."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(before + BEGIN + table() + END + after)


if __name__ == "__main__":
    main()
