"""The event on the wire: its limits, its structs, and their decoders.

schema.event_model has the same as OpenAPI and JSON Schema publish it, tests hold the two
together; msgspec is several times faster. schema.admission has the rules of id and time.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec

from schema.errors import InvalidEvent

MAX_ID: Final = 2**63 - 1
MAX_EXTERNAL_ID: Final = 200
_NO_CONTROL: Final = r"[^\x00-\x1f\x7f]+"
TEXT_PATTERN: Final = f"^{_NO_CONTROL}$"
"""A text on one line, as pydantic and JSON Schema read a pattern."""
MAX_EVENT_BYTES: Final = 64 * 1024
MAX_BATCH_EVENTS: Final = 1_000
MAX_BATCH_BYTES: Final = 1024 * 1024

# msgspec rounds what is finer than a microsecond; the contract cuts it off.
_FINER_THAN_MICROSECONDS: Final = re.compile(rb"\.\d{7}")
_EXCESS_DIGITS: Final = re.compile(rb"(\.\d{6})\d+")
# msgspec reads offsets without a colon, which RFC 3339 does not know.
_BASIC_OFFSET: Final = re.compile(rb'[+-]\d{4}"')


class EngagementType(StrEnum):
    """What a reader did."""

    VIEW = "view"
    LIKE = "like"
    COMMENT = "comment"
    SHARE = "share"


TYPES: Final = tuple(t.value for t in EngagementType)


_Id = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
_Name = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=MAX_EXTERNAL_ID, pattern=rf"^{_NO_CONTROL}\Z"),
]
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]
# Where a text comes from JSON as Python reads it, halves of characters are in it, too.
_is_name: Final = re.compile(_NO_CONTROL.replace("]", r"\ud800-\udfff]")).fullmatch


def is_external_id(text: str) -> bool:
    """Tell whether a text may be the external id of an author, a post or a user."""
    return len(text) <= MAX_EXTERNAL_ID and _is_name(text) is not None


class Draft(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What a client sent, before ids and times are completed."""

    type: Literal["view", "like", "comment", "share"]
    post_id: _Id | None = None
    event_id: UUID | None = None
    user_id: _Id | None = None
    engaged_timestamp: _Instant | None = None
    post: _Name | None = None
    user: _Name | None = None


class Record(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """What stands in Kafka: complete, and stamped with the time of receipt.

    A post or a user is named by its number, or by the external_id it has in the catalogue.
    """

    event_id: UUID
    type: Literal["view", "like", "comment", "share"]
    engaged_timestamp: _Instant
    post_id: _Id | None = None
    user_id: _Id | None = None
    received_timestamp: _Instant | None = None
    post: _Name | None = None
    user: _Name | None = None


class Retraction(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """What takes an event back, as it stands in Kafka, in the partition of the event.

    It names the event by its identity and by its post, as the event itself did.
    """

    retracted_event_id: UUID
    engaged_timestamp: _Instant
    post_id: _Id | None = None
    post: _Name | None = None
    received_timestamp: _Instant | None = None


_draft_decoder: Final = msgspec.json.Decoder(Draft)
_drafts_decoder: Final = msgspec.json.Decoder(list[Draft])
_record_decoder: Final = msgspec.json.Decoder(Record)
_records_decoder: Final = msgspec.json.Decoder(list[Record])
_retraction_decoder: Final = msgspec.json.Decoder(Retraction)
encode: Final = msgspec.json.Encoder().encode
"""Encode a Record as its canonical JSON bytes."""


def decode_draft(raw: bytes | msgspec.Raw) -> Draft:
    """Decode one client event. Raises InvalidEvent; its detail never holds the input."""
    source = bytes(raw)
    try:
        draft = _draft_decoder.decode(_cut(source))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explain(error) from None
    _check_names(draft)
    if draft.engaged_timestamp is not None:
        draft.engaged_timestamp = _utc(draft.engaged_timestamp, source)
    return draft


def decode_drafts(source: bytes) -> list[Draft] | None:
    """Decode a JSON array of client events at once; None: not all of it is right."""
    is_any_moved = False
    try:
        drafts = _drafts_decoder.decode(_cut(source))
        for draft in drafts:
            if draft.post_id is None or draft.post or draft.user:
                _check_names(draft)
            time = draft.engaged_timestamp
            if time is not None and time.tzinfo is not UTC:
                draft.engaged_timestamp = time.astimezone(UTC)
                is_any_moved = True
    except (
        InvalidEvent,
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        OverflowError,
    ):
        return None
    # Once for all: a search for each event would take time quadratic in the batch.
    if is_any_moved and _BASIC_OFFSET.search(source):
        return None
    return drafts


def decode_record(raw: bytes) -> Record:
    """Decode one record's value. Raises InvalidEvent."""
    try:
        record = _record_decoder.decode(_cut(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _explain(error) from None
    if record.post_id is None or record.post or record.user:
        _check_names(record)
    if record.engaged_timestamp.tzinfo is not UTC:
        record.engaged_timestamp = _utc(record.engaged_timestamp, raw)
    received = record.received_timestamp
    if received is not None and received.tzinfo is not UTC:
        record.received_timestamp = _utc(received, raw)
    return record


def decode_records(values: Sequence[bytes]) -> list[Record] | None:
    """Decode many records' values at once; None: look at each one, not all of them are plain.

    Values are joined into one array. JSON allows no line break within a text, and no field of an
    event holds objects, so the separator always stands between two elements of the array, and as
    many elements as values means that each value is one.
    """
    source = b"[" + b",\n".join(values) + b"]"
    if _FINER_THAN_MICROSECONDS.search(source):
        return None
    try:
        records = _records_decoder.decode(source)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return records if len(records) == len(values) else None


def decode_retraction(raw: bytes) -> Retraction | None:
    """Decode a record's value that is no event; None: it is no retraction either."""
    if b'"retracted_event_id"' not in raw:
        return None
    try:
        found = _retraction_decoder.decode(_cut(raw))
        found.engaged_timestamp = found.engaged_timestamp.astimezone(UTC)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        return None
    return None if (found.post_id is None) == (found.post is None) else found


def _check_names(event: Draft | Record) -> None:
    """Raise InvalidEvent unless the event names one post, and at most one user."""
    if event.post_id is None and event.post is None:
        raise InvalidEvent("missing_field", "post_id: required, or post, its external_id")
    if event.post_id is not None and event.post is not None:
        raise InvalidEvent("ambiguous_post", "post_id and post: give one of them")
    if event.user_id is not None and event.user is not None:
        raise InvalidEvent("ambiguous_user", "user_id and user: give one of them")


def _cut(source: bytes) -> bytes:
    """Cut fractions of a second to microseconds; looking first is 4 times cheaper."""
    if _FINER_THAN_MICROSECONDS.search(source):
        return _EXCESS_DIGITS.sub(rb"\1", source)
    return source


def _utc(instant: datetime, source: bytes) -> datetime:
    if instant.tzinfo is UTC:
        return instant
    if _BASIC_OFFSET.search(source):
        raise _INVALID_TIME
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise _INVALID_TIME from None


_INVALID_TIME: Final = InvalidEvent(
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
    "engaged_timestamp": _INVALID_TIME.detail,
    "received_timestamp": "received_timestamp: expected an RFC 3339 date-time with an offset",
}
_FAULTY_FIELD: Final = re.compile(r"at `\$\.(\w+)`$")
_MISSING_FIELD: Final = re.compile(r"missing required field `(\w+)`$")


def _explain(error: Exception) -> InvalidEvent:
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
