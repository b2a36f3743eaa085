"""A row of engagements as the consumer holds it, and its way into the table.

Times are microseconds since 2000-01-01 UTC and ids are bytes, as PostgreSQL keeps both: rows
compare as its primary key does, and COPY's binary form is packed from them as they are. Objects
for instants and ids would cost more than all else that is done to an event.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from struct import Struct
from typing import Any, Final
from uuid import UUID

from schema.event import TYPES
from sql.pool import AnyConnection

Identity = tuple[int, bytes]
"""What an event is known by: engaged_timestamp and event_id."""

Row = tuple[int, bytes, int | str, int | str | None, str, int]
"""A row in the order of COLUMNS; the identity comes first, so rows sort by it.

A text in the place of a post's or a user's number is its external id, to be resolved.
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


def microseconds(instant: datetime) -> int:
    """Return an aware instant as microseconds since 2000-01-01 UTC."""
    since = instant - _EPOCH
    return since.days * DAY + since.seconds * SECOND + since.microseconds


def instant(time: int) -> datetime:
    """Return the instant, UTC, of so many microseconds since 2000-01-01 UTC."""
    return _EPOCH + timedelta(microseconds=time)


def day(time: int) -> date:
    """Return the UTC day of a time in microseconds."""
    return _EPOCH_DAY + timedelta(days=time // DAY)


def identities(rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """Return the identities that rows begin with as the parameters of our queries."""
    return {
        "engaged_timestamps": [instant(row[0]) for row in rows],
        "event_ids": [UUID(bytes=row[1]) for row in rows],
    }


def identity(engaged: datetime, event_id: UUID) -> Identity:
    """Return what a query found as an identity."""
    return microseconds(engaged), event_id.bytes


async def copy(connection: AnyConnection, rows: Sequence[Row]) -> None:
    """COPY rows, which hold numbers alone, into engagements."""
    await connection.copy_to_table(
        "engagements", source=_packed(rows), columns=COLUMNS, format="binary"
    )


def _length(size: int) -> bytes:
    return size.to_bytes(4, "big", signed=True)


def _forms() -> Iterator[tuple[str, tuple[_Pack, _Pack, bytes]]]:
    """Yield for each type how its rows are packed: with a user, without one, and the type."""
    for kind in TYPES:
        label = _length(len(kind)) + kind.encode() + _length(8)
        head, tail = ">6sq 4s16s 4sq", f"{len(label)}sq"
        yield kind, (Struct(f"{head} 4sq {tail}").pack, Struct(f"{head} 4s {tail}").pack, label)


_FORMS: Final = dict(_forms())
_BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_ROW: Final = len(COLUMNS).to_bytes(2, "big") + _length(8)
_UUID, _BIGINT, _NULL = _length(16), _length(8), _length(-1)
_END: Final = b"\xff\xff"


async def _packed(rows: Sequence[Row]) -> AsyncIterator[bytes]:
    """Yield rows in COPY's binary form, where the length of a field stands before it.

    PostgreSQL's manual, COPY, Binary Format.
    """
    yield _BEGIN
    for start in range(0, len(rows), _CHUNK_ROWS):
        packed = []
        for engaged, event_id, post, user, kind, received in rows[start : start + _CHUNK_ROWS]:
            of_user, of_nobody, label = _FORMS[kind]
            packed.append(
                of_nobody(_ROW, engaged, _UUID, event_id, _BIGINT, post, _NULL, label, received)
                if user is None
                else of_user(
                    _ROW, engaged, _UUID, event_id, _BIGINT, post, _BIGINT, user, label, received
                )
            )
        yield b"".join(packed)
    yield _END
