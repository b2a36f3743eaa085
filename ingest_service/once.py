"""One like a user and post, one view a user, post and half an hour: by deriving the identity.

Identity is (event_id, engaged_timestamp). Events that shall count once in a window of time get
the window's start as their time and an id made from what they are about, so the second one is
a duplicate like any other: the consumer recognises it, and no state is kept here. Windows are
counted from 1970-01-01T00:00:00Z, so a window of one day is a day in UTC.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl
from uuid import UUID

from msgspec.structs import replace

from schema.admission import Window, check
from schema.event import Record
from schema.http.problems import Problem

Rules = Mapping[str, timedelta]
"""The length of the window by event type; types that are not in it are left alone."""

SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = {
    "view": timedelta(days=1),
    "like": timedelta(days=366),
    "share": timedelta(days=366),
}
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_RULE: Final = re.compile(r"(\w{1,10}):([1-9]\d{0,5})([mhd])", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION_7: Final = 7 << 76
_VARIANT: Final = 2 << 62
_NONE: Final[Rules] = {}


def rules(query_string: bytes, window: Window) -> Rules:
    """Return what the query's ``once`` asks for; nothing where there is none.

    Raises:
        Problem: 422, it cannot be read or exceeds a bound.
    """
    if b"once=" not in query_string:
        return _NONE
    given = [value for name, value in parse_qsl(query_string.decode("latin-1")) if name == "once"]
    if not given:
        return _NONE
    if len(given) > 1:
        raise Problem(422, "invalid_once", "once: give it one time")
    return parse(given[0], window.past)


@lru_cache(maxsize=64)
def parse(text: str, kept: timedelta) -> Rules:
    """Read rules such as ``view:30m,like:1d``.

    Args:
        text: type and length of each window, separated by commas; m, h, d.
        kept: how long events are accepted for; a window's start must not be older.

    Raises:
        Problem: 422 with the bounds.
    """
    found: dict[str, timedelta] = {}
    for part in text.split(","):
        rule = _RULE.fullmatch(part)
        longest = min(LONGEST.get(rule[1], timedelta()), kept) if rule else timedelta()
        length = int(rule[2]) * _UNITS[rule[3]] if rule else timedelta()
        if rule is None or rule[1] in found or not SHORTEST <= length <= longest:
            raise Problem(
                422,
                "invalid_once",
                "once: expected such as view:30m,like:1d; view from 1m to 1d, like and share"
                " from 1m to 366d, and no longer than events are kept",
            )
        found[rule[1]] = length
    return found


def derive(record: Record, rules: Rules, window: Window) -> Record:
    """Give an event of a known user the identity that all of its kind share in its window.

    The client's own event_id gives way to the derived one; its time selects the window.

    Raises:
        InvalidEvent: the window's start is older than events may be.
    """
    length = rules.get(record.type)
    user = record.user_id or record.user
    if length is None or user is None:
        return record
    start = _EPOCH + (record.engaged_timestamp - _EPOCH) // length * length
    post = record.post_id or record.post
    subject = f"{record.type}:{post!r}:{user!r}:{length // SHORTEST}"
    derived = replace(record, event_id=_id(start, subject), engaged_timestamp=start)
    assert derived.received_timestamp is not None  # noqa: S101  (admitted here)
    check(derived, derived.received_timestamp, window)
    return derived


def _id(start: datetime, subject: str) -> UUID:
    """Return a UUID of version 7's shape whose 74 random bits are a hash."""
    milliseconds = (start - _EPOCH) // timedelta(milliseconds=1)
    digest = hashlib.blake2b(f"{milliseconds}:{subject}".encode(), digest_size=10).digest()
    bits = int.from_bytes(digest) >> 6
    return UUID(
        int=milliseconds << 80
        | _VERSION_7
        | (bits >> 62) << 64
        | _VARIANT
        | (bits & ((1 << 62) - 1))
    )
