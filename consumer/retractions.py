"""Events that are taken back: before they came, or after they were stored."""

from collections.abc import Sequence

import sql
from consumer.decode import Retracted
from consumer.external_ids import numbers
from consumer.rows import Identity, Row, identities, identity
from sql.pool import Connection


async def taken_back_before(connection: Connection, rows: list[Row]) -> set[Identity]:
    """Return which of *rows* must not be stored (again)."""
    query = sql.load("find_retracted")
    values = query.bind(**identities(rows), post_ids=[row[2] for row in rows])
    return {identity(row[0], row[1]) for row in await connection.fetch(query.text, *values)}


async def take_back(connection: Connection, wanted: Sequence[Retracted]) -> list[Row]:
    """Delete what the retractions name, and return the rows that were there.

    Retractions whose event has not come are remembered.
    """
    if not wanted:
        return []
    names = {one.post for one in wanted if isinstance(one.post, str)}
    posts = await numbers(connection, "post", names)
    query = sql.load("retract")
    values = query.bind(
        **identities(wanted),
        post_ids=[posts.get(one.post, one.post) for one in wanted],
        received=[one.received for one in wanted],
    )
    gone = await connection.fetch(query.text, *values)
    return [(*(found := identity(row[0], row[1])), row[2], None, row[3], found[0]) for row in gone]
