"""`engage import`: a catalogue, or past events, from files."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from engage.importing import (
    Fault,
    Line,
    faults,
    identified,
    judge_catalogue,
    judge_event,
    of_kind,
    read,
)
from engage.options import CHECK_FAILED, DEFAULT_DIR, Dir, failing_well
from engage.stack import Layout

app = typer.Typer(
    name="import",
    help="Take a catalogue, or past events, from CSV or NDJSON files. Importing the same file"
    " again changes nothing; after an interruption it goes on where it was.",
    no_args_is_help=True,
)
_BATCH_LINES: Final = 500
_BATCH_BYTES: Final = 512 * 1024
_FAULTS_SHOWN: Final = 50

File = Annotated[Path, typer.Argument(help="CSV with a header, or NDJSON.", dir_okay=False)]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Send nothing; tell everything that is wrong.")
]
Afresh = Annotated[bool, typer.Option("--afresh", help="Begin with the first line again.")]


@app.command()
@failing_well
def catalogue(
    file: File,
    folder: Dir = DEFAULT_DIR,
    kind: Annotated[
        str | None, typer.Option(help="author, post or user, where lines have no `kind`.")
    ] = None,
    is_dry_run: DryRun = False,
    is_afresh: Afresh = False,
) -> None:
    """Put authors, posts and users into the catalogue; authors before their posts.

    Columns: id (a number, or your own text), and those of PUT /catalogue/...; tags separated
    by semicolons.
    """
    from engage.target import find

    if is_dry_run:
        _tell(faults(of_kind(read(file), kind), judge_catalogue))
        return
    system = find(folder)
    way = (system.catalogue_url, "/catalogue/batch", system.admin_key)
    _send(of_kind(read(file), kind), file, folder, way, is_afresh=is_afresh)


@app.command()
@failing_well
def events(
    file: File,
    folder: Dir = DEFAULT_DIR,
    is_dry_run: DryRun = False,
    is_afresh: Afresh = False,
) -> None:
    """Send past events the way all events go.

    Columns: post_id or post, type, engaged_timestamp, and user_id or user, event_id if there
    are any. Without event_id a line's content is its identity.
    """
    from engage.target import find

    if is_dry_run:
        _tell(faults(identified(read(file)), judge_event))
        return
    system = find(folder)
    way = (system.ingest_url, "/events/batch", system.ingest_key)
    _send(identified(read(file)), file, folder, way, is_afresh=is_afresh)


def _tell(found: Iterable[Fault]) -> None:
    """Print faults, and fail if there are any."""
    listed = list(found)
    for number, fault in listed[:_FAULTS_SHOWN]:
        print(f"line {number}: {fault}")
    if len(listed) > _FAULTS_SHOWN:
        print(f"and {len(listed) - _FAULTS_SHOWN:,} more")
    if listed:
        raise typer.Exit(CHECK_FAILED)
    print("nothing is wrong")


def _send(
    lines: Iterable[Line],
    file: Path,
    folder: Path,
    way: tuple[str, str, str | None],
    *,
    is_afresh: bool,
) -> None:
    """Send lines in batches on their *way* (URL, path, key), noting after each how far it went."""
    from engage.client import post_lines
    from loadgen.progress import shown

    point = _RestartPoint(folder, file)
    begin = 0 if is_afresh else point.line()
    total = sum(1 for _ in read(file))
    refused: list[Fault] = []
    taken = 0
    with shown() as progress:
        for batch in in_batches(line for line in lines if line.number > begin):
            answer = post_lines(*way, [line.body for line in batch])
            wrong = [(batch[e["index"]].number, f"{e['error']}: {e['detail']}") for e in answer]
            refused += wrong
            taken += len(batch) - len(wrong)
            point.note(batch[-1].number)
            progress("lines", taken + len(refused), total, f"{len(refused):,} refused")
    resumed = f", from line {begin + 1:,} on" if begin else ""
    print(f"taken {taken:,} of {total:,} lines{resumed}")
    if refused:
        _tell(refused)


def in_batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield batches that the services take: not too many lines, nor too many bytes."""
    batch: list[Line] = []
    size_bytes = 0
    for line in lines:
        size_bytes += len(line.body) + 1
        if batch and (len(batch) == _BATCH_LINES or size_bytes > _BATCH_BYTES):
            yield batch
            batch, size_bytes = [], len(line.body) + 1
        batch.append(line)
    if batch:
        yield batch


class _RestartPoint:
    """How far the import of a file went, kept in the stack's folder."""

    def __init__(self, folder: Path, file: Path) -> None:
        found = file.stat()
        self._identity = [str(file.resolve()), found.st_size, found.st_mtime_ns]
        self._path = Layout(folder).imports / f"{file.name}.json"

    def line(self) -> int:
        """Return the last line that was sent; 0 for another file of that name."""
        try:
            kept: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
        return int(kept["line"]) if kept.get("file") == self._identity else 0

    def note(self, line: int) -> None:
        """Keep that all lines up to *line* were sent."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps({"file": self._identity, "line": line}), encoding="utf-8")
