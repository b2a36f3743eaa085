"""Numbers of external IDs, resolved in the transaction that stores their events.

docs/decisions/0006-catalogue-and-external-ids.md
"""

from typing import Any, Final

import sql
from consumer.rows import Row
from sql.pool import Connection

_GENERATION: Final = 20_000


class ExternalIds:
    """Cache of external IDs' numbers, so that most batches need no query for them.

    It is valid for one version in PostgreSQL. The version changes before an external ID can get
    another number, and not until the transaction that read it ends.
    """

    def __init__(self) -> None:
        self._version: str | None = None
        self._posts = _Cache("post")
        self._users = _Cache("user")

    async def resolve(self, connection: Connection, rows: list[Row]) -> list[Row]:
        """Return *rows* with numbers in place of external IDs; new external IDs get a number."""
        self._posts.uncommitted, self._users.uncommitted = {}, {}  # of a transaction that failed
        posts = {row[2] for row in rows if type(row[2]) is str}
        users = {row[3] for row in rows if type(row[3]) is str}
        if not posts and not users:
            return rows
        version = await sql.load("read_external_id_version").fetchval(connection)
        if version != self._version:
            self._posts, self._users = _Cache("post"), _Cache("user")
            self._version = version
        post_ids = await self._posts.resolve(connection, posts)
        user_ids = await self._users.resolve(connection, users)
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

    def commit(self) -> None:
        """Cache what was resolved last: its transaction is committed."""
        self._posts.commit()
        self._users.commit()


class _Cache:
    """The 20,000 to 40,000 external IDs of a kind that were used last, with their numbers."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._young: dict[Any, int] = {}
        self._old: dict[Any, int] = {}
        self.uncommitted: dict[Any, int] = {}

    async def resolve(self, connection: Connection, wanted: set[Any]) -> dict[Any, int]:
        known = {name: self._young.get(name) or self._old.get(name) for name in wanted}
        unknown = {name for name, number in known.items() if number is None}
        found = await resolve_external_ids(connection, self._kind, unknown)
        self.uncommitted = {name: number for name, number in known.items() if number} | found
        return self.uncommitted

    def commit(self) -> None:
        self._young |= self.uncommitted
        self.uncommitted = {}
        if len(self._young) >= _GENERATION:
            self._old, self._young = self._young, {}


async def resolve_external_ids(
    connection: Connection, kind: str, wanted: set[Any]
) -> dict[Any, int]:
    """Return the numbers of external IDs; new ones get a number."""
    if not wanted:
        return {}
    query = sql.load("resolve_external_ids")
    rows = await query.fetch(connection, kind=kind, external_ids=sorted(wanted))
    return {row[0]: row[1] for row in rows}
