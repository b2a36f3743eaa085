"""The 1x1 picture for pages without scripts: an event in the query of a GET."""

from typing import Final
from urllib.parse import parse_qsl

import msgspec

from schema.http.problems import Problem

GIF: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
_NOT_OF_THE_EVENT: Final = frozenset({"key", "once"})
_NUMBERS: Final = frozenset({"post_id", "user_id"})
_MAX_DIGITS: Final = 19


def event_json(query_string: bytes) -> bytes:
    """Return the query's event as JSON, which is then judged like any other.

    Raises:
        Problem: 400, the query cannot be read or names a parameter twice.
    """
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise Problem(400, "malformed_query", "the query is not percent-encoded UTF-8") from None
    if len({name for name, _ in pairs}) < len(pairs):
        raise Problem(400, "malformed_query", "a parameter is given twice")
    return msgspec.json.encode(
        {name: _value(name, text) for name, text in pairs if name not in _NOT_OF_THE_EVENT}
    )


def _value(name: str, text: str) -> str | int:
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text) if name in _NUMBERS and is_number else text
