"""Connections to a database of the tests, single statements, and events."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from consumer import transaction
from consumer.decode import RetractedEvent
from consumer.rows import Row, day


@asynccontextmanager
async def connection_to(url: str, **options: Any) -> AsyncIterator[Any]:
    """Yield a connection that is closed when the block ends."""
    connection = await asyncpg.connect(url, **options)
    try:
        yield connection
    finally:
        await connection.close()


async def execute(url: str, script: str) -> None:
    async with connection_to(url) as connection:
        await connection.execute(script)


async def fetchval(url: str, query: str, *values: Any) -> Any:
    """Return the first value of the first row of a query."""
    async with connection_to(url) as connection:
        return await connection.fetchval(query, *values)


async def store_events(
    connection: Any,
    rows: Sequence[Row],
    retracted: Sequence[RetractedEvent] = (),
    *,
    topic: str | None = None,
) -> None:
    """Store and retract events as a consumer does in its transaction.

    Args:
        connection: in a transaction.
        rows: without external IDs.
        retracted: the retracted events.
        topic: whose offset row counts the stored events; None: no offset row does.
    """
    for needed in {day(row[0]) for row in rows}:
        await connection.execute("SELECT ensure_partition($1)", needed)
    await transaction.store_events(connection, rows, retracted)
    if topic is not None:
        await connection.execute(
            "INSERT INTO consumer_offsets AS o (topic, partition, first_offset, next_offset,"
            " stored) VALUES ($1, 0, 0, $2, $2) ON CONFLICT (topic, partition) DO UPDATE"
            " SET next_offset = o.next_offset + $2, stored = o.stored + $2",
            topic,
            len(rows),
        )
