"""Rows of engagements in memory: their identities, counts and binary COPY.

Times are microseconds since 2000-01-01 UTC and IDs are bytes, as PostgreSQL stores both: rows sort
like its primary key, and COPY's binary format is packed from them without conversion. Objects for
times and IDs would cost more than everything else that is done to an event.
"""

from array import array
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from struct import Struct
from typing import Any, Final
from uuid import UUID

from schema.event import TYPES
from sql.pool import AnyConnection

Identity = tuple[int, bytes]
"""Identity of an event: engaged_timestamp and event_id."""

Row = tuple[int, bytes, int | str, int | str | None, str, int]
"""Values in the order of COLUMNS. Rows begin with the identity, so they sort by it.

A string in place of a post's or a user's number is an external ID that is not resolved yet.
"""

COLUMNS: Final = (
    "engaged_timestamp",
    "event_id",
    "post_id",
    "user_id",
    "type",
    "received_timestamp",
)
SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.date()
_CHUNK_ROWS: Final = 1_000
_Pack = Callable[..., bytes]
_PAIRS: Final = 2**20
_MASK: Final = 2 * _PAIRS - 2
_QUARTER: Final = 900 * SECOND
_POSITION: Final = {name: position for position, name in enumerate(TYPES)}

CountColumns = tuple[list[Any], list[int], list[int], list[int], list[int]]
"""Keys, ascending, and the views, likes, comments and shares of each."""


def microseconds(instant: datetime) -> int:
    """Return an aware datetime as microseconds since 2000-01-01 UTC."""
    since = instant - _EPOCH
    return since.days * DAY + since.seconds * SECOND + since.microseconds


def instant(time: int) -> datetime:
    """Return microseconds since 2000-01-01 UTC as a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=time)


def day(time: int) -> date:
    """Return the UTC day of a time in microseconds."""
    return _EPOCH_DAY + timedelta(days=time // DAY)


def day_number(day: date) -> int:
    """Return a UTC day as days since 2000-01-01, which is ``time // DAY`` of its times."""
    return (day - _EPOCH_DAY).days


def identity_arrays(rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """Return the identities of rows as the array parameters of the queries."""
    return {
        "engaged_timestamps": [instant(row[0]) for row in rows],
        "event_ids": [UUID(bytes=row[1]) for row in rows],
    }


def identity(engaged: datetime, event_id: UUID) -> Identity:
    """Return the identity of values that a query returned."""
    return microseconds(engaged), event_id.bytes


class RecentIds:
    """About the last million event IDs, in 4 MB.

    It selects the rows to look up in the table. The primary key rejects a duplicate whose ID was
    forgotten, at the cost of a rollback.

    16 bits of an ID's hash are in one of a pair of slots: the newer is in the first. With single
    slots about one in a hundred retries would be forgotten too early.
    """

    def __init__(self) -> None:
        self._slots = array("H", bytes(4 * _PAIRS))

    def add(self, rows: Sequence[Row]) -> list[Row]:
        """Add the IDs of *rows*, and return the rows whose ID was probably seen before."""
        slots = self._slots
        seen = []
        for row in rows:
            digest = hash(row[1])
            slot, mark = digest & _MASK, digest >> 21 & 0xFFFF
            last = slots[slot]
            if mark in (last, slots[slot + 1]):
                seen.append(row)
            else:
                slots[slot + 1] = last
                slots[slot] = mark
        return seen


def count_by_post(rows: Sequence[Row], retracted: Sequence[Row] = ()) -> CountColumns:
    """Count rows by post, minus the retracted ones."""
    post_and_type = itemgetter(2, 4)
    return _columns(map(post_and_type, rows), map(post_and_type, retracted))


def count_by_quarter(rows: Sequence[Row], retracted: Sequence[Row] = ()) -> CountColumns:
    """Count rows by the quarter of an hour (UTC) of engaged_timestamp, minus the retracted ones."""
    keys, *counts = _columns(_quarters(rows), _quarters(retracted))
    return ([instant(key * _QUARTER) for key in keys], *counts)  # type: ignore[return-value]


def _quarters(rows: Sequence[Row]) -> list[tuple[int, str]]:
    return [(row[0] // _QUARTER, row[4]) for row in rows]


def _columns(
    pairs: Iterable[tuple[Hashable, str]], subtracted: Iterable[tuple[Hashable, str]]
) -> CountColumns:
    """Count (key, type) pairs; Counter does the work in C."""
    counted = Counter(pairs)
    counted.subtract(subtracted)
    counts: dict[Any, list[int]] = {}
    for (key, kind), number in counted.items():
        counts.setdefault(key, [0, 0, 0, 0])[_POSITION[kind]] = number
    keys = sorted(counts)
    views, likes, comments, shares = zip(*(counts[key] for key in keys), strict=True)
    return keys, list(views), list(likes), list(comments), list(shares)


async def copy_rows(connection: AnyConnection, rows: Sequence[Row]) -> None:
    """COPY rows without external IDs into engagements."""
    await connection.copy_to_table(
        "engagements", source=_packed(rows), columns=COLUMNS, format="binary"
    )


def _length(size: int) -> bytes:
    return size.to_bytes(4, "big", signed=True)


def _packers() -> Iterator[tuple[str, tuple[_Pack, _Pack, bytes]]]:
    """Yield each type with its packers, for rows with and without a user, and its packed name."""
    for kind in TYPES:
        label = _length(len(kind)) + kind.encode() + _length(8)
        head, tail = ">6sq 4s16s 4sq", f"{len(label)}sq"
        yield kind, (Struct(f"{head} 4sq {tail}").pack, Struct(f"{head} 4s {tail}").pack, label)


_PACKERS: Final = dict(_packers())
_BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_ROW: Final = len(COLUMNS).to_bytes(2, "big") + _length(8)
_UUID, _BIGINT, _NULL = _length(16), _length(8), _length(-1)
_END: Final = b"\xff\xff"


async def _packed(rows: Sequence[Row]) -> AsyncIterator[bytes]:
    """Yield rows in COPY's binary format, in which each field follows its length.

    PostgreSQL's manual, COPY, Binary Format.
    """
    yield _BEGIN
    for start in range(0, len(rows), _CHUNK_ROWS):
        packed = []
        for engaged, event_id, post, user, kind, received in rows[start : start + _CHUNK_ROWS]:
            pack, pack_without_user, label = _PACKERS[kind]
            packed.append(
                pack_without_user(
                    _ROW, engaged, _UUID, event_id, _BIGINT, post, _NULL, label, received
                )
                if user is None
                else pack(
                    _ROW, engaged, _UUID, event_id, _BIGINT, post, _BIGINT, user, label, received
                )
            )
        yield b"".join(packed)
    yield _END
