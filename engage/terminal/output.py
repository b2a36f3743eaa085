"""Printing data: a table for people, JSON and CSV for programs. Data go to stdout alone."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from engage.terminal.options import Output

_WIDE: Final = 240

Rows = Sequence[Mapping[str, Any]]


def print_rows(rows: Rows, output: Output = Output.TABLE, *, title: str | None = None) -> None:
    """Print rows that have the same columns; an empty table says that it is empty."""
    if output is Output.JSON:
        print_json(rows)
    elif output is Output.CSV:
        _print_csv(rows)
    else:
        _print_table(rows, title)


def print_json(value: Any) -> None:
    """Print *value* as indented JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_facts(facts: Mapping[str, Any], output: Output = Output.TABLE) -> None:
    """Print one thing: a line a fact, or an object."""
    if output is Output.JSON:
        print_json(facts)
    elif output is Output.CSV:
        _print_csv([facts])
    else:
        width = max(map(len, facts), default=0)
        for name, value in facts.items():
            print(f"{name:<{width}}  {shown(value)}")


def shown(value: Any) -> str:
    """Return a value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def _print_csv(rows: Rows) -> None:
    """Print cells, as the read API does; a list has none."""
    if rows:
        names = [name for name, value in rows[0].items() if not isinstance(value, list)]
        writer = csv.DictWriter(sys.stdout, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _print_table(rows: Rows, title: str | None) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    if title:
        console.print(title, style="bold")
    if not rows:
        console.print("(none)")
        return
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name, value in rows[0].items():
        is_number = isinstance(value, int | float) and not name.endswith("_id")
        table.add_column(name.replace("_", " "), justify="right" if is_number else "left")
    for row in rows:
        table.add_row(*(_cell(name, value) for name, value in row.items()))
    console.print(table)


def _cell(name: str, value: Any) -> str:
    from rich.markup import escape

    is_identifier = name == "pid" or name.endswith("_id")
    return escape(str(value) if is_identifier and value is not None else shown(value))
