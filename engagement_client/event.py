"""The event: stamped once with its identity, so that every retry is the same event."""

import json
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Self, TypedDict, get_args
from uuid import UUID

EventType = Literal["view", "like", "comment", "share"]

MAX_ID: Final = 2**63 - 1
MAX_TEXT_ID: Final = 200
_TYPES: Final = get_args(EventType)
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_MAX_UUID: Final = 2**128 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Details(TypedDict, total=False):
    """What may be said about an event.

    Attributes:
        post_id: the post by number; exactly one of ``post_id`` and ``post`` is given.
        post: the post by the id your own system has for it.
        user_id: the reader by number; at most one of ``user_id`` and ``user`` is given.
        user: the reader by the id your own system has.
        event_id: an identity of your own; minted when absent.
        at: when it happened, aware; now when absent, or the time inside a version-7 event_id.
    """

    post_id: int
    post: str
    user_id: int | None
    user: str | None
    event_id: UUID | str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event with its identity: ``event_id`` and ``engaged_timestamp``.

    Raises:
        ValueError: the service would refuse it.
    """

    event_id: UUID
    type: EventType
    engaged_timestamp: datetime
    post_id: int | None = None
    post: str | None = None
    user_id: int | None = None
    user: str | None = None

    def __post_init__(self) -> None:
        if self.type not in _TYPES:
            raise ValueError(f"type: expected one of {', '.join(_TYPES)}")
        if (self.post_id is None) == (self.post is None):
            raise ValueError("exactly one of post_id and post is required")
        if self.user_id is not None and self.user is not None:
            raise ValueError("at most one of user_id and user may be given")
        for name in ("post_id", "user_id"):
            _check_number(name, getattr(self, name))
        for name in ("post", "user"):
            _check_text(name, getattr(self, name))
        if not 0 < self.event_id.int < _MAX_UUID:
            raise ValueError("event_id: the nil and max UUIDs identify nothing")
        if self.engaged_timestamp.utcoffset() is None:
            raise ValueError("engaged_timestamp: expected an aware datetime, with a time zone")

    @classmethod
    def stamp(cls, kind: EventType, details: Details) -> Self:
        """Make the event of what a caller says, with an identity. Raises ValueError."""
        event_id, at = details.get("event_id"), details.get("at")
        if event_id is None:
            event_id = mint()
        elif not isinstance(event_id, UUID):
            event_id = UUID(event_id)
        return cls(
            event_id=event_id,
            type=kind,
            engaged_timestamp=_time_inside(event_id) if at is None else at,
            post_id=details.get("post_id"),
            post=details.get("post"),
            user_id=details.get("user_id"),
            user=details.get("user"),
        )

    def to_json(self) -> str:
        """Return the event as the service reads it, and as `from_json` does."""
        fields = {
            "event_id": str(self.event_id),
            "type": self.type,
            "engaged_timestamp": self.engaged_timestamp.astimezone(UTC).isoformat(),
            "post_id": self.post_id,
            "post": self.post,
            "user_id": self.user_id,
            "user": self.user,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(given, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `to_json` wrote; the identity is the same. Raises ValueError."""
        fields = json.loads(text)
        try:
            fields["event_id"] = UUID(fields["event_id"])
            fields["engaged_timestamp"] = datetime.fromisoformat(fields["engaged_timestamp"])
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise ValueError("expected an event as Event.to_json writes it") from error


def mint() -> UUID:
    """Return a new UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds, the rest random."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def _time_inside(event_id: UUID) -> datetime:
    """Return the instant a version-7 id carries, as the service would take it."""
    if event_id.version != 7:
        raise ValueError(
            "at: required with an event_id that is not version 7,"
            " because a retry must carry the same time"
        )
    try:
        return _EPOCH + timedelta(milliseconds=event_id.int >> 80)
    except OverflowError:
        raise ValueError("event_id: its time is out of range") from None


def _check_number(name: str, value: object) -> None:
    if value is None:
        return
    # A bool is an int to Python, and no id.
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_ID:
        raise ValueError(f"{name}: expected an integer from 1 to {MAX_ID}")


def _check_text(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not value or _UNSTORABLE.search(value):
        raise ValueError(f"{name}: expected text that is not empty, without NUL and surrogates")
    if len(value) > MAX_TEXT_ID:
        raise ValueError(f"{name}: expected at most {MAX_TEXT_ID} characters")
