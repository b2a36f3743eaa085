"""The queries of a report as a script for plain psql: each SQL file with its values."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import sql
from sql import Query

_ESCAPES: Final = {"\\": r"\\", "'": "''", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_IN_ARRAYS: Final = re.compile(r'(["\\])')


BoundQuery = tuple[Query, Sequence[Any]]
"""A query and its values, in the order of its parameters."""


def render(queries: Sequence[BoundQuery]) -> str:
    """Return the queries as a script that reads and changes nothing."""
    return "\n".join(["BEGIN READ ONLY;", *map(_render, queries), "COMMIT;", ""])


def _render(bound: BoundQuery) -> str:
    query, values = bound
    source = sql.source(query.name)
    lines = [""]
    for name, value in zip(query.parameters, values, strict=True):
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
