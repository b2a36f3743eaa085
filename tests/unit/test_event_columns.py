"""Cutting the stream of a binary COPY into tables."""

import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from sql.event_columns import CopyReader

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
END = struct.pack(">h", -1)


def copied(event_id: int, post_id: int, user_id: int, kind: int, at: datetime) -> bytes:
    """Return a row as PostgreSQL sends it."""
    microseconds = (at - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    values = [event_id.to_bytes(16), *(struct.pack(">q", each) for each in (post_id, user_id))]
    values += [struct.pack(">h", kind), *[struct.pack(">q", microseconds)] * 2]
    sized = b"".join(struct.pack(">i", len(value)) + value for value in values)
    return struct.pack(">h", len(values)) + sized


@pytest.mark.parametrize("size", [1, 7, 76, 1000])
def test_rows_are_the_same_however_the_stream_is_cut(size: int) -> None:
    stream = HEADER + copied(1, 2, -3, 0, NOON) + copied(4, 2**62, 0, 3, NOON) + END
    reader = CopyReader()
    for start in range(0, len(stream), size):
        waiting = reader.feed(stream[start : start + size])

    assert waiting == 2
    assert [tuple(row.values()) for row in reader.take(10).to_pylist()] == [
        (UUID(int=1), 2, -3, "view", NOON, NOON),
        (UUID(int=4), 2**62, None, "share", NOON, NOON),
    ]
    assert reader.feed(b"") == 0


def test_rows_are_taken_in_parts() -> None:
    reader = CopyReader()
    reader.feed(HEADER + b"".join(copied(number, 1, 1, 1, NOON) for number in range(5)))

    assert [len(reader.take(2)) for _ in range(3)] == [2, 2, 1]


def test_other_columns_are_an_error() -> None:
    reader = CopyReader()
    reader.feed(HEADER + bytes(76))

    with pytest.raises(OSError, match="other columns"):
        reader.take(1)


def test_other_format_is_an_error() -> None:
    with pytest.raises(OSError, match="header"):
        CopyReader().feed(b"event_id,post_id,user_id")
