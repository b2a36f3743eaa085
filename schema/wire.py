"""Strict JSON decoding of events, and their canonical encoding."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from schema.errors import InvalidEvent
from schema.event import Draft, Record, Retraction
from schema.validation import invalid_field, invalid_json

# msgspec rounds fractions finer than a microsecond, which the contract truncates, and accepts
# offsets without a colon, which RFC 3339 does not have. An escape may hide both.
_LONG_FRACTION: Final = re.compile(rb"\.\d{7}")
_BASIC_UTC: Final = b'0000"'
_BACKSLASH: Final = ord("\\")
_EXCESS_DIGITS: Final = re.compile(r"(\.\d{6})\d+", re.ASCII)
_MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _TimeStrings(msgspec.Struct):
    """An event's timestamps, undecoded."""

    engaged_timestamp: str | None = None
    received_timestamp: str | None = None


_draft_decoder: Final = msgspec.json.Decoder(Draft)
_drafts_decoder: Final = msgspec.json.Decoder(list[Draft])
_record_decoder: Final = msgspec.json.Decoder(Record)
_records_decoder: Final = msgspec.json.Decoder(list[Record])
_retraction_decoder: Final = msgspec.json.Decoder(Retraction)
_time_strings: Final = msgspec.json.Decoder(_TimeStrings).decode
_many_time_strings: Final = msgspec.json.Decoder(list[_TimeStrings]).decode
encode: Final = msgspec.json.Encoder().encode
"""Encode a Record as its canonical JSON bytes."""


def decode_draft(raw: bytes | msgspec.Raw) -> Draft:
    """Decode one client event. Raises InvalidEvent, whose detail never quotes the input."""
    source = bytes(raw)
    try:
        draft = _draft_decoder.decode(source)
    except _MALFORMED as error:
        raise invalid_json(error) from None
    if draft.post_id is None or draft.post or draft.user:
        _validate_references(draft)
    time = draft.engaged_timestamp
    if time is not None and (time.tzinfo is not UTC or _may_be_loose(source)):
        draft.engaged_timestamp = _strict(time, _time_strings(source).engaged_timestamp)
    return draft


def decode_drafts(source: bytes) -> list[Draft] | None:
    """Decode a JSON array of client events. Return None if any of them is invalid."""
    try:
        drafts = _drafts_decoder.decode(source)
        for draft in [d for d in drafts if d.post_id is None or d.post or d.user]:
            _validate_references(draft)
        zones = {t.tzinfo for d in drafts if (t := d.engaged_timestamp) is not None}
        if zones - {UTC} or _may_be_loose(source):
            for draft, strings in zip(drafts, _many_time_strings(source), strict=True):
                if (time := draft.engaged_timestamp) is not None:
                    draft.engaged_timestamp = _strict(time, strings.engaged_timestamp)
    except (InvalidEvent, *_MALFORMED):
        return None
    return drafts


def decode_record(raw: bytes) -> Record:
    """Decode one record's value. Raises InvalidEvent."""
    try:
        record = _record_decoder.decode(raw)
    except _MALFORMED as error:
        raise invalid_json(error) from None
    if record.post_id is None or record.post or record.user:
        _validate_references(record)
    engaged, received = record.engaged_timestamp, record.received_timestamp
    has_offset = engaged.tzinfo is not UTC or (received is not None and received.tzinfo is not UTC)
    if has_offset or _may_be_loose(raw):
        _correct_times(record, raw)
    return record


def decode_records(values: Sequence[bytes]) -> list[Record] | None:
    """Decode many records' values in one call. Return None if they must be decoded one by one.

    The values are joined into one array. JSON strings hold no line break and no field of an event
    is an object, so the separator is always between two elements: if there are as many elements
    as values, each value is one element.
    """
    source = b"[" + b",\n".join(values) + b"]"
    if _may_be_loose(source):
        return None
    try:
        records = _records_decoder.decode(source)
    except _MALFORMED:
        return None
    return records if len(records) == len(values) else None


def decode_retraction(raw: bytes) -> Retraction | None:
    """Decode a record's value as a retraction. Return None if it is not one."""
    try:
        found = _retraction_decoder.decode(raw)
        _correct_times(found, raw)
    except (InvalidEvent, *_MALFORMED):
        return None
    return None if (found.post_id is None) == (found.post is None) else found


def _validate_references(event: Draft | Record) -> None:
    """Raise InvalidEvent unless the event has exactly one post and at most one user."""
    if event.post_id is None and event.post is None:
        raise InvalidEvent("missing_field", "post_id: required, or `post` with its external ID")
    if event.post_id is not None and event.post is not None:
        raise InvalidEvent("ambiguous_post", "post_id and post: give one of them")
    if event.user_id is not None and event.user is not None:
        raise InvalidEvent("ambiguous_user", "user_id and user: give one of them")


def _may_be_loose(source: bytes) -> bool:
    """Return whether *source* may have a timestamp that msgspec decodes too loosely.

    A cheap check with false positives: the timestamps themselves decide. Offsets other than UTC
    are visible in the decoded times.
    """
    # Searching for an int is faster than for a byte string, and find is faster than "in".
    return (
        _BACKSLASH in source
        or source.find(_BASIC_UTC) >= 0
        or _LONG_FRACTION.search(source) is not None
    )


def _correct_times(event: Record | Retraction, source: bytes) -> None:
    """Replace the event's times by their strict values. Raises InvalidEvent."""
    strings = _time_strings(source)
    event.engaged_timestamp = _strict(event.engaged_timestamp, strings.engaged_timestamp)
    if (received := event.received_timestamp) is not None:
        event.received_timestamp = _strict(
            received, strings.received_timestamp, "received_timestamp"
        )


def _strict(time: datetime, text: str | None, field: str = "engaged_timestamp") -> datetime:
    """Return the UTC instant of a timestamp, cut to microseconds.

    Args:
        time: the time that msgspec decoded.
        text: its JSON string, whose fraction begins at the 20th character.
        field: the name of the field, for the error.

    Raises:
        InvalidEvent: the offset has no colon, or the instant is outside the calendar.
    """
    assert text is not None  # noqa: S101  (there is a time)
    if text[-1] not in "Zz" and text[-3] != ":":
        raise invalid_field(field)
    if text[19] == "." and text[26:27].isdigit():
        time = msgspec.convert(_EXCESS_DIGITS.sub(r"\1", text), datetime)
    try:
        return time if time.tzinfo is UTC else time.astimezone(UTC)
    except OverflowError:
        raise invalid_field(field) from None
