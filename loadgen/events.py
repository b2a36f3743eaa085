"""The event as a client writes it, and the ids a client mints."""

from typing import Final

import msgspec

_VERSION: Final = 7 << 76
_VARIANT: Final = 2 << 62
_LOW_62_BITS: Final = (1 << 62) - 1


class Event(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One event, in the names and the text forms of the wire, so that encoding is cheap."""

    event_id: str
    post_id: int
    type: str
    engaged_timestamp: str
    user_id: int | None = None


encode: Final = msgspec.json.Encoder().encode
"""Encode an Event as the JSON a client sends."""


def mint(instant_us: int, random_bits: int) -> str:
    """Return the version-7 UUID of an instant (RFC 9562, 5.7).

    Args:
        instant_us: microseconds since 1970 (UTC); the id carries its milliseconds.
        random_bits: 74 of them; the same ones give the same id.
    """
    high = (random_bits >> 62) << 64
    low = random_bits & _LOW_62_BITS
    digits = f"{instant_us // 1000 << 80 | _VERSION | high | _VARIANT | low:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
