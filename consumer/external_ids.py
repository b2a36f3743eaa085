"""Numbers for external ids, in the transaction that stores the events which name them."""

from typing import Any

import sql
from consumer.rows import Row
from sql.pool import Connection


async def resolve(connection: Connection, rows: list[Row]) -> list[Row]:
    """Return *rows* with numbers in the places of external ids.

    An external id that nobody knows yet gets a number of its own, which its post or user has
    from then on. Rows that have numbers only cost a look.
    """
    posts = {row[2] for row in rows if type(row[2]) is str}
    users = {row[3] for row in rows if type(row[3]) is str}
    if not posts and not users:
        return rows
    post_ids = await numbers(connection, "post", posts)
    user_ids = await numbers(connection, "user", users)
    return [
        (
            engaged,
            event_id,
            post_ids.get(post, post),
            user_ids.get(user, user),
            kind,
            received,
        )
        for engaged, event_id, post, user, kind, received in rows
    ]


async def numbers(connection: Connection, kind: str, wanted: set[Any]) -> dict[Any, int]:
    """Return the numbers of external ids; those that are new get one."""
    if not wanted:
        return {}
    query = sql.load("resolve_external_ids")
    values = query.bind(kind=kind, external_ids=sorted(wanted))
    return {row[0]: row[1] for row in await connection.fetch(query.text, *values)}
