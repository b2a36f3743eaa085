"""Numbers for external ids, in the transaction that stores the events which name them.

docs/decisions/0006-catalogue-and-external-ids.md
"""

from typing import Any, Final

import sql
from consumer.rows import Row
from sql.pool import Connection

_GENERATION: Final = 20_000


class ExternalIds:
    """Remembers the numbers of external ids, so that most batches need not ask for them.

    What is remembered is used under the database's stamp alone: it is another one as soon as an
    external id may stand for another number, and stays what it is until the transaction ends.
    """

    def __init__(self) -> None:
        self._stamp: str | None = None
        self._posts = _Names("post")
        self._users = _Names("user")

    async def resolve(self, connection: Connection, rows: list[Row]) -> list[Row]:
        """Return *rows* with numbers in the places of external ids.

        An external id that nobody knows yet gets a number of its own, which its post or user has
        from then on. Rows that have numbers only cost a look.
        """
        self._posts.used, self._users.used = {}, {}  # by a transaction that failed
        posts = {row[2] for row in rows if type(row[2]) is str}
        users = {row[3] for row in rows if type(row[3]) is str}
        if not posts and not users:
            return rows
        stamp = await connection.fetchval(sql.load("external_id_stamp").text)
        if stamp != self._stamp:
            self._posts, self._users = _Names("post"), _Names("user")
            self._stamp = stamp
        post_ids = await self._posts.numbers(connection, posts)
        user_ids = await self._users.numbers(connection, users)
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

    def keep(self) -> None:
        """Remember what was resolved last: its transaction is committed."""
        self._posts.keep()
        self._users.keep()


class _Names:
    """The 20,000 to 40,000 external ids of a kind that were used last, with their numbers."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._young: dict[Any, int] = {}
        self._old: dict[Any, int] = {}
        self.used: dict[Any, int] = {}

    async def numbers(self, connection: Connection, wanted: set[Any]) -> dict[Any, int]:
        known = {name: self._young.get(name) or self._old.get(name) for name in wanted}
        unknown = {name for name, number in known.items() if number is None}
        found = await numbers(connection, self._kind, unknown)
        self.used = {name: number for name, number in known.items() if number} | found
        return self.used

    def keep(self) -> None:
        self._young |= self.used
        self.used = {}
        if len(self._young) >= _GENERATION:
            self._old, self._young = self._young, {}


async def numbers(connection: Connection, kind: str, wanted: set[Any]) -> dict[Any, int]:
    """Return the numbers of external ids; those that are new get one."""
    if not wanted:
        return {}
    query = sql.load("resolve_external_ids")
    values = query.bind(kind=kind, external_ids=sorted(wanted))
    return {row[0]: row[1] for row in await connection.fetch(query.text, *values)}
