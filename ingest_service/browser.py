"""The pixel for pages without scripts: an image whose query is an event."""

from typing import Final
from urllib.parse import parse_qsl

import msgspec

from web.problems import Problem

GIF: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
_OTHER_PARAMETERS: Final = frozenset({"key", "once"})
_NUMBERS: Final = frozenset({"post_id", "user_id"})
_MAX_DIGITS: Final = 19


def event_of_query(query_string: bytes) -> bytes:
    """Return the event in a pixel's query as JSON.

    Raises:
        Problem: 400, the query is malformed or repeats a parameter.
    """
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError:
        raise Problem(400, "malformed_query", "the query is not percent-encoded UTF-8") from None
    if len({name for name, _ in pairs}) < len(pairs):
        raise Problem(400, "malformed_query", "the query repeats a parameter")
    return msgspec.json.encode(
        {name: _value(name, text) for name, text in pairs if name not in _OTHER_PARAMETERS}
    )


def _value(name: str, text: str) -> str | int:
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text) if name in _NUMBERS and is_number else text
