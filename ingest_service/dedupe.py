"""Count an event once per user, post and window, by deriving its identity (``once=like:1d``).

Events with the same type, post, user and window get the same event ID, and the window's start as
their time. So the second one is a duplicate like any other, which the consumer recognises, and
the ingest service needs no state. Windows start at multiples of their length since
1970-01-01T00:00:00Z, so that a window of one day is a day in UTC.

The ID is an HMAC with a secret of the deployment: without it, knowing post, user and window is
not enough to retract the event or to send another one with its ID.
"""

import hmac
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from schema.event import Record
from schema.times import EPOCH
from schema.uuid7 import RANDOM_BITS, uuid7_of
from schema.validation import Window, validate
from web.problems import Problem

Rules = Mapping[str, timedelta]
"""Length of the window by event type. Events of other types stay as they are."""

SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = {
    "view": timedelta(days=1),
    "like": timedelta(days=366),
    "share": timedelta(days=366),
}
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_RULE: Final = re.compile(r"(\w{1,10}):([1-9]\d{0,5})([mhd])", re.ASCII)


def parse_once(given: list[str], window: Window) -> Rules:
    """Parse the values of the query parameter ``once``; an empty one has no rules.

    Raises:
        Problem: 422, it is malformed, repeated or out of bounds.
    """
    values = [value for value in given if value]
    if len(values) > 1:
        raise Problem(422, "invalid_once", "once: give it one time")
    return _parse(values[0], window.past) if values else {}


@lru_cache(maxsize=64)
def _parse(text: str, max_age: timedelta) -> Rules:
    """Parse rules such as ``view:30m,like:1d``.

    Args:
        text: type and length of each window, separated by commas; units are m, h and d.
        max_age: of events; the start of a window must not be older.
    """
    rules: dict[str, timedelta] = {}
    for part in text.split(","):
        rule = _RULE.fullmatch(part)
        longest = min(LONGEST.get(rule[1], timedelta()), max_age) if rule else timedelta()
        length = int(rule[2]) * _UNITS[rule[3]] if rule else timedelta()
        if rule is None or rule[1] in rules or not SHORTEST <= length <= longest:
            raise Problem(
                422,
                "invalid_once",
                "once: expected a value such as view:30m,like:1d; view from 1m to 1d, like and"
                " share from 1m to 366d, and not longer than the maximum age of events",
            )
        rules[rule[1]] = length
    return rules


def derive_identity(record: Record, rules: Rules, window: Window, key: bytes) -> Record:
    """Give an event of a known user the identity of all events of its kind in its window.

    Args:
        record: a validated event. Its time selects the window, its own ID is replaced.
        rules: length of the window by event type.
        window: accepted event times.
        key: the deployment's secret.

    Raises:
        InvalidEvent: the window's start is older than events may be.
    """
    length = rules.get(record.type)
    user = record.user_id or record.user
    if length is None or user is None:
        return record
    start = EPOCH + (record.engaged_timestamp - EPOCH) // length * length
    milliseconds = (start - EPOCH) // timedelta(milliseconds=1)
    post = record.post_id or record.post
    subject = f"{milliseconds}:{record.type}:{post!r}:{user!r}:{length // SHORTEST}"
    digest = hmac.digest(key, subject.encode(), "sha256")
    event_id = uuid7_of(milliseconds, int.from_bytes(digest[:10]) >> (80 - RANDOM_BITS))
    derived = replace(record, event_id=event_id, engaged_timestamp=start)
    assert derived.received_timestamp is not None  # noqa: S101  (EventParser sets it)
    validate(derived, derived.received_timestamp, window)
    return derived
