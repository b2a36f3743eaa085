"""Events as a client sends them: IDs, bodies of requests, and repeated and invalid events."""

import gzip
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec

from schema.event import MAX_ID
from schema.uuid7 import uuid7_of

ACCEPTED: Final = "accepted"
UNAVAILABLE: Final = "unavailable"
"""Kafka did not acknowledge the event in time. It may be stored: send it again with its ID."""

UNKNOWN: Final = "unknown"
"""The sender gave up without a response."""

_GZIP_LEVEL: Final = 1  # a higher level costs more CPU than it saves in network time
_NEAR_EVENTS: Final = 100
_FAR_EVENTS: Final = 5_000
# A version-4 id carries no time.
_TIMELESS: Final = "8c4f0d0e-3c53-4c0f-9a54-3f1d5a3b7e11"
_FAR_AHEAD: Final = "2199-12-31T23:59:59Z"
_LONG_AGO: Final = "2001-01-01T00:00:00Z"


class Event(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An event with the field names and text values of JSON, so that encoding is fast."""

    event_id: str
    post_id: int
    type: str
    engaged_timestamp: str
    user_id: int | None = None


encode: Final = msgspec.json.Encoder().encode


def new_event_id(instant_us: int, random_bits: int) -> str:
    """Return the version-7 UUID of an instant (RFC 9562, 5.7).

    Args:
        instant_us: microseconds since 1970 (UTC); the id carries its milliseconds.
        random_bits: 74 of them; the same ones give the same id.
    """
    return str(uuid7_of(instant_us // 1000, random_bits))


class Format(StrEnum):
    SINGLE = "single"
    JSON = "json"
    NDJSON = "ndjson"


@dataclass(frozen=True)
class Wire:
    """The encoding of requests.

    Attributes:
        format: SINGLE sends each event on its own, the others send batches.
        is_compressed: send gzip.
    """

    format: Format = Format.JSON
    is_compressed: bool = False

    @property
    def path(self) -> str:
        return "/events" if self.format is Format.SINGLE else "/events/batch"

    @property
    def headers(self) -> dict[str, str]:
        is_ndjson = self.format is Format.NDJSON
        headers = {"Content-Type": "application/x-ndjson" if is_ndjson else "application/json"}
        if self.is_compressed:
            headers["Content-Encoding"] = "gzip"
        return headers

    def body(self, events: Sequence[bytes]) -> bytes:
        """Return a request body of events, each given as JSON."""
        if self.format is Format.JSON:
            plain = b"[" + b",".join(events) + b"]"
        else:
            plain = b"\n".join(events)
        return gzip.compress(plain, _GZIP_LEVEL, mtime=0) if self.is_compressed else plain


def _with(field: str, *values: Any) -> Callable[[Event, Random], bytes]:
    """Give *field* one of *values*."""

    def corrupt(event: Event, random: Random) -> bytes:
        return encode(msgspec.to_builtins(event) | {field: random.choice(values)})

    return corrupt


def _without(*fields: str) -> Callable[[Event, Random], bytes]:
    """Leave out one of *fields*."""

    def corrupt(event: Event, random: Random) -> bytes:
        members = msgspec.to_builtins(event)
        del members[random.choice(fields)]
        return encode(members)

    return corrupt


def _timeless(event: Event, _random: Random) -> bytes:
    return encode({"event_id": _TIMELESS, "post_id": event.post_id, "type": event.type})


def _cut_short(event: Event, random: Random) -> bytes:
    whole = encode(event)
    return whole[: random.randrange(1, len(whole))]


FAULTS: Final[dict[str, Callable[[Event, Random], bytes]]] = {
    "missing_field": _without("post_id", "type"),
    "unknown_field": _with("reaction", "like", None),
    "not_an_object": lambda event, random: encode(random.choice([[event], event.type, 7, None])),
    "invalid_post_id": _with("post_id", 0, -1, MAX_ID + 1, "7", 1.5, True),
    "invalid_user_id": _with("user_id", 0, -1, MAX_ID + 1, "anonymous", 0.5, False),
    "invalid_type": _with("type", "View", "dislike", "", 3, None),
    "invalid_event_id": _with(
        "event_id", "42", "", 42, str(UUID(int=0)), str(UUID(int=2**128 - 1))
    ),
    "invalid_engaged_timestamp": _with(
        "engaged_timestamp", "2026-01-31T09:30:00", "2026-02-30T09:30:00Z", "today", 1769851800
    ),
    "timestamp_required": _timeless,
    "timestamp_too_old": _with("engaged_timestamp", _LONG_AGO),
    "timestamp_in_future": _with("engaged_timestamp", _FAR_AHEAD),
    "malformed_json": _cut_short,
}
"""Functions that corrupt an event, by the expected error."""

BREAKS_AN_ARRAY: Final = frozenset({"malformed_json"})
"""Errors of bytes that would make a whole JSON array malformed."""


def corrupt(event: Event, error: str, random: Random) -> bytes:
    """Return the bytes of an invalid variant of *event*, with another ID.

    Args:
        event: a valid event.
        error: a key of FAULTS: how the reply must name the fault.
        random: chooses among the variants of a fault.
    """
    milliseconds = int(event.event_id[:8] + event.event_id[9:13], 16)
    relative = msgspec.structs.replace(
        event, event_id=new_event_id(milliseconds * 1000, random.getrandbits(74))
    )
    return FAULTS[error](relative, random)


class Item(msgspec.Struct, frozen=True, gc=False):
    """An event as it is sent.

    Attributes:
        body: its bytes.
        event: what they say; None for an invalid one.
        error: how the reply must name its fault; None for a valid one.
    """

    body: bytes
    event: Event | None
    error: str | None = None


@dataclass(frozen=True)
class Mix:
    """Additional events, as shares of the number of valid ones, from 0 to 1.

    Attributes:
        duplicates: events sent once more, half of them soon after, half of them much later.
        invalid: events that must be refused, of every kind in turn.
    """

    duplicates: float = 0.0
    invalid: float = 0.0


class Mixer:
    """Adds to a stream of events; the same seed and the same stream give the same items."""

    def __init__(self, mix: Mix, seed: int, *, part: int = 0, is_array: bool) -> None:
        """Create a mixer. *is_array*: the events will be elements of JSON arrays."""
        self._mix = mix
        self._random = Random(f"{seed}:{part}:mixture")
        self._near: deque[Item] = deque(maxlen=_NEAR_EVENTS)
        self._far: list[Item] = []
        self._seen = 0
        self._errors = [e for e in FAULTS if not (is_array and e in BREAKS_AN_ARRAY)]

    def mix(self, events: Iterable[Event]) -> Iterator[Item]:
        """Yield an item for each event, and the additional ones among them."""
        chance = self._random.random
        for event in events:
            item = Item(encode(event), event)
            yield item
            if self._mix.duplicates:
                self._remember(item)
                if chance() < self._mix.duplicates:
                    yield self._random.choice(self._near if chance() < 0.5 else self._far)
            if chance() < self._mix.invalid:
                error = self._random.choice(self._errors)
                yield Item(corrupt(event, error, self._random), None, error)

    def _remember(self, item: Item) -> None:
        """Keep the latest events, and a uniform sample of all before (Vitter's algorithm R)."""
        self._near.append(item)
        self._seen += 1
        if len(self._far) < _FAR_EVENTS:
            self._far.append(item)
        elif (place := self._random.randrange(self._seen)) < _FAR_EVENTS:
            self._far[place] = item
