"""From a record's bytes to a row, or to a dead letter. Pure."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple, Protocol
from uuid import UUID

import msgspec

from schema.admission import Window, check
from schema.errors import InvalidEvent
from schema.event import MAX_EVENT_BYTES, Record, Retraction, decode_record, decode_retraction

REFUSED: Final = "refused_by_database"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Row = tuple[datetime, UUID, int | str, int | str | None, str, datetime]
"""A row of engagements in the order of COLUMNS; the identity comes first, so rows sort by it.

A text in the place of a post's or a user's number is its external id, to be resolved.
"""

COLUMNS: Final = (
    "engaged_timestamp",
    "event_id",
    "post_id",
    "user_id",
    "type",
    "received_timestamp",
)


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
    refused_events: dict[tuple[datetime, UUID], str] = field(default_factory=dict)


class Retracted(NamedTuple):
    """An event that is taken back; a text in the place of its post is an external id."""

    engaged: datetime
    event_id: UUID
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


def decode(messages: Sequence[Message], rules: Rules) -> list[Row | Retracted | DeadLetter]:
    """Decode messages in their order; each becomes a row, a retraction or a dead letter."""
    return [_decode_one(message, rules) for message in messages]


def _decode_one(message: Message, rules: Rules) -> Row | Retracted | DeadLetter:
    try:
        return _row(message, rules)
    except InvalidEvent as error:
        fault = error
    if retraction := decode_retraction(message.value or b""):
        retracted = _retracted(retraction, message)
        why = rules.refused_events.get((retracted.engaged, retracted.event_id))
        if why is None:
            return retracted
        fault = InvalidEvent(REFUSED, why)
    return DeadLetter(
        message.offset,
        fault.code,
        fault.detail,
        instant(message.timestamp),
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
        retraction.engaged_timestamp,
        retraction.retracted_event_id,
        retraction.post_id or retraction.post or 0,
        retraction.received_timestamp or instant(message.timestamp),
    )


def _row(message: Message, rules: Rules) -> Row:
    value = message.value
    if not value:
        raise InvalidEvent("empty_value", "the record has no value")
    if len(value) > MAX_EVENT_BYTES:
        raise InvalidEvent("event_too_large", f"the value is over {MAX_EVENT_BYTES} bytes")
    record: Record = decode_record(value)
    received = record.received_timestamp or instant(message.timestamp)
    check(record, received, rules.window)
    if rules.refused_days and record.engaged_timestamp.date() in rules.refused_days:
        raise InvalidEvent("day_refused", "engaged_timestamp: PostgreSQL keeps no such day")
    if rules.refused_events:
        why = rules.refused_events.get((record.engaged_timestamp, record.event_id))
        if why is not None:
            raise InvalidEvent(REFUSED, why)
    return (
        record.engaged_timestamp,
        record.event_id,
        record.post_id or record.post or 0,
        record.user_id or record.user,
        record.type,
        received,
    )


def instant(milliseconds: int) -> datetime:
    """Return a record timestamp as an instant; what no calendar holds becomes 1970."""
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return _EPOCH
