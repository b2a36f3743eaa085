"""Events as Arrow columns, from PostgreSQL's binary COPY, without a Python object per value."""

from typing import Any, Final

import numpy as np
import pyarrow as pa

from schema.event import TYPES

SCHEMA: Final = pa.schema(
    [
        pa.field("event_id", pa.uuid(), nullable=False),
        pa.field("post_id", pa.int64(), nullable=False),
        pa.field("user_id", pa.int64()),
        pa.field("type", pa.string(), nullable=False),
        pa.field("engaged_timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("received_timestamp", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_POSTGRES_EPOCH_MICROSECONDS: Final = 946_684_800_000_000

# sql/maintenance/copy_events.sql has no nulls, so that all rows have the same size.
_ROW: Final = np.dtype(
    [
        ("fields", ">i2"),
        ("event_id_size", ">i4"), ("event_id", "V16"),
        ("post_id_size", ">i4"), ("post_id", ">i8"),
        ("user_id_size", ">i4"), ("user_id", ">i8"),
        ("type_size", ">i4"), ("type", ">i2"),
        ("engaged_size", ">i4"), ("engaged", ">i8"),
        ("received_size", ">i4"), ("received", ">i8"),
    ]
)  # fmt: skip


class CopyReader:
    """Cuts the stream of a COPY of sql/maintenance/copy_events.sql into tables."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._has_header = False

    def feed(self, data: bytes) -> int:
        """Add received bytes. Return the number of complete rows that wait to be taken."""
        self._received += data
        if not self._has_header and len(self._received) >= len(_HEADER):
            if not self._received.startswith(_HEADER):
                raise OSError("PostgreSQL's COPY does not begin with the header of its format")
            del self._received[: len(_HEADER)]
            self._has_header = True
        return len(self._received) // _ROW.itemsize if self._has_header else 0

    def take(self, max_rows: int) -> pa.Table:
        """Return the next rows as a table, at most *max_rows*."""
        size = min(max_rows, len(self._received) // _ROW.itemsize) * _ROW.itemsize
        table = _table(np.frombuffer(bytes(self._received[:size]), _ROW))
        del self._received[:size]
        return table


def _table(rows: Any) -> pa.Table:
    if not (rows["fields"] == len(SCHEMA)).all():
        raise OSError("PostgreSQL's COPY has other columns than copy_events.sql")
    users = rows["user_id"].astype(np.int64)
    types = pa.DictionaryArray.from_arrays(pa.array(rows["type"].astype(np.int8)), pa.array(TYPES))
    ids = _array(pa.binary(16), np.ascontiguousarray(rows["event_id"]))
    columns = [
        pa.ExtensionArray.from_storage(pa.uuid(), ids),
        pa.array(rows["post_id"].astype(np.int64)),
        pa.array(users, mask=users == 0),
        types.cast(pa.string()),
        _timestamps(rows["engaged"]),
        _timestamps(rows["received"]),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _timestamps(values: Any) -> pa.Array:
    return _array(
        pa.timestamp("us", tz="UTC"), values.astype(np.int64) + _POSTGRES_EPOCH_MICROSECONDS
    )


def _array(kind: pa.DataType, values: Any) -> pa.Array:
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])
