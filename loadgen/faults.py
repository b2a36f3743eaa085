"""Events that must be refused: one recipe for each error of the contract.

A recipe turns an event into what a faulty client would send in its place.
"""

from collections.abc import Callable
from random import Random
from typing import Any, Final
from uuid import UUID

import msgspec

from loadgen.events import Event, encode, mint
from schema.event import MAX_ID

_encode: Final = msgspec.json.Encoder().encode

# A version-4 id carries no time.
_TIMELESS: Final = "8c4f0d0e-3c53-4c0f-9a54-3f1d5a3b7e11"
_FAR_AHEAD: Final = "2199-12-31T23:59:59Z"
_LONG_AGO: Final = "2001-01-01T00:00:00Z"


def _with(field: str, *values: Any) -> Callable[[Event, Random], bytes]:
    """Give *field* one of *values*."""

    def spoil(event: Event, random: Random) -> bytes:
        return _encode(msgspec.to_builtins(event) | {field: random.choice(values)})

    return spoil


def _without(*fields: str) -> Callable[[Event, Random], bytes]:
    """Leave out one of *fields*."""

    def spoil(event: Event, random: Random) -> bytes:
        members = msgspec.to_builtins(event)
        del members[random.choice(fields)]
        return _encode(members)

    return spoil


def _timeless(event: Event, _random: Random) -> bytes:
    return _encode({"event_id": _TIMELESS, "post_id": event.post_id, "type": event.type})


def _cut_short(event: Event, random: Random) -> bytes:
    whole = encode(event)
    return whole[: random.randrange(1, len(whole))]


FAULTS: Final[dict[str, Callable[[Event, Random], bytes]]] = {
    "missing_field": _without("post_id", "type"),
    "unknown_field": _with("reaction", "like", None),
    "not_an_object": lambda event, random: _encode(random.choice([[event], event.type, 7, None])),
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
"""Recipes by the error that must come back."""

BREAKS_AN_ARRAY: Final = frozenset({"malformed_json"})
"""Errors that cannot stand in a JSON array without making the whole of it malformed."""


def spoil(event: Event, error: str, random: Random) -> bytes:
    """Return the bytes of a faulty relative of *event*, with an id of its own.

    Args:
        event: a valid event.
        error: a key of FAULTS: how the reply must name the fault.
        random: chooses among the variants of a fault.
    """
    milliseconds = int(event.event_id[:8] + event.event_id[9:13], 16)
    relative = msgspec.structs.replace(
        event, event_id=mint(milliseconds * 1000, random.getrandbits(74))
    )
    return FAULTS[error](relative, random)
