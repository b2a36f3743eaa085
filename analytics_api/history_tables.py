"""Rows of PostgreSQL as Arrow tables, for a history engine. Needs the extra ``history``."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

import sql
from sql.event_columns import SCHEMA, CopyReader
from sql.pool import AnyConnection

_TYPES: Final = {
    "int8": pa.int64(),
    "int4": pa.int32(),
    "text": pa.string(),
    "bool": pa.bool_(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "text[]": pa.list_(pa.string()),
}


async def read_table(connection: AnyConnection, query: str, *values: Any) -> pa.Table:
    """Return the rows of a query as a table."""
    statement = await connection.prepare(query)
    rows = await statement.fetch(*values)
    fields = [pa.field(each.name, _TYPES[each.type.name]) for each in statement.get_attributes()]
    columns = zip(*rows, strict=True) if rows else [()] * len(fields)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


async def read_events(
    connection: AnyConnection,
    runs: Sequence[tuple[datetime, datetime]],
    start: datetime,
    end: datetime,
) -> pa.Table:
    """Return the events of these runs of days, from *start* to just before *end*."""
    query = sql.load("copy_events")
    tables = [SCHEMA.empty_table()]
    for since, before in runs:
        reader = CopyReader()

        async def receive(data: bytes, reader: CopyReader = reader) -> None:
            reader.feed(data)

        bounds = {"since": max(since, start), "before": min(before, end)}
        await connection.copy_from_query(
            query.text, *query.bind(**bounds), output=receive, format="binary"
        )
        tables.append(reader.take(reader.feed(b"")))
    return pa.concat_tables(tables)
