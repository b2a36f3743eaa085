"""Files of a catalogue or of past events, line by line, as what the services take. Pure."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO
from uuid import NAMESPACE_OID, uuid5

from schema.errors import SetupError

_LISTS: Final = ("tags",)
_FLAGS: Final = ("has_media", "is_promoted", "delete")
_NUMBERS: Final = ("id", "post_id", "user_id", "author_id", "content_length")
_REFERENCES: Final = ("post", "user", "author")
_DELIMITERS: Final = ",;\t"
_SEPARATOR: Final = ";"


class Line(NamedTuple):
    """One thing of a file: the number of its line, and its JSON.

    ``fault``: why it cannot even be sent; None: the service may judge it.
    """

    number: int
    body: bytes
    fault: str | None = None


def read(path: Path, columns: Collection[str]) -> Iterator[Line]:
    """Yield the lines of a CSV with a header, or of NDJSON; the suffix tells which.

    Args:
        path: the file.
        columns: those that a CSV may have.

    Raises:
        SetupError: it cannot be read, is neither, or has other columns.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".ndjson", ".jsonl"):
        raise SetupError(f"{path}: expected a name that ends in .csv, .ndjson or .jsonl")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if suffix == ".csv":
                yield from _rows(path, file, columns)
            else:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield Line(number, line.strip().encode())
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{path} is not UTF-8: save it with that encoding") from error


def _rows(path: Path, file: TextIO, columns: Collection[str]) -> Iterator[Line]:
    header = file.readline()
    delimiter = max(_DELIMITERS, key=header.count)
    rows = csv.reader(chain([header], file), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(rows, [])]
        _check_header(path, names, columns)
        for cells in rows:
            fault = None
            if len(cells) > len(names):
                fault = f"has {len(cells)} cells, and the header {len(names)}: are quotes missing?"
            if cells:
                typed = _typed(dict(zip(names, cells, strict=False)))
                yield Line(rows.line_num, json.dumps(typed).encode(), fault)
    except csv.Error as error:
        raise SetupError(
            f"{path}, line {rows.line_num}: {error}; quotes inside a cell are doubled"
        ) from error


def _check_header(path: Path, names: list[str], columns: Collection[str]) -> None:
    if not any(names):
        raise SetupError(f"{path} is empty: its first line names the columns")
    known = ", ".join(columns)
    if unknown := [name for name in names if name not in columns]:
        listed = ", ".join(map(repr, unknown))
        raise SetupError(f"{path}: no column is called {listed}; there are {known}")
    if "kind" in columns and "kind" not in names:
        raise SetupError(f"{path} has no column 'kind': say what its lines are with --kind")
    if repeated := [name for name, times in Counter(names).items() if times > 1]:
        raise SetupError(f"{path}: more than one column is called {', '.join(repeated)}")


def of_kind(lines: Iterable[Line], kind: str | None) -> Iterator[Line]:
    """Give lines that do not say what they are the kind that the caller named."""
    for line in lines:
        yield line if kind is None else _changed(line, partial(_with_kind, kind=kind))


def identified(lines: Iterable[Line]) -> Iterator[Line]:
    """Give events without an event_id one that is the same whenever the file is imported.

    It is made of what the line says, and of how many lines before said the same: equal lines
    are as many events, and an equal line of another file is the same event again.
    """
    seen: Counter[bytes] = Counter()
    for line in lines:
        seen[line.body] += 1
        yield _changed(line, partial(_with_id, body=line.body, times=seen[line.body]))


def _typed(row: dict[str, str]) -> dict[str, Any]:
    """Read the cells of a CSV row; empty ones are left out.

    An id of digits is a number wherever it stands, anything else an external id.
    """
    typed: dict[str, Any] = {}
    for name, text in row.items():
        if cell := text.strip():
            is_number = name in _REFERENCES and _is_number(cell)
            called = f"{name}_id" if is_number and not row.get(f"{name}_id") else name
            typed[called] = _cell(called, cell)
    return typed


def _cell(name: str, text: str) -> Any:
    if name in _LISTS:
        return [part.strip() for part in text.split(_SEPARATOR) if part.strip()]
    if name in _FLAGS and text.lower() in ("true", "false", "1", "0", "yes", "no"):
        return text.lower() in ("true", "1", "yes")
    return int(text) if name in _NUMBERS and _is_number(text) else text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or not text.startswith("0"))


def _changed(line: Line, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Line:
    """Apply *change* to a line that is a JSON object; others are judged as they are."""
    try:
        thing = json.loads(line.body)
    except (ValueError, RecursionError):
        return line
    if not isinstance(thing, dict):
        return line
    return line._replace(body=json.dumps(change(thing)).encode())


def _with_kind(thing: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"kind": kind} | thing


def _with_id(thing: dict[str, Any], body: bytes, times: int) -> dict[str, Any]:
    if thing.get("event_id") is not None:
        return thing
    name = body.decode() if times == 1 else f"{body.decode()}\n{times}"
    return thing | {"event_id": str(uuid5(NAMESPACE_OID, name))}
