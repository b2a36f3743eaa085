"""From a record's bytes to a row, or to a dead letter. Pure."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple, Protocol, TypeGuard
from uuid import UUID

import msgspec

from consumer.rows import Identity, Row, day, microseconds
from schema.admission import NO_IDENTITIES, Window, check
from schema.errors import InvalidEvent
from schema.event import MAX_EVENT_BYTES, Record, Retraction
from schema.wire import decode_record, decode_records, decode_retraction

REFUSED: Final = "refused_by_database"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class _Named(msgspec.Struct):
    event_id: UUID | None = None


_named: Final = msgspec.json.Decoder(_Named).decode


class Message(Protocol):
    """What a consumer needs of a Kafka record; aiokafka's ConsumerRecord is one."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class Rules:
    """What may be stored, and how many dead letters in a row are too many.

    What PostgreSQL refused is known from having tried: days, and events with the reason.
    """

    window: Window
    dead_letter_limit: int
    refused_days: set[date] = field(default_factory=set)
    refused_events: dict[Identity, str] = field(default_factory=dict)


class Retracted(NamedTuple):
    """An event that is taken back; a text in the place of its post is an external id."""

    engaged: int
    event_id: bytes
    post: int | str
    received: datetime


class DeadLetter(NamedTuple):
    """A record that cannot be stored, and why."""

    offset: int
    reason: str
    detail: str
    record_timestamp: datetime
    key: bytes | None
    value: bytes | None
    event_id: UUID | None = None


class Fingerprint(NamedTuple):
    """What identifies the record at an offset: a log that differs there is another log."""

    offset: int
    timestamp: int
    crc: int


def fingerprint(message: Message) -> Fingerprint:
    """Return the message's offset, its time in milliseconds and the CRC-32 of key and value."""
    crc = zlib.crc32(message.value or b"", zlib.crc32(message.key or b""))
    return Fingerprint(message.offset, message.timestamp, crc)


def decode_plain(messages: Sequence[Message], rules: Rules) -> list[Row] | None:
    """Decode messages that are all plain events at once, as nearly all are.

    None: something is not plain, and ``decode`` tells what; both agree on every event.
    """
    values = [message.value for message in messages if _may_be_object(message.value)]
    if rules.refused_days or rules.refused_events or len(values) < len(messages):
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
        if not -future <= receipt - time <= past or event_id in NO_IDENTITIES:
            return None
        rows.append((time, event_id, record.post_id, record.user_id, record.type, receipt))
    return rows


def _may_be_object(value: bytes | None) -> TypeGuard[bytes]:
    """Tell whether a value may be one JSON object with nothing around it."""
    if not value or len(value) > MAX_EVENT_BYTES:
        return False
    return value.startswith(b"{") and value.endswith(b"}")


def decode(message: Message, rules: Rules) -> Row | Retracted | DeadLetter:
    """Decode a message: it becomes a row, a retraction or a dead letter."""
    try:
        return _row(message, rules)
    except InvalidEvent as error:
        fault = error
    if retraction := decode_retraction(message.value or b""):
        retracted = _retracted(retraction, message)
        why = rules.refused_events.get(retracted[:2])
        if why is None:
            return retracted
        fault = InvalidEvent(REFUSED, why)
    return DeadLetter(
        message.offset,
        fault.code,
        fault.detail,
        instant_of(message.timestamp),
        message.key,
        message.value,
        event_id_in(message.value),
    )


def event_id_in(value: bytes | None) -> UUID | None:
    """Return the event's id, where that much of a record can be read."""
    if not value or len(value) > MAX_EVENT_BYTES:
        return None
    try:
        return _named(value).event_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _retracted(retraction: Retraction, message: Message) -> Retracted:
    return Retracted(
        microseconds(retraction.engaged_timestamp),
        retraction.retracted_event_id.bytes,
        retraction.post_id or retraction.post or 0,
        retraction.received_timestamp or instant_of(message.timestamp),
    )


def _row(message: Message, rules: Rules) -> Row:
    value = message.value
    if not value:
        raise InvalidEvent("empty_value", "the record has no value")
    if len(value) > MAX_EVENT_BYTES:
        raise InvalidEvent("event_too_large", f"the value is over {MAX_EVENT_BYTES} bytes")
    record: Record = decode_record(value)
    received = record.received_timestamp or instant_of(message.timestamp)
    check(record, received, rules.window)
    identity = microseconds(record.engaged_timestamp), record.event_id.bytes
    if rules.refused_days and day(identity[0]) in rules.refused_days:
        raise InvalidEvent("day_refused", "engaged_timestamp: PostgreSQL keeps no such day")
    if rules.refused_events and (why := rules.refused_events.get(identity)) is not None:
        raise InvalidEvent(REFUSED, why)
    return (
        *identity,
        record.post_id or record.post or 0,
        record.user_id or record.user,
        record.type,
        microseconds(received),
    )


def instant_of(milliseconds: int) -> datetime:
    """Return a record timestamp as an instant; what no calendar holds becomes 1970."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return _EPOCH
