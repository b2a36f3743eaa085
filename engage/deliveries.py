"""Lines of a file on their way to a service: in batches, rehearsed or sent, from where it was."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engage.client import post_lines
from engage.importing import Line
from loadgen.progress import Progress

_BATCH_LINES: Final = 500
_BATCH_BYTES: Final = 512 * 1024

Fault = tuple[int, str]
"""A line's number, and what is wrong with it."""


@dataclass(frozen=True)
class Way:
    """Where lines go: a service, its path for NDJSON, and the key; None: it asks for none."""

    url: str
    path: str
    key: str | None

    def post(self, bodies: Sequence[bytes], query: str = "") -> list[dict[str, Any]]:
        """Send lines, and return the errors of those that were refused. Raises as post_lines."""
        return post_lines(self.url, self.path + query, self.key, bodies)


@dataclass
class Delivery:
    """What came of lines so far; a line may have several faults."""

    lines: int = 0
    refused: set[int] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)

    def add(self, batch: Sequence[Line], faults: Sequence[Fault]) -> None:
        """Count a batch, and what was wrong with it."""
        self.lines += len(batch)
        self.faults += faults
        self.refused.update(number for number, _ in faults)


def rehearse(lines: Iterable[Line], way: Way, total: int, progress: Progress) -> Delivery:
    """Ask the service what would come of the lines; nothing is stored. Raises as post_lines."""
    seen = _Seen()
    delivery = Delivery()
    for batch in in_batches(lines):
        repeats = list(seen.repeats(batch))
        told = _post(batch, way, "?dry_run=1", seen.is_brought_along)
        delivery.add(batch, sorted([*repeats, *told]))
        progress("lines", delivery.lines, total, f"{len(delivery.refused):,} wrong")
    return delivery


def send(
    lines: Iterable[Line], way: Way, total: int, progress: Progress, note: Callable[[int], None]
) -> Delivery:
    """Send the lines, and *note* after each batch how far all was well. Raises as post_lines.

    Lines that were refused are sent again by whoever goes on, who tells of them then.
    """
    delivery = Delivery()
    for batch in in_batches(lines):
        delivery.add(batch, _post(batch, way, "", lambda _error, _line: False))
        if not delivery.refused:
            note(batch[-1].number)
        progress("lines", delivery.lines, total, f"{len(delivery.refused):,} refused")
    return delivery


def _post(
    batch: Sequence[Line], way: Way, query: str, is_excused: Callable[[str, Line], bool]
) -> list[Fault]:
    good = [line for line in batch if line.fault is None]
    errors = way.post([line.body for line in good], query) if good else []
    return [
        *((line.number, line.fault) for line in batch if line.fault is not None),
        *(
            (good[error["index"]].number, _sentence(error))
            for error in errors
            if not is_excused(error["error"], good[error["index"]])
        ),
    ]


def _sentence(error: dict[str, Any]) -> str:
    # Replies explain only so many errors; the others have their code alone.
    detail = error.get("detail")
    return f"{error['error']}: {detail}" if detail else str(error["error"])


class _Seen:
    """What stood in the file before, of which the service stores nothing in a rehearsal."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, Any], int] = {}

    def repeats(self, batch: Sequence[Line]) -> Iterator[Fault]:
        """Yield the lines of a catalogue that speak of the same thing as one before."""
        for line in batch:
            thing = _thing(line)
            names = [thing[name] for name in ("id", "external_id") if thing.get(name)]
            for name in names if "kind" in thing else ():
                first = self._lines.setdefault(_key(thing["kind"], name), line.number)
                if first != line.number:
                    yield (
                        line.number,
                        f"repeated_id: line {first:,} has it, too; the last one stays",
                    )

    def is_brought_along(self, error: str, line: Line) -> bool:
        """Tell whether all that is wrong is an author whom the file itself brings."""
        if error != "unknown_author":
            return False
        thing = _thing(line)
        return _key("author", thing.get("author") or thing.get("author_id")) in self._lines


def _thing(line: Line) -> dict[str, Any]:
    try:
        found = json.loads(line.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _key(kind: Any, identifier: Any) -> tuple[str, str]:
    return str(kind), json.dumps(identifier)


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


class RestartPoint:
    """How far a file's way to a service went; kept while it is not at its end.

    Args:
        folder: where such points are kept.
        file: the file; another one of its name, or a changed one, begins anew.
        what: tells apart what the file is imported as, and where to.
    """

    def __init__(self, folder: Path, file: Path, *what: str | None) -> None:
        found = file.stat()
        self._identity = [str(file.resolve()), found.st_size, found.st_mtime_ns, *what]
        self._path = folder / f"{file.name}.json"

    def line(self) -> int:
        """Return the last line that was noted, where an import did not come to its end; else 0."""
        try:
            kept: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0
        return int(kept["line"]) if kept.get("file") == self._identity else 0

    def note(self, line: int) -> None:
        """Keep that all lines up to *line* were taken."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps({"file": self._identity, "line": line}), encoding="utf-8")

    def clear(self) -> None:
        """Forget it: the end was reached."""
        self._path.unlink(missing_ok=True)
