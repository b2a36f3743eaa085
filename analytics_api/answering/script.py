"""What an answer asked the database, as a script for plain psql: each file with its values."""

import re
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import sql
from sql import Query

_ESCAPES: Final = {"\\": r"\\", "'": "''", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_IN_ARRAYS: Final = re.compile(r'(["\\])')


class Asked(NamedTuple):
    """A question and its values, in the order of its parameters."""

    query: Query
    values: Sequence[Any]


_asked: ContextVar[list[Asked] | None] = ContextVar("asked", default=None)


def begin() -> list[Asked]:
    """Note from now on, in this task and those it starts, what is asked; return the notes."""
    notes: list[Asked] = []
    _asked.set(notes)
    return notes


def note(query: Query, values: Sequence[Any]) -> Sequence[Any]:
    """Note a question, if anybody wants to know, and return its values."""
    if (notes := _asked.get()) is not None:
        notes.append(Asked(query, values))
    return values


def written(notes: Sequence[Asked]) -> str:
    """Return what was asked as a script that reads and changes nothing."""
    return "\n".join(["BEGIN READ ONLY;", *map(_written, notes), "COMMIT;", ""])


def _written(asked: Asked) -> str:
    source = sql.source(asked.query.name)
    lines = [""]
    for name, value in zip(asked.query.parameters, asked.values, strict=True):
        variable = _variable(value, is_quoted=f":'{name}'" in source)
        lines.append(f"\\set {name} '{_escaped(variable)}'")
    return "\n".join([*lines, source])


def _variable(value: Any, *, is_quoted: bool) -> str:
    """Return a variable's text; where the file does not quote it, it is a literal of SQL."""
    if is_quoted:
        return "" if value is None else _text(value)
    if isinstance(value, str | date):
        return "'" + _text(value).replace("'", "''") + "'"
    return "null" if value is None else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return "{" + ",".join(map(_member, value)) + "}"
    return str(value)


def _member(value: Any) -> str:
    return '"' + _IN_ARRAYS.sub(r"\\\1", _text(value)) + '"'


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)
