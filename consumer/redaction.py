"""Remove users from dead letters, whose bytes may be anything.

docs/decisions/0009-erasure.md
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, Protocol

from schema.event import is_external_id

REDACTED_DETAIL: Final = "removed, as it named an erased user"
_FIELDS_WITHOUT_USER: Final = frozenset(
    {
        "post_id",
        "post",
        "event_id",
        "retracted_event_id",
        "type",
        "engaged_timestamp",
        "received_timestamp",
    }
)
_FIELDS: Final = _FIELDS_WITHOUT_USER | {"user_id", "user"}
# Digits in these are not a user's number.
_NOT_A_USER: Final = re.compile(
    r'"post_id"\s*:\s*\d+'
    r"|\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?"
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
)
_NUMBER: Final = re.compile(r"(?<!\d)[1-9]\d{0,18}(?!\d)")
_QUOTED: Final = re.compile(r'"([^"\\]*)"')
_WORD: Final = re.compile(r"""[^\s"'<>,;=&?(){}\[\]\\]+""")


class Users(Protocol):
    """Users to remove."""

    def has_user_id(self, number: float) -> bool:
        """Return whether one of them has this number."""

    def has_external_id(self, external_id: str) -> bool:
        """Return whether one of them has this external ID."""


def redact(
    key: bytes | None, value: bytes | None, detail: str, users: Users
) -> tuple[bytes | None, bytes | None, str]:
    """Return key, value and detail of a dead letter without *users*; unchanged if it names none.

    JSON keeps everything else. Other bytes are removed altogether if anything in them may be one of
    the users, and so is a key that is not the post's.
    """
    if value:
        value = _redact_value(value, users)
    if key is not None and _names_any(_text(key), users) and not _is_post(key, value):
        key = None
    return key, value, REDACTED_DETAIL if _names_any(detail, users) else detail


def _redact_value(value: bytes, users: Users) -> bytes | None:
    try:
        decoded = json.loads(value, object_pairs_hook=_without_repeated_fields)
        redacted = _redact_json(decoded, users)
        if redacted == decoded:
            return value
        return None if redacted is None else json.dumps(redacted, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return None if _names_any(_text(value), users) else value


def _without_repeated_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields; raise ValueError if one is repeated, as decoding would hide a value."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated field")
    return found


def _redact_json(value: Any, users: Users) -> Any:
    """Return decoded JSON with null in place of users."""
    if isinstance(value, dict):
        return {
            name: part if _cannot_name_user(name, part, users) else _redact_json(part, users)
            for name, part in value.items()
            if name in _FIELDS or not _names_any(name, users)
        }
    if isinstance(value, list):
        return [_redact_json(part, users) for part in value]
    if isinstance(value, str):
        return None if _names_any(value, users) else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return None if users.has_user_id(value) else value


def _cannot_name_user(name: str, value: Any, users: Users) -> bool:
    """Return whether a field cannot name one of the users, whatever digits and words it has."""
    if name == "user" and isinstance(value, str) and is_external_id(value):
        return not users.has_external_id(value)
    return name in _FIELDS_WITHOUT_USER and not isinstance(value, dict | list)


def _names_any(text: str, users: Users) -> bool:
    numbers = (int(found) for found in _NUMBER.findall(_NOT_A_USER.sub(" ", text)))
    return any(map(users.has_user_id, numbers)) or any(map(users.has_external_id, _words(text)))


def _words(text: str) -> Iterator[str]:
    """Yield possible external IDs: the text, quoted parts, words and their parts at colons."""
    yield text
    yield from _QUOTED.findall(text)
    for word in _WORD.findall(text):
        yield word
        if ":" in word:
            yield from word.split(":")


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _is_post(key: bytes, value: bytes | None) -> bool:
    """Return whether a record's key is the post in its value."""
    try:
        decoded = json.loads(value or b"")
    except (ValueError, RecursionError):
        return False
    if not isinstance(decoded, dict):
        return False
    return _text(key) in (str(decoded.get("post_id")), decoded.get("post"))
