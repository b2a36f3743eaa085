"""CSV and NDJSON files as JSON lines for the services: parsing, error recovery, identities."""

import csv
import hashlib
import json
import re
import sqlite3
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO
from uuid import NAMESPACE_OID, uuid5

from schema.errors import SetupError
from schema.event import MAX_ID


class DiskTable:
    """A mapping of keys to numbers in a temporary database, for files of any length."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(
            "CREATE TABLE seen (key BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID"
        )

    def close(self) -> None:
        self._database.close()

    def __contains__(self, key: bytes) -> bool:
        return bool(self._database.execute("SELECT 1 FROM seen WHERE key = ?", (key,)).fetchone())

    def setdefault(self, key: bytes, number: int) -> int:
        """Return the key's number, which is *number* if it has none yet."""
        self._database.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (key, number))
        found = self._database.execute("SELECT number FROM seen WHERE key = ?", (key,))
        return int(found.fetchone()[0])

    def increment(self, key: bytes) -> int:
        """Increment and return the key's number."""
        [times] = self._database.execute(
            "INSERT INTO seen VALUES (?, 1)"
            " ON CONFLICT (key) DO UPDATE SET number = number + 1 RETURNING number",
            (key,),
        ).fetchone()
        return int(times)


_MAX_CHARACTERS: Final = 64 * 1024
_MAX_LINES: Final = 1_000
_QUOTES: Final = (
    "malformed_csv: a quote is not closed, or text follows it; write quotes in cells twice"
)


class Record(NamedTuple):
    """A record of a CSV: the number of its first line, its cells, and its error."""

    number: int
    cells: list[str]
    fault: str | None = None


def read_records(
    lines: Iterable[str], delimiter: str, width: int, *, may_span_lines: bool
) -> Iterator[Record]:
    """Yield the records after the header that are not blank.

    An unclosed quote would put all lines up to the next quote, or to the end of the file, into one
    cell. Only its line is an error then, and the next line starts a record. The same holds for a
    record of several lines with more or fewer cells than the header.

    Args:
        lines: with their ends, from the second on.
        delimiter: between cells.
        width: how many cells the header has.
        may_span_lines: whether quoted cells may contain line breaks.
    """
    source = iter(lines)
    pushed_back: deque[str] = deque()
    max_lines = _MAX_LINES if may_span_lines else 1
    taken: list[str] = []

    def of_record() -> Iterator[str]:
        characters = 0
        while len(taken) < max_lines and characters < _MAX_CHARACTERS:
            line = pushed_back.popleft() if pushed_back else next(source, None)
            if line is None:
                return
            taken.append(line)
            characters += len(line)
            yield line

    number = 2
    while True:
        cells, fault = _cells(of_record(), delimiter)
        if not taken:
            return
        if len(taken) > 1 and (fault or len(cells) != width):
            fault = _QUOTES
            pushed_back.extendleft(reversed(taken[1:]))
            del taken[1:]
        if cells or fault:
            yield Record(number, cells, fault or _too_wide(cells, width))
        number += len(taken)
        taken.clear()


def _cells(lines: Iterator[str], delimiter: str) -> tuple[list[str], str | None]:
    try:
        return next(csv.reader(lines, delimiter=delimiter, strict=True), []), None
    except csv.Error:
        return [], _QUOTES


def _too_wide(cells: list[str], width: int) -> str | None:
    if len(cells) <= width:
        return None
    return f"too_many_cells: {len(cells)}, and the header has {width}: are quotes missing?"


_LISTS: Final = ("tags",)
_FLAGS: Final = ("has_media", "is_promoted", "delete")
_NUMBERS: Final = ("post_id", "user_id", "author_id", "content_length")
_REFERENCES: Final = ("post", "user", "author")
_EXTERNAL_IDS: Final = ("id", "external_id", *_REFERENCES)
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NOT_UTF8: Final = "not_utf8: save the file as UTF-8"
_MAX_LINE_BYTES: Final = 512 * 1024
_DELIMITERS: Final = ",;\t"
_SEPARATOR: Final = ";"


class Line(NamedTuple):
    """An entry of a file: the number of its line, and its JSON.

    ``fault`` is an error because of which it cannot be sent.
    """

    number: int
    body: bytes
    fault: str | None = None


def read(path: Path, columns: Collection[str], *, may_span_lines: bool = True) -> Iterator[Line]:
    """Yield the entries of a CSV with a header or of NDJSON, as the suffix says.

    Args:
        path: the file.
        columns: the columns that a CSV may have.
        may_span_lines: whether quoted cells of a CSV may contain line breaks.

    Raises:
        SetupError: it cannot be read, is of another kind, or has other columns.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".ndjson", ".jsonl"):
        raise SetupError(f"{path}: expected a name that ends in .csv, .ndjson or .jsonl")
    is_csv = suffix == ".csv"
    try:
        # Bytes that are not UTF-8 become lone surrogates, which cannot be encoded as UTF-8.
        with path.open(
            encoding="utf-8-sig", errors="surrogateescape", newline="" if is_csv else "\n"
        ) as file:
            if is_csv:
                yield from _rows(path, file, columns, may_span_lines=may_span_lines)
            else:
                for number, line in enumerate(file, 1):
                    if text := line.strip(" \t\r\n"):
                        yield _line(number, text)
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from error


def _rows(
    path: Path, file: TextIO, columns: Collection[str], *, may_span_lines: bool
) -> Iterator[Line]:
    header = file.readline()
    delimiter = max(_DELIMITERS, key=header.count)
    try:
        cells = next(csv.reader([header], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise SetupError(f"{path}, line 1: {error}; write quotes in cells twice") from error
    names = [name.strip() for name in cells]
    _check_header(path, names, columns)
    for record in read_records(file, delimiter, len(names), may_span_lines=may_span_lines):
        if any(map(_LONE_SURROGATE.search, record.cells)):
            yield Line(record.number, b"", _NOT_UTF8)
        elif record.fault is not None:
            yield Line(record.number, b"", record.fault)
        elif typed := _typed(dict(zip(names, record.cells, strict=False))):
            yield _line(record.number, json.dumps(typed))


def _line(number: int, text: str) -> Line:
    """Return an entry, with a fault where it would make a request of others invalid."""
    try:
        body = text.encode()
    except UnicodeEncodeError:
        return Line(number, b"", _NOT_UTF8)
    if len(body) > _MAX_LINE_BYTES:
        return Line(number, b"", f"line_too_long: over {_MAX_LINE_BYTES:,} bytes")
    return Line(number, body)


def _check_header(path: Path, names: list[str], columns: Collection[str]) -> None:
    if not any(names):
        raise SetupError(f"{path} is empty: its first line must name the columns")
    known = ", ".join(columns)
    if unknown := [name for name in names if name not in columns]:
        listed = ", ".join(map(repr, unknown))
        raise SetupError(f"{path}: unknown column {listed}; known are {known}")
    if "kind" in columns and "kind" not in names:
        raise SetupError(f"{path} has no column 'kind': name the kind of all lines with --kind")
    if repeated := [name for name, times in Counter(names).items() if times > 1]:
        raise SetupError(f"{path}: more than one column is named {', '.join(repeated)}")


def of_kind(lines: Iterable[Line], kind: str | None) -> Iterator[Line]:
    """Add the kind to entries without one."""
    for line in lines:
        entry = None if kind is None else as_object(line)
        if entry is None or entry.get("kind") is not None:
            yield line
        else:
            yield line._replace(body=json.dumps(entry | {"kind": kind}).encode())


def identified(lines: Iterable[Line]) -> Iterator[Line]:
    """Add an event_id to events without one; it is the same each time the file is imported.

    It is derived from the fields, in any order, and from the number of equal lines before: equal
    lines are different events, but an equal line of another file is the same event.
    """
    with closing(DiskTable()) as seen:
        for line in lines:
            entry = as_object(line)
            if entry is None or entry.get("event_id") is not None:
                yield line
                continue
            given = {name: value for name, value in entry.items() if value is not None}
            name = json.dumps(given, sort_keys=True)
            times = seen.increment(hashlib.sha256(name.encode()).digest())
            event_id = uuid5(NAMESPACE_OID, name if times == 1 else f"{name}\n{times}")
            yield line._replace(body=json.dumps(entry | {"event_id": str(event_id)}).encode())


def as_object(line: Line) -> dict[str, Any] | None:
    """Return the JSON object of an entry; None: it is none, and the service reports it."""
    try:
        entry = json.loads(line.body)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _typed(row: dict[str, str]) -> dict[str, Any]:
    """Convert the cells of a CSV row, and omit blank ones.

    IDs of digits are IDs of the catalogue, others external IDs, which are kept unchanged.
    """
    typed: dict[str, Any] = {}
    for name, cell in row.items():
        if not cell.strip(" \t"):
            continue
        is_number = name in _REFERENCES and _is_number(cell)
        column = f"{name}_id" if is_number and not row.get(f"{name}_id") else name
        typed[column] = _cell(column, cell)
    return typed


def _cell(name: str, cell: str) -> Any:
    if name in _EXTERNAL_IDS:
        return int(cell) if name == "id" and _is_number(cell) else cell
    text = cell.strip()
    if name in _LISTS:
        return [part.strip() for part in text.split(_SEPARATOR) if part.strip()]
    if name in _FLAGS and text.lower() in ("true", "false", "1", "0", "yes", "no"):
        return text.lower() in ("true", "1", "yes")
    return int(text) if name in _NUMBERS and _is_number(text) else text


def _is_number(text: str) -> bool:
    is_digits = text.isascii() and text.isdigit() and (text == "0" or not text.startswith("0"))
    return is_digits and len(text) <= len(str(MAX_ID)) and int(text) <= MAX_ID
