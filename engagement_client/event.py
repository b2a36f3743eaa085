"""Events and retractions.

An event gets its identity once, so that every retry sends the same event.
"""

import json
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, Literal, Self, TypedDict, get_args
from uuid import UUID

EventType = Literal["view", "like", "comment", "share"]

MAX_ID: Final = 2**63 - 1
MAX_TEXT_ID: Final = 200
_TYPES: Final = get_args(EventType)
_UNSTORABLE: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_MAX_UUID: Final = 2**128 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Named(TypedDict, total=False):
    """The post and the time of an event.

    Attributes:
        post_id: the number of the post; give either ``post_id`` or ``post``.
        post: the external ID of the post.
        at: when it happened, an aware datetime. Default: the time in a version-7 event_id.
    """

    post_id: int
    post: str
    at: datetime


class Details(Named, total=False):
    """The details of an event.

    Attributes:
        user_id: the number of the user; give at most one of ``user_id`` and ``user``.
        user: the external ID of the user.
        event_id: your own ID. Default: a new UUIDv7, which contains the time.
    """

    user_id: int | None
    user: str | None
    event_id: UUID | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """The identity of an event, which is its ID and its time, and its post.

    Raises:
        ValueError: the service would reject it.
    """

    PATH: ClassVar[str]
    """The service's route for a batch."""

    event_id: UUID
    engaged_timestamp: datetime
    post_id: int | None = None
    post: str | None = None

    def __post_init__(self) -> None:
        if (self.post_id is None) == (self.post is None):
            raise ValueError("exactly one of post_id and post is required")
        _check_number("post_id", self.post_id)
        _check_text("post", self.post)
        if not 0 < self.event_id.int < _MAX_UUID:
            raise ValueError("event_id: the nil and max UUIDs identify nothing")
        if self.engaged_timestamp.utcoffset() is None:
            raise ValueError("engaged_timestamp: expected an aware datetime, with a time zone")

    def to_json(self) -> str:
        """Return the JSON that the service and `from_json` read."""
        given = {name: value for name, value in self._members().items() if value is not None}
        return json.dumps(given, separators=(",", ":"))

    def _members(self) -> dict[str, object]:
        return {
            "event_id": str(self.event_id),
            "engaged_timestamp": self.engaged_timestamp.astimezone(UTC).isoformat(),
            "post_id": self.post_id,
            "post": self.post,
        }

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Parse the output of `to_json`. Raises ValueError."""
        given = json.loads(text)
        try:
            given["event_id"] = UUID(given["event_id"])
            given["engaged_timestamp"] = datetime.fromisoformat(given["engaged_timestamp"])
            return cls(**given)
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"expected a JSON object as {cls.__name__}.to_json writes it"
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Identified):
    """One event with its identity. Raises ValueError if the service would reject it."""

    PATH: ClassVar[str] = "/events/batch"

    type: EventType
    user_id: int | None = None
    user: str | None = None

    def __post_init__(self) -> None:
        if self.type not in _TYPES:
            raise ValueError(f"type: expected one of {', '.join(_TYPES)}")
        if self.user_id is not None and self.user is not None:
            raise ValueError("at most one of user_id and user may be given")
        _check_number("user_id", self.user_id)
        _check_text("user", self.user)
        super(Event, self).__post_init__()  # super() alone would name the class without slots

    def _members(self) -> dict[str, object]:
        own = {"type": self.type, "user_id": self.user_id, "user": self.user}
        return super(Event, self)._members() | own

    @classmethod
    def stamp(cls, kind: EventType, details: Details) -> Self:
        """Create an event with an identity. Raises ValueError."""
        event_id, at = details.get("event_id"), details.get("at")
        if event_id is None:
            event_id = new_event_id()
        elif not isinstance(event_id, UUID):
            event_id = UUID(event_id)
        return cls(
            event_id=event_id,
            type=kind,
            engaged_timestamp=_time_of(event_id) if at is None else at,
            post_id=details.get("post_id"),
            post=details.get("post"),
            user_id=details.get("user_id"),
            user=details.get("user"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraction(Identified):
    """Retracts an event, for example after an unlike."""

    PATH: ClassVar[str] = "/events/retractions"

    @classmethod
    def of(cls, event_id: UUID | str, named: Named) -> Self:
        """Create the retraction of a tracked event. Raises ValueError."""
        identity = event_id if isinstance(event_id, UUID) else UUID(event_id)
        at = named.get("at")
        return cls(
            event_id=identity,
            engaged_timestamp=_time_of(identity) if at is None else at,
            post_id=named.get("post_id"),
            post=named.get("post"),
        )


Tracked = Event | Retraction


def from_json(text: str | bytes) -> Tracked:
    """Parse an event or a retraction from stored JSON. Raises ValueError."""
    given = json.loads(text)
    kind = Event if isinstance(given, dict) and "type" in given else Retraction
    return kind.from_json(text)


def new_event_id() -> UUID:
    """Return a new UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds, the rest random."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def _time_of(event_id: UUID) -> datetime:
    """Return the time in a version-7 ID, as the service reads it."""
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
    # A bool is an int in Python, but not an ID.
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_ID:
        raise ValueError(f"{name}: expected an integer from 1 to {MAX_ID}")


def _check_text(name: str, value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not value or _UNSTORABLE.search(value):
        raise ValueError(
            f"{name}: expected text that is not empty, without control characters and surrogates"
        )
    if len(value) > MAX_TEXT_ID:
        raise ValueError(f"{name}: expected at most {MAX_TEXT_ID} characters")
