"""Posts and users of rows: erased users are removed, and external IDs become numbers.

Both happen in the transaction that stores the rows, so that events of an erased user that arrive
late, or again, are stored without the user (docs/decisions/0009-erasure.md and
0006-catalogue-and-external-ids.md).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sql
from consumer.decode import DeadLetter
from consumer.redaction import redact
from consumer.rows import Row
from sql.pool import Connection

_GENERATION: Final = 20_000


@dataclass(frozen=True)
class ErasedUsers:
    """Numbers of erased users, and SHA-256 digests of *key* followed by an external ID."""

    numbers: frozenset[int] = frozenset()
    digests: frozenset[bytes] = frozenset()
    key: bytes = b""

    def has_user_id(self, number: float) -> bool:
        return number in self.numbers

    def has_external_id(self, external_id: str) -> bool:
        if not self.digests:
            return False
        return hashlib.sha256(self.key + external_id.encode(errors="replace")).digest() in (
            self.digests
        )

    def users_in(self, rows: Sequence[Row]) -> set[int | str]:
        """Return the erased users of *rows*, as numbers or external IDs like in the rows."""
        users = {row[3] for row in rows}
        found: set[int | str] = set(self.numbers & users)
        if self.digests:
            found |= {u for u in users if isinstance(u, str) and self.has_external_id(u)}
        return found


class Erasures:
    """The erased users, cached until their version in PostgreSQL changes."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._erased = ErasedUsers()

    async def apply(
        self,
        connection: Connection,
        rows: list[Row],
        dead_letters: Sequence[list[DeadLetter]] = (),
    ) -> list[Row]:
        """Return *rows*, still with external IDs, without erased users; redact the dead letters.

        No erasure begins before the transaction ends: each one either finds what is stored here,
        or is applied here.
        """
        if not rows and not any(dead_letters):
            return rows
        erased = await self._read(connection)
        if not erased.numbers and not erased.digests:
            return rows
        for letters in dead_letters:
            letters[:] = [_redacted(letter, erased) for letter in letters]
        users = erased.users_in(rows)
        if not users:
            return rows
        return [(*row[:3], None, *row[4:]) if row[3] in users else row for row in rows]

    async def _read(self, connection: Connection) -> ErasedUsers:
        version = await sql.load("read_erasure_version").fetchval(connection)
        if version != self._version:
            row = await sql.load("read_erased_users").fetchrow(connection)
            self._erased = ErasedUsers(
                frozenset(row["numbers"]), frozenset(row["digests"]), row["key"]
            )
            self._version = version
        return self._erased


def _redacted(letter: DeadLetter, erased: ErasedUsers) -> DeadLetter:
    key, value, detail = redact(letter.key, letter.value, letter.detail, erased)
    return letter._replace(key=key, value=value, detail=detail)


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
