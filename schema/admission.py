"""The rules of an event's identity and time, which ingest and consumer both obey.

What ``admit`` lets pass can be stored, so an accepted event never becomes a dead letter.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from schema.errors import InvalidEvent
from schema.event import Draft, Record

NO_IDENTITIES: Final = frozenset({bytes(16), b"\xff" * 16})
"""The nil and the max UUID."""
_VERSION_7: Final = 7
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Mint = Callable[[datetime], UUID]


class Window(msgspec.Struct, frozen=True):
    """How far an event's time may lie from its receipt."""

    past: timedelta
    future: timedelta


def admit(draft: Draft, received: datetime, window: Window, mint: Mint) -> Record:
    """Complete a draft into the record that is produced.

    Args:
        draft: what the client sent.
        received: the time of receipt, UTC.
        window: the accepted distance between engaged_timestamp and *received*.
        mint: makes a UUIDv7 of the time of receipt where the client gave no id.

    Raises:
        InvalidEvent: the id or the time is refused.
    """
    event_id = mint(received) if draft.event_id is None else draft.event_id
    engaged = draft.engaged_timestamp
    if engaged is None:
        # Also of an id minted here: the answer names the id alone, and that must be enough.
        engaged = _time_inside(event_id)
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
    check(record, received, window)
    return record


def check(record: Record, received: datetime, window: Window) -> None:
    """Raise InvalidEvent unless the record's identity and time may be stored."""
    if record.event_id.bytes in NO_IDENTITIES:
        raise InvalidEvent("invalid_event_id", "event_id: the nil and max UUIDs identify nothing")
    age = received - record.engaged_timestamp
    if age > window.past:
        raise InvalidEvent(
            "timestamp_too_old",
            f"engaged_timestamp: more than {window.past.days} days before its receipt",
        )
    if -age > window.future:
        raise InvalidEvent(
            "timestamp_in_future",
            f"engaged_timestamp: more than {window.future.total_seconds():.0f} s after its receipt",
        )


def _time_inside(event_id: UUID) -> datetime:
    """Return the instant a version-7 id carries, to the millisecond (RFC 9562, 5.7)."""
    if event_id.version != _VERSION_7:
        raise InvalidEvent(
            "timestamp_required",
            "engaged_timestamp: required with an event_id that is not version 7,"
            " because a retry must carry the same time",
        )
    try:
        return _EPOCH + timedelta(milliseconds=event_id.int >> 80)
    except OverflowError:
        raise InvalidEvent("timestamp_in_future", "event_id: its time is out of range") from None
