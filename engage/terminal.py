"""Options that commands share, exit codes, and printing data as a table, JSON or CSV."""

import csv
import getpass
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engage.client import RequestRejected
from runtime.files import new_file
from schema.bidi import isolated
from schema.errors import SetupError, Unavailable

CHECK_FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3

DEFAULT_DIR: Final = Path(".engage")


def _absolute(folder: Path) -> Path:
    return folder.expanduser().absolute()


Dir = Annotated[
    Path,
    typer.Option(
        "--dir",
        envvar="ENGAGE_DIR",
        help="Folder of the stack. Without a stack in it, the environment names the services.",
        callback=_absolute,
        file_okay=False,
    ),
]


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Format of the output.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
RequestedBy = Annotated[
    str,
    typer.Option("--by", help="Who requested it, for the audit record. Default: your login name."),
]
Limit = Annotated[int, typer.Option(min=1, help="Maximum number of rows, newest first.")]


def login_name() -> str:
    """Return the caller's login name, or ``unknown``."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def exit_code(error: Exception) -> int:
    if isinstance(error, Unavailable):
        return UNREACHABLE
    if isinstance(error, RequestRejected) and error.status in (400, 422):
        return USAGE
    # Errors derived from SetupError are not mistakes of the caller.
    return USAGE if type(error) is SetupError else CHECK_FAILED


_WIDE: Final = 240
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Rows = Sequence[Mapping[str, Any]]


def print_rows(rows: Rows, output: Output = Output.TABLE, *, title: str | None = None) -> None:
    if output is Output.JSON:
        print_json(rows)
    elif output is Output.CSV:
        _print_csv(rows)
    else:
        _print_table(rows, title)


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


@contextmanager
def destination(path: Path | None) -> Iterator[IO[str]]:
    """Yield a new file that only its owner can read; None: stdout. Raises SetupError.

    The file gets its name once it is complete.
    """
    if path is None:
        yield sys.stdout
        return
    with ExitStack() as held:
        try:
            file = held.enter_context(new_file(path))
        except OSError as error:
            raise SetupError(f"{path} cannot be written: {error.strerror}") from error
        yield file


def write_text(text: str, path: Path | None) -> None:
    """Print a text, or write it to a new file and print the file's path. Raises SetupError."""
    with destination(path) as file:
        file.write(text)
    if path is not None:
        print(path)


def print_facts(facts: Mapping[str, Any], output: Output = Output.TABLE) -> None:
    """Print one object: a line per field, or JSON or CSV."""
    if output is Output.JSON:
        print_json(facts)
    elif output is Output.CSV:
        _print_csv([facts])
    else:
        width = max(map(len, facts), default=0)
        for name, value in facts.items():
            print(f"{name:<{width}}  {shown(value)}")


def shown(value: Any) -> str:
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
    return isolated(_escaped(value)) if isinstance(value, str) else str(value)


def _escaped(text: str) -> str:
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _print_csv(rows: Rows) -> None:
    """Print the columns that are no lists, as the read API does."""
    if rows:
        names = [name for name, value in rows[0].items() if not isinstance(value, list)]
        writer = csv.DictWriter(sys.stdout, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _print_table(rows: Rows, title: str | None) -> None:
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
    is_identifier = name == "pid" or name.endswith("_id")
    as_it_is = is_identifier and isinstance(value, int) and not isinstance(value, bool)
    return escape(str(value) if as_it_is else shown(value))
