"""UUIDs of version 7 (RFC 9562, section 5.7), whose first 48 bits are a Unix time in ms."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from schema.times import EPOCH

_VERSION: Final = 7 << 76
_VARIANT: Final = 2 << 62
RANDOM_BITS: Final = 74


def uuid7_of(milliseconds: int, random_bits: int) -> UUID:
    """Return a UUIDv7 with this time and these 74 bits in place of random ones."""
    high, low = random_bits >> 62, random_bits & ((1 << 62) - 1)
    return UUID(int=milliseconds << 80 | _VERSION | high << 64 | _VARIANT | low)


def is_uuid7(value: UUID) -> bool:
    """Return whether a UUID has version 7, and so contains a time."""
    return value.version == 7


def time_of(value: UUID) -> datetime:
    """Return the time in a UUIDv7. Raises OverflowError beyond the year 9999."""
    return EPOCH + timedelta(milliseconds=value.int >> 80)
