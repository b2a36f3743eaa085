"""Dates and times, parsed strictly: Unix times and week dates, for example, are rejected."""

import re
from datetime import UTC, date, datetime
from typing import Any, Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
RFC3339: Final = re.compile(
    "(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])[Tt ]"
    "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?"
    "(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_DATE: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
EXPECTED_DATE: Final = "expected a date, like 2026-01-31"
EXPECTED_INSTANT: Final = "expected an RFC 3339 date-time with an offset, like 2026-01-31T09:30:00Z"


def read_rfc3339(value: Any) -> Any:
    """Parse a string as RFC 3339 with an offset (a pydantic validator)."""
    if not isinstance(value, str):
        return value
    if not RFC3339.fullmatch(value):
        raise ValueError(EXPECTED_INSTANT)
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (OverflowError, ValueError):
        raise ValueError("no such date, or out of range") from None


def read_date(value: Any) -> Any:
    """Parse a string as YYYY-MM-DD (a pydantic validator)."""
    if not isinstance(value, str):
        return value
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError(EXPECTED_DATE)
