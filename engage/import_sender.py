"""Sending the lines of a file to a service in batches, with dry runs and restart points."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engage.client import post_lines
from engage.import_file import DiskTable, Line, as_object
from runtime.files import replace_file
from runtime.progress import Progress

_BATCH_LINES: Final = 500
_BATCH_BYTES: Final = 512 * 1024
_EXPLAINED_LINES: Final = 50
"""Maximum lines of a request whose response has the detail of every error."""
_DRY_RUN: Final = "?dry_run=1"

Fault = tuple[int, str]
"""The number of a line, and an error in it."""


@dataclass(frozen=True)
class Endpoint:
    """The URL of an endpoint for NDJSON. *key* is None where it needs none."""

    url: str
    key: str | None

    def post(self, bodies: Sequence[bytes], query: str = "") -> list[dict[str, Any]]:
        """Send lines and return the errors of rejected ones. Raises as ``post_lines`` does."""
        return post_lines(self.url + query, self.key, bodies)


Report = Callable[[Sequence[Fault]], None]
"""Called with the errors of a batch, by line."""


@dataclass
class Delivery:
    """Counts of lines so far, and of rejected ones."""

    lines: int = 0
    rejected: int = 0

    def add(self, batch: Sequence[Line], faults: Sequence[Fault], report: Report) -> None:
        """Count a batch, and report its errors."""
        self.lines += len(batch)
        self.rejected += len({number for number, _ in faults})
        if faults:
            report(faults)


def dry_run(
    lines: Iterable[Line], endpoint: Endpoint, total: int, progress: Progress, *, report: Report
) -> Delivery:
    """Let the service validate the lines without storing them. Raises as ``post_lines`` does."""
    delivery = Delivery()
    with closing(DiskTable()) as table:
        seen = _Seen(table)
        for batch in in_batches(lines):
            repeats = list(seen.repeats(batch))
            found = _post(batch, endpoint, _DRY_RUN, seen.is_author_of_file)
            delivery.add(batch, sorted([*repeats, *found]), report)
            progress("lines", delivery.lines, total, f"{delivery.rejected:,} invalid")
    return delivery


def send(  # noqa: PLR0913  (two by name)
    lines: Iterable[Line],
    endpoint: Endpoint,
    total: int,
    progress: Progress,
    *,
    report: Report,
    checkpoint: Callable[[int], None],
) -> Delivery:
    """Send the lines; call *checkpoint* after each batch until one has a rejected line.

    A resumed import sends rejected lines again. Raises as ``post_lines`` does.
    """
    delivery = Delivery()
    for batch in in_batches(lines):
        faults = _post(batch, endpoint, "", lambda _error, _line: False)
        delivery.add(batch, sorted(faults), report)
        if not delivery.rejected:
            checkpoint(batch[-1].number)
        progress("lines", delivery.lines, total, f"{delivery.rejected:,} rejected")
    return delivery


def _post(
    batch: Sequence[Line], endpoint: Endpoint, query: str, is_expected: Callable[[str, Line], bool]
) -> list[Fault]:
    good = [line for line in batch if line.fault is None]
    errors = endpoint.post([line.body for line in good], query) if good else []
    counted = [error for error in errors if not is_expected(error["error"], good[error["index"]])]
    return [
        *((line.number, line.fault) for line in batch if line.fault is not None),
        *_explained(good, counted, endpoint),
    ]


def _explained(
    lines: Sequence[Line], errors: Sequence[dict[str, Any]], endpoint: Endpoint
) -> Iterator[Fault]:
    """Yield errors by line. A response has only some details: request the others in dry runs."""
    open_errors = [error for error in errors if not error.get("detail")]
    details: dict[tuple[int, str], str] = {}
    asked = sorted({error["index"] for error in open_errors})
    for start in range(0, len(asked), _EXPLAINED_LINES):
        part = asked[start : start + _EXPLAINED_LINES]
        for error in endpoint.post([lines[index].body for index in part], _DRY_RUN):
            key = part[error["index"]], error["error"]
            details.setdefault(key, error.get("detail", ""))
    for error in errors:
        code, index = str(error["error"]), error["index"]
        detail = error.get("detail") or details.get((index, code))
        yield lines[index].number, f"{code}: {detail}" if detail else code


class _Seen:
    """Earlier lines of the file, which the service does not store in a dry run."""

    def __init__(self, lines: DiskTable) -> None:
        self._lines = lines

    def repeats(self, batch: Sequence[Line]) -> Iterator[Fault]:
        """Yield the lines of a catalogue whose ID an earlier line has."""
        for line in batch:
            entry = as_object(line) or {}
            ids = [entry[name] for name in ("id", "external_id") if entry.get(name)]
            for identifier in ids if "kind" in entry else ():
                first = self._lines.setdefault(_key(entry["kind"], identifier), line.number)
                if first != line.number:
                    yield (
                        line.number,
                        f"repeated_id: line {first:,} has the same ID; the last line wins",
                    )

    def is_author_of_file(self, error: str, line: Line) -> bool:
        """Whether the only error is an unknown author whom an earlier line creates."""
        if error != "unknown_author":
            return False
        entry = as_object(line) or {}
        return _key("author", entry.get("author") or entry.get("author_id")) in self._lines


def _key(kind: Any, identifier: Any) -> bytes:
    return json.dumps([kind, identifier]).encode()


def in_batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
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


class RestartPoint:
    """The last imported line of a file, stored until the import is complete.

    Args:
        folder: the folder of restart points.
        file: the file; a changed one starts from its first line.
        what: the kind of the import and its destination.
    """

    def __init__(self, folder: Path, file: Path, *what: str | None) -> None:
        found = file.stat()
        self._identity = [str(file.resolve()), found.st_size, found.st_mtime_ns, *what]
        self._path = folder / f"{file.name}.json"

    def line(self) -> int:
        """Return the last line of an incomplete import, else 0."""
        try:
            kept: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
        return int(kept["line"]) if kept.get("file") == self._identity else 0

    def write(self, line: int) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self._path, json.dumps({"file": self._identity, "line": line}).encode())

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)
