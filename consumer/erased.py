"""Users who asked to be forgotten: late and repeated events must not bring them back.

docs/decisions/0009-erasure.md
"""

import hashlib
from dataclasses import dataclass

import sql
from consumer.batch import Batch
from consumer.decode import DeadLetter
from consumer.rows import Row
from consumer.scrub import scrub
from sql.pool import Connection


@dataclass(frozen=True)
class Erased:
    """Who was erased: numbers, and SHA-256 digests of the key followed by an external id."""

    numbers: frozenset[int] = frozenset()
    digests: frozenset[bytes] = frozenset()
    key: bytes = b""

    def has_number(self, number: float) -> bool:
        """Tell whether this user was erased."""
        return number in self.numbers

    def has_name(self, name: str) -> bool:
        """Tell whether the user of this external id was erased."""
        if not self.digests:
            return False
        return hashlib.sha256(self.key + name.encode(errors="replace")).digest() in self.digests

    def among(self, rows: list[Row]) -> set[int | str]:
        """Return the users of *rows* who were erased, as the rows name them."""
        users = {row[3] for row in rows}
        found: set[int | str] = set(self.numbers & users)
        if self.digests:
            found |= {user for user in users if isinstance(user, str) and self.has_name(user)}
        return found


class Erasures:
    """The list of the erased, kept in memory and as new as the transaction that asks."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._erased = Erased()

    async def obey(self, connection: Connection, batch: Batch, rows: list[Row]) -> list[Row]:
        """Return *rows*, in which texts still stand, with nobody in the places of the erased.

        The batch's dead letters are scrubbed. Until the transaction ends no erasure begins, so
        each one either finds what is stored here or is obeyed here. Costs one short question.
        """
        letters = [share.dead for share in batch.shares.values() if share.dead]
        if not rows and not letters:
            return rows
        erased = await self._current(connection)
        if not erased.numbers and not erased.digests:
            return rows
        for dead in letters:
            dead[:] = [_scrubbed(letter, erased) for letter in dead]
        gone = erased.among(rows)
        if not gone:
            return rows
        return [(*row[:3], None, *row[4:]) if row[3] in gone else row for row in rows]

    async def _current(self, connection: Connection) -> Erased:
        version = await connection.fetchval(sql.load("erasure_version").text)
        if version != self._version:
            [found] = await connection.fetch(sql.load("read_erased").text)
            self._erased = Erased(
                frozenset(found["numbers"]), frozenset(found["digests"]), found["key"]
            )
            self._version = version
        return self._erased


def _scrubbed(letter: DeadLetter, erased: Erased) -> DeadLetter:
    key, value, detail = scrub(letter.key, letter.value, letter.detail, erased)
    return letter._replace(key=key, value=value, detail=detail)
