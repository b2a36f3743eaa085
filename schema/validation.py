"""Rules for an event's ID and time, shared by ingest and consumer, and the errors of invalid JSON.

An event that ``complete`` accepts can be stored, so an accepted event never becomes a dead letter.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from schema.errors import InvalidEvent
from schema.event import MAX_EXTERNAL_ID, MAX_ID, TYPES, Draft, Record
from schema.times import EXPECTED_INSTANT
from schema.uuid7 import is_uuid7, time_of

RESERVED_IDS: Final = frozenset({bytes(16), b"\xff" * 16})
"""The nil and the max UUID."""
_EXTERNAL_ID: Final = (
    f"expected a string of 1 to {MAX_EXTERNAL_ID} characters without control characters"
)
_FIELD_DETAILS: Final = {
    "event_id": "event_id: expected a UUID",
    "post_id": f"post_id: expected an integer from 1 to {MAX_ID}; use `post` for string IDs",
    "post": f"post: {_EXTERNAL_ID}",
    "user": f"user: {_EXTERNAL_ID}",
    "user_id": f"user_id: expected an integer from 1 to {MAX_ID}; use `user` for string IDs",
    "type": f"type: expected one of {', '.join(TYPES)}",
    "engaged_timestamp": f"engaged_timestamp: {EXPECTED_INSTANT}",
    "received_timestamp": f"received_timestamp: {EXPECTED_INSTANT}",
}
_INVALID_FIELD: Final = re.compile(r"at `\$\.(\w+)`$")
_MISSING_FIELD: Final = re.compile(r"missing required field `(\w+)`$")


class Window(msgspec.Struct, frozen=True):
    """The allowed distance of an event's time from its time of receipt.

    ``is_public``: the narrower window of public keys, which are bound to origins.
    """

    past: timedelta
    future: timedelta
    is_public: bool = False


def complete(
    draft: Draft, received: datetime, window: Window, new_id: Callable[[datetime], UUID]
) -> Record:
    """Fill in a draft's ID and time, and validate it.

    Args:
        draft: the event as the client sent it.
        received: the time of receipt, UTC.
        window: the accepted distance between engaged_timestamp and *received*.
        new_id: generates a UUIDv7 of the time of receipt for a draft without an ID.

    Raises:
        InvalidEvent: the ID or the time is rejected.
    """
    event_id = new_id(received) if draft.event_id is None else draft.event_id
    engaged = draft.engaged_timestamp
    if engaged is None:
        # Also for a generated ID: the response holds the ID alone, which must suffice for a retry.
        engaged = _time_of(event_id)
    record = Record(
        event_id,
        draft.type,
        engaged,
        draft.post_id,
        draft.user_id,
        received,
        draft.post,
        draft.user,
    )
    validate(record, received, window)
    return record


def validate(record: Record, received: datetime, window: Window) -> None:
    """Raise InvalidEvent unless the record's identity and time may be stored."""
    if record.event_id.bytes in RESERVED_IDS:
        raise InvalidEvent("invalid_event_id", "event_id: the nil and max UUIDs identify nothing")
    age = received - record.engaged_timestamp
    if age > window.past:
        raise _too_old(window)
    if -age > window.future:
        raise InvalidEvent(
            "timestamp_in_future",
            f"engaged_timestamp: more than {window.future.total_seconds():.0f} s after its receipt",
        )


def _too_old(window: Window) -> InvalidEvent:
    if window.is_public:
        return InvalidEvent(
            "timestamp_too_old_for_public_key",
            f"engaged_timestamp: more than {window.past.total_seconds():.0f} s before its receipt,"
            " which only keys without origins may send",
        )
    return InvalidEvent(
        "timestamp_too_old",
        f"engaged_timestamp: more than {window.past.days} days before its receipt",
    )


def _time_of(event_id: UUID) -> datetime:
    """Return the time in a version-7 ID, to the millisecond (RFC 9562, 5.7)."""
    if not is_uuid7(event_id):
        raise InvalidEvent(
            "timestamp_required",
            "engaged_timestamp: required with an event_id that is not version 7,"
            " because a retry must carry the same time",
        )
    try:
        return time_of(event_id)
    except OverflowError:
        raise InvalidEvent("timestamp_in_future", "event_id: its time is out of range") from None


def invalid_json(error: Exception) -> InvalidEvent:
    """Turn a decoder's error into ours, which never quotes the input."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return InvalidEvent(
            "malformed_json",
            "expected one JSON object in UTF-8 without unpaired surrogates",
        )
    if found := _INVALID_FIELD.search(text):
        return invalid_field(found[1])
    if found := _MISSING_FIELD.search(text):
        return missing_field(found[1])
    if text.startswith("Object contains unknown field"):
        return unknown_field()
    return InvalidEvent("not_an_object", "expected one event as a JSON object")


def invalid_field(name: str) -> InvalidEvent:
    """Return the error of a field with an invalid value."""
    return InvalidEvent(f"invalid_{name}", _FIELD_DETAILS[name])


def missing_field(name: str) -> InvalidEvent:
    """Return the error of a required field that is missing."""
    return InvalidEvent("missing_field", f"{name}: required")


def unknown_field() -> InvalidEvent:
    """Return the error of an unknown field; it does not quote its name."""
    known = ", ".join(Draft.__struct_fields__)
    return InvalidEvent("unknown_field", f"unknown field; known are {known}")
