"""What can be wrong with the JSON of an event, said without repeating what came in."""

import re
from typing import Final

import msgspec

from schema.errors import InvalidEvent
from schema.event import MAX_EXTERNAL_ID, MAX_ID, TYPES, Draft

INVALID_TIME: Final = InvalidEvent(
    "invalid_engaged_timestamp",
    "engaged_timestamp: expected an RFC 3339 date-time with an offset, like 2026-01-31T09:30:00Z",
)
_FIELD_DETAILS: Final = {
    "event_id": "event_id: expected a UUID",
    "post_id": f"post_id: expected an integer from 1 to {MAX_ID}; an id that is a text: post",
    "post": f"post: expected a text of 1 to {MAX_EXTERNAL_ID} characters, none of control",
    "user": f"user: expected a text of 1 to {MAX_EXTERNAL_ID} characters, none of control",
    "user_id": f"user_id: expected an integer from 1 to {MAX_ID}; an id that is a text: user",
    "type": f"type: expected one of {', '.join(TYPES)}",
    "engaged_timestamp": INVALID_TIME.detail,
    "received_timestamp": "received_timestamp: expected an RFC 3339 date-time with an offset",
}
_FAULTY_FIELD: Final = re.compile(r"at `\$\.(\w+)`$")
_MISSING_FIELD: Final = re.compile(r"missing required field `(\w+)`$")


def explained(error: Exception) -> InvalidEvent:
    """Turn a decoder's error into ours, keeping its finding and dropping any input it quotes."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return InvalidEvent("malformed_json", "expected one JSON object in UTF-8")
    if found := _FAULTY_FIELD.search(text):
        return invalid_field(found[1])
    if found := _MISSING_FIELD.search(text):
        return missing_field(found[1])
    if text.startswith("Object contains unknown field"):
        return unknown_field()
    return InvalidEvent("not_an_object", "expected one event as a JSON object")


def invalid_field(name: str) -> InvalidEvent:
    """Return the error of a field whose value is none of its values."""
    return InvalidEvent(f"invalid_{name}", _FIELD_DETAILS[name])


def missing_field(name: str) -> InvalidEvent:
    """Return the error of a required field that is not there."""
    return InvalidEvent("missing_field", f"{name}: required")


def unknown_field() -> InvalidEvent:
    """Return the error of a field that events do not have; it does not name it."""
    known = ", ".join(Draft.__struct_fields__)
    return InvalidEvent("unknown_field", f"an unknown field; known are {known}")
