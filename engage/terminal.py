"""Options that commands share, exit codes, and printing data as a table, JSON or CSV."""

import csv
import getpass
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PosixPath
from textwrap import fill
from typing import IO, Annotated, Any, Final

import typer
from rich.console import Console

from engage.client import RequestRejected
from engage.text_table import Column, body, fit, head
from runtime.files import new_file
from schema.bidi import isolated
from schema.errors import SetupError, Unavailable

CHECK_FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3

DEFAULT_DIR: Final = Path(".engage")
_NO_OFFSET: Final = "expected RFC 3339 with an offset, such as 2026-05-01T12:00:00Z"


class GivenFolder(PosixPath):
    """A folder that the command line names with --dir, so that it wins over the environment."""


def _absolute(context: typer.Context, parameter: typer.CallbackParam, folder: Path) -> Path:
    source = context.get_parameter_source(str(parameter.name))
    is_given = source is not None and source.name == "COMMANDLINE"
    return (GivenFolder if is_given else Path)(folder.expanduser().absolute())


Dir = Annotated[
    Path,
    typer.Option(
        "--dir",
        envvar="ENGAGE_DIR",
        help="Folder of the stack; --dir wins over the environment. Without a stack in it,"
        " the environment names the services.",
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


def instant(option: str, text: str) -> datetime:
    """Return the instant that an option names. Raises BadParameter."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise typer.BadParameter(f"{option}: {_NO_OFFSET}")
    return found


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
_PERCENT: Final = "_pct"
_CHANGES: Final = ("change", "lift", "low", "high")
"""First words of the names of percentages that are shown with a sign."""

Rows = Sequence[Mapping[str, Any]]


def print_rows(  # noqa: PLR0913  (independent parameters)
    rows: Rows,
    output: Output = Output.TABLE,
    *,
    title: str | None = None,
    optional: Sequence[str] = (),
    whole: Sequence[str] = (),
    details: Sequence[str] = (),
) -> None:
    """Print rows with the same members.

    Args:
        rows: their members' names end in _id for identifiers and _pct for percentages.
        output: the format.
        title: a line above a table.
        optional: columns that a table leaves out where the terminal is too narrow, the first ones
            first.
        whole: columns whose texts are never shortened.
        details: columns that a table shows under each row, for long texts.
    """
    if output is Output.JSON:
        print_json(rows)
    elif output is Output.CSV:
        _print_csv(rows)
    else:
        table = _columns(rows, optional, whole, details) if rows else []
        _print_table(table, title)


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


def print_facts(
    facts: Mapping[str, Any], output: Output = Output.TABLE, *, title: str | None = None
) -> None:
    """Print one object: a line per field, or JSON or CSV."""
    if output is Output.JSON:
        print_json(facts)
    elif output is Output.CSV:
        _print_csv([facts])
    else:
        if title:
            _console().print(title, style="bold")
        names = {name: name.removesuffix(_PERCENT) for name in facts}
        width = max(map(len, names.values()), default=0)
        for name, value in facts.items():
            print(_fact(f"{names[name]:<{width}}  ", isolated(_cell(name, value))))


def _fact(start: str, value: str) -> str:
    """Return a line, or lines when the value has spaces and the terminal is too narrow."""
    if "\n" in value or len(start) + len(value) <= terminal_width():
        return start + value
    return fill(
        value,
        terminal_width(),
        initial_indent=start,
        subsequent_indent=len(start) * " ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def shown(value: Any) -> str:
    """Return a value for people, on as many lines as it has."""
    return isolated(_text(value))


def terminal_width() -> int:
    """Return the columns of the terminal, or of COLUMNS; 240 for files and pipes."""
    return shutil.get_terminal_size((_WIDE, 24)).columns


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
    return _escaped(value) if isinstance(value, str) else str(value)


def _escaped(text: str) -> str:
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _print_csv(rows: Rows) -> None:
    """Print the columns that are no lists, as the read API does."""
    if rows:
        names = [name for name, value in rows[0].items() if not isinstance(value, list)]
        writer = csv.DictWriter(sys.stdout, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def _print_table(columns: Sequence[Column], title: str | None) -> None:
    console = _console()
    if title:
        console.print(title, style="bold")
    if not columns:
        console.print("(none)")
        return
    layout = fit(columns, terminal_width())
    for line in head(layout):
        console.print(line, style="dim")
    for line in body(layout, terminal_width()):
        console.print(line)
    if layout.omitted:
        names = ", ".join(column.header for column in reversed(layout.omitted))
        note = f"(a wider terminal, -o csv and -o json also show: {names})"
        console.print(fill(note, terminal_width()), style="dim")


def _columns(
    rows: Rows, optional: Sequence[str], whole: Sequence[str], details: Sequence[str]
) -> list[Column]:
    ranks = {name: rank for rank, name in enumerate(reversed(optional))}
    return [
        Column(
            _header(name),
            [" ".join(_cell(name, row[name]).split()) for row in rows],
            is_number=any(_is_number(name, row[name]) for row in rows),
            is_whole=name in whole or name.endswith("timestamp"),
            rank=ranks.get(name),
            is_detail=name in details,
        )
        for name in rows[0]
    ]


def _header(name: str) -> str:
    return name.removesuffix(_PERCENT).replace("_", " ")


def _is_identifier(name: str) -> bool:
    return name in {"id", "pid", "offset"} or name.endswith(("_id", " id"))


def _is_number(name: str, value: Any) -> bool:
    return isinstance(value, int | float) and not _is_identifier(name)


def _cell(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _text(value)
    if _is_identifier(name):
        return str(value)
    if name.endswith(_PERCENT):
        return f"{value:+,.1f}%" if name.startswith(_CHANGES) else f"{value:,.1f}%"
    return _text(value)
