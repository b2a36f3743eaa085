"""`engage import`: a catalogue, or past events, from files."""

from collections.abc import Callable, Collection, Iterable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer

from engage.deliveries import Fault, RestartPoint, Way, rehearse, send
from engage.importing import Line, identified, of_kind, read
from engage.stack.layout import Layout
from engage.terminal.options import CHECK_FAILED, DEFAULT_DIR, Dir, failing_well

app = typer.Typer(
    name="import",
    help="Take a catalogue, or past events, from CSV or NDJSON files. Importing a file again"
    " changes nothing; one that was interrupted goes on where it was.",
    no_args_is_help=True,
)
_FAULTS_SHOWN: Final = 50
_RANGES_SHOWN: Final = 8

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
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Store nothing; tell everything that is wrong.")
]
Afresh = Annotated[
    bool, typer.Option("--afresh", help="Begin with the first line, also after an interruption.")
]


class Kind(StrEnum):
    """What the lines of a catalogue's file are."""

    AUTHOR = "author"
    POST = "post"
    USER = "user"


@app.command()
@failing_well
def catalogue(
    file: File,
    folder: Dir = DEFAULT_DIR,
    kind: Annotated[
        Kind | None, typer.Option(help="What all lines are; unset: each has its own `kind`.")
    ] = None,
    is_dry_run: DryRun = False,
    is_afresh: Afresh = False,
) -> None:
    """Put authors, posts and users into the catalogue; authors before their posts.

    author  id, name, author_category, joined_date
    post    id, author, category, title, publish_timestamp; content_length,
            has_media, tags, is_promoted, language if there are any
    user    id, signup_date, user_segment; country if known

    An id of digits is a number, anything else your own text. Tags are separated by semicolons.
    """
    from engage.target import find

    def lines() -> Iterator[Line]:
        return of_kind(read(file, _columns_of(kind)), kind)

    system = find(folder)
    way = Way(system.catalogue_url, "/catalogue/batch", system.admin_key)
    if is_dry_run:
        _rehearse(lines, way)
    else:
        _send(lines, way, _restart_point(folder, file, way, kind), is_afresh=is_afresh)


@app.command()
@failing_well
def events(
    file: File,
    folder: Dir = DEFAULT_DIR,
    is_dry_run: DryRun = False,
    is_afresh: Afresh = False,
) -> None:
    """Send past events the way all events go.

    Columns: post, type, engaged_timestamp; user and event_id if there are any. Post and user are
    numbers, or your own texts. Without event_id a line is an identity of its own: the same file
    again changes nothing.
    """
    from engage.target import find
    from schema.event import Draft

    def lines() -> Iterator[Line]:
        return identified(read(file, Draft.__struct_fields__))

    system = find(folder)
    way = Way(system.ingest_url, "/events/batch", system.ingest_key)
    if is_dry_run:
        _rehearse(lines, way)
    else:
        _send(lines, way, _restart_point(folder, file, way), is_afresh=is_afresh)


def _restart_point(folder: Path, file: Path, way: Way, *what: str | None) -> RestartPoint:
    return RestartPoint(Layout(folder).imports, file, way.url, way.path, *what)


def _columns_of(kind: Kind | None) -> Collection[str]:
    """Return the columns of a file of this kind, or of one whose lines name theirs."""
    from catalogue_service.models import MODELS

    kinds = [kind] if kind else list(MODELS)
    own = () if kind else ("kind",)
    names = (name for each in kinds for name in MODELS[each].model_fields)  # type: ignore[index]
    return list(dict.fromkeys((*own, "id", *names, "delete")))


def _rehearse(lines: Lines, way: Way) -> None:
    """Tell what is wrong with a file, storing nothing; fail if anything is."""
    from loadgen.progress import shown

    with shown() as progress:
        found = rehearse(lines(), way, _count(lines), progress)
    _tell(found.faults)
    print(f"{len(found.refused):,} of {found.lines:,} lines are wrong; nothing was stored")
    if found.refused:
        raise typer.Exit(CHECK_FAILED)


def _send(lines: Lines, way: Way, point: RestartPoint, *, is_afresh: bool) -> None:
    """Send a file from where it was, and tell which lines were refused; fail if any were."""
    from loadgen.progress import shown

    begin = 0 if is_afresh else point.line()
    if begin:
        print(f"going on after line {begin:,}, where it was interrupted (--afresh begins anew)")
    left = (line for line in lines() if line.number > begin)
    with shown() as progress:
        found = send(left, way, _count(lines), progress, point.note)
    point.clear()
    _tell(found.faults)
    print(f"taken {found.lines - len(found.refused):,} of {found.lines:,} lines")
    if found.refused:
        print("mend the others and import the file again: what was taken does not change")
        raise typer.Exit(CHECK_FAILED)


def _count(lines: Lines) -> int:
    return sum(1 for _ in lines())


def _tell(faults: Iterable[Fault]) -> None:
    """Print what was wrong, each sentence once with its lines."""
    lines_of: dict[str, list[int]] = {}
    for number, sentence in faults:
        lines_of.setdefault(sentence, []).append(number)
    for sentence, numbers in islice(lines_of.items(), _FAULTS_SHOWN):
        print(f"{told_lines(numbers)}: {sentence}")
    if len(lines_of) > _FAULTS_SHOWN:
        print(f"and {len(lines_of) - _FAULTS_SHOWN:,} other things")


def told_lines(numbers: list[int]) -> str:
    """Name lines by their numbers, ascending: ``line 7``, ``lines 2-4, 9``."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    texts = ["-".join(map(str, found)) for found in ranges[:_RANGES_SHOWN]]
    more = sum(found[-1] - found[0] + 1 for found in ranges[_RANGES_SHOWN:])
    named = f"{'line' if len(numbers) == 1 else 'lines'} {', '.join(texts)}"
    return f"{named} and {more:,} more" if more else named
