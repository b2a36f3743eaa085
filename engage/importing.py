"""Files of a catalogue or of past events, line by line, as what the services take. Pure."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import NAMESPACE_OID, uuid5

from schema.errors import SetupError

_LISTS: Final = ("tags",)
_FLAGS: Final = ("has_media", "is_promoted", "delete")
_NUMBERS: Final = ("post_id", "user_id", "author_id", "content_length")
_SEPARATOR: Final = ";"


class Line(NamedTuple):
    """One thing of a file: the number of its line, and its JSON."""

    number: int
    body: bytes


Fault = tuple[int, str]
"""A line's number, and what is wrong with it."""


def read(path: Path) -> Iterator[Line]:
    """Yield the lines of a CSV with a header, or of NDJSON; the suffix tells which.

    Raises:
        SetupError: it cannot be read, or is neither.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".ndjson", ".jsonl"):
        raise SetupError(f"{path}: expected a name that ends in .csv, .ndjson or .jsonl")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if suffix == ".csv":
                rows = csv.DictReader(file)
                for row in rows:
                    yield Line(rows.line_num, json.dumps(_typed(row)).encode())
            else:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield Line(number, line.strip().encode())
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SetupError(f"{path} is not UTF-8 text of that kind: {error}") from error


def of_kind(lines: Iterable[Line], kind: str | None) -> Iterator[Line]:
    """Give lines that do not say what they are the kind that the caller named."""
    for line in lines:
        yield line if kind is None else _changed(line, partial(_with_kind, kind=kind))


def identified(lines: Iterable[Line]) -> Iterator[Line]:
    """Give events without an event_id one that is the same whenever the file is imported.

    It comes from the line itself, so a line that is there twice is one event: give such lines
    ids of their own.
    """
    for line in lines:
        yield _changed(line, partial(_with_id, body=line.body))


def faults(lines: Iterable[Line], judge: Callable[[bytes], str | None]) -> Iterator[Fault]:
    """Yield everything that *judge* finds wrong."""
    for line in lines:
        if found := judge(line.body):
            yield line.number, found


def judge_catalogue(body: bytes) -> str | None:
    """Return what is wrong with a line of a catalogue, or None."""
    from catalogue_service.lines import item
    from catalogue_service.store import Refusal

    found = item(body)
    return f"{found.error}: {found.detail}" if isinstance(found, Refusal) else None


def judge_event(body: bytes) -> str | None:
    """Return what is wrong with an event, or None; the service may keep other days."""
    from ingest_service.intake import Clerk
    from schema.errors import InvalidEvent
    from schema.settings import WindowSettings

    try:
        Clerk(datetime.now(UTC), WindowSettings.load().window).one(body)
    except InvalidEvent as error:
        return str(error)
    return None


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    """Read the cells of a CSV row; empty ones are left out."""
    typed: dict[str, Any] = {}
    for name, text in row.items():
        if not name or text is None or isinstance(text, list) or not text.strip():
            continue
        typed[name] = _cell(name, text.strip())
    return typed


def _cell(name: str, text: str) -> Any:
    if name in _LISTS:
        return [part.strip() for part in text.split(_SEPARATOR) if part.strip()]
    if name in _FLAGS and text.lower() in ("true", "false", "1", "0", "yes", "no"):
        return text.lower() in ("true", "1", "yes")
    is_number = text.isascii() and text.isdigit() and (name in _NUMBERS or name == "id")
    return int(text) if is_number else text


def _changed(line: Line, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Line:
    """Apply *change* to a line that is a JSON object; others are judged as they are."""
    try:
        thing = json.loads(line.body)
    except (ValueError, RecursionError):
        return line
    if not isinstance(thing, dict):
        return line
    return Line(line.number, json.dumps(change(thing)).encode())


def _with_kind(thing: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"kind": kind} | thing


def _with_id(thing: dict[str, Any], body: bytes) -> dict[str, Any]:
    if thing.get("event_id") is not None:
        return thing
    return thing | {"event_id": str(uuid5(NAMESPACE_OID, body.decode()))}
