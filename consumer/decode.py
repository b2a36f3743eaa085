"""From a Kafka record to a row, a retraction or a dead letter. Pure."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypeGuard
from uuid import UUID

import msgspec

from consumer.rows import Identity, Row, day, microseconds
from schema.errors import InvalidEvent
from schema.event import MAX_EVENT_BYTES, Record, Retraction
from schema.times import EPOCH
from schema.validation import RESERVED_IDS, Window, validate
from schema.wire import decode_record, decode_records, decode_retraction

REJECTED: Final = "rejected_by_database"
_MICROSECOND: Final = timedelta(microseconds=1)


class _WithId(msgspec.Struct):
    event_id: UUID | None = None


_decode_id: Final = msgspec.json.Decoder(_WithId).decode


class Message(Protocol):
    """The used attributes of aiokafka's ConsumerRecord."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class Rules:
    """The rules by which events are stored.

    Attributes:
        window: accepted distance of an event's time from its receipt.
        dead_letter_limit: a partition halts after this many dead letters in a row.
        rejected_days: days outside the range of partitions; their events become dead letters.
        rejected_events: events that PostgreSQL rejected, with its reason; they become dead letters.
        locked_days: days whose partition cannot be created now; reading stops before their events.
    """

    window: Window
    dead_letter_limit: int
    rejected_days: set[date] = field(default_factory=set)
    rejected_events: dict[Identity, str] = field(default_factory=dict)
    locked_days: set[date] = field(default_factory=set)


class RetractedEvent(NamedTuple):
    """An event to retract. A string in place of the post's number is an external ID."""

    engaged: int
    event_id: bytes
    post: int | str
    received: datetime


class DeadLetter(NamedTuple):
    """A record that cannot be stored, with the reason."""

    offset: int
    reason: str
    detail: str
    record_timestamp: datetime
    key: bytes | None
    value: bytes | None
    event_id: UUID | None = None


class Fingerprint(NamedTuple):
    """Identifies the record at an offset: if it differs, the topic was re-created."""

    offset: int
    timestamp: int
    crc: int


def fingerprint(message: Message) -> Fingerprint:
    """Return the record's offset, its time in milliseconds and the CRC-32 of key and value."""
    crc = zlib.crc32(message.value or b"", zlib.crc32(message.key or b""))
    return Fingerprint(message.offset, message.timestamp, crc)


def decode_plain(messages: Sequence[Message], rules: Rules) -> list[Row] | None:
    """Decode records in one call, if all of them are plain events, as nearly always.

    Returns None if any of them needs ``decode``. Both agree on every event.
    """
    values = [message.value for message in messages if _may_be_object(message.value)]
    if (
        rules.rejected_days
        or rules.rejected_events
        or rules.locked_days
        or len(values) < len(messages)
    ):
        return None
    records = decode_records(values)
    if records is None:
        return None
    past, future = rules.window.past // _MICROSECOND, rules.window.future // _MICROSECOND
    rows: list[Row] = []
    for record in records:
        engaged, received = record.engaged_timestamp, record.received_timestamp
        if received is None or engaged.tzinfo is not UTC or received.tzinfo is not UTC:
            return None
        if record.post_id is None or record.post is not None or record.user is not None:
            return None
        time, receipt = microseconds(engaged), microseconds(received)
        event_id = record.event_id.bytes
        if not -future <= receipt - time <= past or event_id in RESERVED_IDS:
            return None
        rows.append((time, event_id, record.post_id, record.user_id, record.type, receipt))
    return rows


def _may_be_object(value: bytes | None) -> TypeGuard[bytes]:
    if not value or len(value) > MAX_EVENT_BYTES:
        return False
    return value.startswith(b"{") and value.endswith(b"}")


def decode(message: Message, rules: Rules) -> Row | RetractedEvent | DeadLetter:
    """Decode one record."""
    try:
        return _row(message, rules)
    except InvalidEvent as error:
        reason = error
    if retraction := decode_retraction(message.value or b""):
        retracted = _retracted_event(retraction, message)
        rejection = rules.rejected_events.get(retracted[:2])
        if rejection is None:
            return retracted
        reason = InvalidEvent(REJECTED, rejection)
    return DeadLetter(
        message.offset,
        reason.code,
        reason.detail,
        from_milliseconds(message.timestamp),
        message.key,
        message.value,
        event_id_in(message.value),
    )


def _row(message: Message, rules: Rules) -> Row:
    value = message.value
    if not value:
        raise InvalidEvent("empty_value", "the record has no value")
    if len(value) > MAX_EVENT_BYTES:
        raise InvalidEvent("event_too_large", f"the value is over {MAX_EVENT_BYTES} bytes")
    record: Record = decode_record(value)
    received = record.received_timestamp or from_milliseconds(message.timestamp)
    validate(record, received, rules.window)
    identity = microseconds(record.engaged_timestamp), record.event_id.bytes
    if rules.rejected_days and day(identity[0]) in rules.rejected_days:
        raise day_out_of_range()
    if rules.rejected_events and (why := rules.rejected_events.get(identity)) is not None:
        raise InvalidEvent(REJECTED, why)
    return (
        *identity,
        record.post_id or record.post or 0,
        record.user_id or record.user,
        record.type,
        microseconds(received),
    )


def day_out_of_range() -> InvalidEvent:
    """Return the error of an event whose day no partition can have."""
    return InvalidEvent(
        "day_out_of_range", "engaged_timestamp: outside the days that can have a partition"
    )


def _retracted_event(retraction: Retraction, message: Message) -> RetractedEvent:
    return RetractedEvent(
        microseconds(retraction.engaged_timestamp),
        retraction.retracted_event_id.bytes,
        retraction.post_id or retraction.post or 0,
        retraction.received_timestamp or from_milliseconds(message.timestamp),
    )


def event_id_in(value: bytes | None) -> UUID | None:
    """Return the event's ID if it can be decoded."""
    if not value or len(value) > MAX_EVENT_BYTES:
        return None
    try:
        return _decode_id(value).event_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def from_milliseconds(timestamp: int) -> datetime:
    """Return a record's timestamp as a datetime; 1970 if it is outside the calendar."""
    try:
        return EPOCH + timedelta(milliseconds=timestamp)
    except OverflowError:
        return EPOCH
