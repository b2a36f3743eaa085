"""Taking erased users out of dead letters, whose bytes may be anything at all. Pure."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, Protocol

_FIELDS_OF_OTHERS: Final = frozenset(
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
_FIELDS: Final = _FIELDS_OF_OTHERS | {"user_id", "user"}
# Digits in these are nobody's number.
_NO_USER: Final = re.compile(
    r'"post_id"\s*:\s*\d+'
    r"|\d{4}-\d\d-\d\d[Tt ][\d:.]*"
    r"|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
)
_NUMBER: Final = re.compile(r"(?<!\d)[1-9]\d{0,18}(?!\d)")
_QUOTED: Final = re.compile(r'"([^"\\]*)"')
_WORD: Final = re.compile(r"""[^\s"'<>,;=&?(){}\[\]\\]+""")
ERASED_DETAIL: Final = "erased, as it named a user who was"


class Users(Protocol):
    """Who was erased; consumer.erased.Erased is one."""

    def has_number(self, number: float) -> bool:
        """Tell whether this user was erased."""

    def has_name(self, name: str) -> bool:
        """Tell whether the user of this external id was erased."""


Bytes = tuple[bytes | None, bytes | None, str]
"""The key, the value and the detail of a dead letter."""


def scrub(key: bytes | None, value: bytes | None, detail: str, erased: Users) -> Bytes:
    """Return what a dead letter keeps, which is all of it unless it names an erased user.

    JSON keeps everything else it says. What is no JSON cannot be taken apart, so its bytes go as
    a whole if anything in them could be the user; so does a key that is not the post's.
    """
    if value:
        value = _scrubbed(value, erased)
    if key is not None and _names(_text(key), erased) and not _is_post(key, value):
        key = None
    return key, value, ERASED_DETAIL if _names(detail, erased) else detail


def _scrubbed(value: bytes, erased: Users) -> bytes | None:
    try:
        thing = json.loads(value, object_pairs_hook=_unambiguous)
        clean = _without(thing, erased)
        if clean == thing:
            return value
        return None if clean is None else json.dumps(clean, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return None if _names(_text(value), erased) else value


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a field that is there twice: one of the two would hide."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


def _without(thing: Any, erased: Users) -> Any:
    """Return decoded JSON with null in the places of erased users."""
    if isinstance(thing, dict):
        return {
            name: part if name in _FIELDS_OF_OTHERS else _without(part, erased)
            for name, part in thing.items()
            if name in _FIELDS or not _names(name, erased)
        }
    if isinstance(thing, list):
        return [_without(part, erased) for part in thing]
    if isinstance(thing, str):
        return None if _names(thing, erased) else thing
    if isinstance(thing, bool) or not isinstance(thing, int | float):
        return thing
    return None if erased.has_number(thing) else thing


def _names(text: str, erased: Users) -> bool:
    numbers = (int(found) for found in _NUMBER.findall(_NO_USER.sub(" ", text)))
    return any(map(erased.has_number, numbers)) or any(map(erased.has_name, _candidates(text)))


def _candidates(text: str) -> Iterator[str]:
    """Yield what may be an external id: all of it, what is quoted, each word and its parts."""
    yield text
    yield from _QUOTED.findall(text)
    for word in _WORD.findall(text):
        yield word
        if ":" in word:
            yield from word.split(":")


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _is_post(key: bytes, value: bytes | None) -> bool:
    """Tell whether a record's key is the post that its value names, as it should be."""
    try:
        thing = json.loads(value or b"")
    except (ValueError, RecursionError):
        return False
    if not isinstance(thing, dict):
        return False
    return _text(key) in (str(thing.get("post_id")), thing.get("post"))
