"""`engage import`: import a catalogue or past events from files."""

from collections.abc import Callable, Collection, Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from catalogue_service.models import MODELS
from engage.import_file import Line, identified, of_kind, read
from engage.import_sender import Endpoint, Fault, RestartPoint, dry_run, send
from engage.stack.layout import Layout
from engage.target import find
from engage.terminal import CHECK_FAILED, DEFAULT_DIR, Dir
from runtime.progress import shown
from schema.event import Draft

app = typer.Typer(
    name="import",
    help="Import a catalogue or past events from CSV or NDJSON files. Importing a file again"
    " changes nothing; an interrupted import continues.",
    no_args_is_help=True,
)

Lines = Callable[[], Iterator[Line]]
"""Reads a file from its beginning."""

File = Annotated[
    Path,
    typer.Argument(
        help="A CSV with a header (commas, semicolons or tabs), or NDJSON.",
        exists=True,
        dir_okay=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Store nothing; report all errors.")]
Afresh = Annotated[
    bool, typer.Option("--afresh", help="Start from the first line, also after an interruption.")
]


class Kind(StrEnum):
    """The kind of all lines of a catalogue's file."""

    AUTHOR = "author"
    POST = "post"
    USER = "user"


@app.command()
def catalogue(
    file: File,
    folder: Dir = DEFAULT_DIR,
    kind: Annotated[
        Kind | None, typer.Option(help="Kind of all lines. Default: each line has a `kind`.")
    ] = None,
    is_dry_run: DryRun = False,
    is_afresh: Afresh = False,
) -> None:
    """Import authors, posts and users into the catalogue; authors before their posts.

    author  id, name, author_category, joined_date
    post    id, author, category, title, publish_timestamp; content_length,
            has_media, tags, is_promoted, language if there are any
    user    id, signup_date, user_segment; country if known

    An ID of digits is an ID of the catalogue, any other an external ID. Tags are separated by
    semicolons. Titles are normalised: line breaks and runs of white space become one space.
    """

    def lines() -> Iterator[Line]:
        return of_kind(read(file, _columns_of(kind)), kind)

    system = find(folder)
    endpoint = Endpoint(f"{system.catalogue_url}/catalogue/batch", system.admin_key)
    if is_dry_run:
        _dry_run(lines, endpoint)
    else:
        _send(lines, endpoint, _restart_point(folder, file, endpoint, kind), is_afresh=is_afresh)


@app.command()
def events(
    file: File,
    folder: Dir = DEFAULT_DIR,
    is_dry_run: DryRun = False,
    is_afresh: Afresh = False,
) -> None:
    """Send past events to the ingest service.

    Columns: post, type, engaged_timestamp, and optionally user and event_id. Post and user are IDs
    of the catalogue or external IDs. Without event_id, the content of a line is its identity, so
    that importing the file again changes nothing.
    """

    def lines() -> Iterator[Line]:
        return identified(read(file, Draft.__struct_fields__, may_span_lines=False))

    system = find(folder)
    endpoint = Endpoint(f"{system.ingest_url}/events/batch", system.ingest_key)
    if is_dry_run:
        _dry_run(lines, endpoint)
    else:
        _send(lines, endpoint, _restart_point(folder, file, endpoint), is_afresh=is_afresh)


def _restart_point(folder: Path, file: Path, endpoint: Endpoint, *what: str | None) -> RestartPoint:
    return RestartPoint(Layout(folder).imports, file, endpoint.url, *what)


def _columns_of(kind: Kind | None) -> Collection[str]:
    """Return the columns of a file of this kind, or of one whose lines name theirs."""
    kinds = [kind] if kind else list(MODELS)
    own = () if kind else ("kind",)
    names = (name for each in kinds for name in MODELS[each].model_fields)  # type: ignore[index]
    return list(dict.fromkeys((*own, "id", *names, "delete")))


def _dry_run(lines: Lines, endpoint: Endpoint) -> None:
    """Print the errors of a file without storing anything. Exit with 1 if there are any."""
    with shown() as progress:
        found = dry_run(lines(), endpoint, _count(lines), progress, report=_report)
    print(f"{found.rejected:,} of {found.lines:,} lines are invalid; nothing was stored")
    if found.rejected:
        raise typer.Exit(CHECK_FAILED)


def _send(lines: Lines, endpoint: Endpoint, point: RestartPoint, *, is_afresh: bool) -> None:
    """Send a file from its restart point; print rejected lines and exit with 1 if there are any."""
    begin = 0 if is_afresh else point.line()
    if begin:
        print(f"continuing after line {begin:,}, where it was interrupted (--afresh starts over)")
    left = (line for line in lines() if line.number > begin)
    with shown() as progress:
        found = send(
            left, endpoint, _count(lines), progress, report=_report, checkpoint=point.write
        )
    point.clear()
    print(f"imported {found.lines - found.rejected:,} of {found.lines:,} lines")
    if found.rejected:
        print("correct the others and import the file again: imported lines do not change")
        raise typer.Exit(CHECK_FAILED)


def _count(lines: Lines) -> int:
    return sum(1 for _ in lines())


def _report(faults: Iterable[Fault]) -> None:
    """Print the errors of a batch, each message once with its lines."""
    lines_of: dict[str, list[int]] = {}
    for number, sentence in faults:
        lines_of.setdefault(sentence, []).append(number)
    for sentence, numbers in lines_of.items():
        print(f"{line_ranges(numbers)}: {sentence}")


def line_ranges(numbers: list[int]) -> str:
    """Name lines by their numbers, ascending: ``line 7``, ``lines 2-4, 9``."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    texts = ["-".join(map(str, found)) for found in ranges]
    return f"{'line' if len(numbers) == 1 else 'lines'} {', '.join(texts)}"
