"""Dead letters once more: stored exactly once, by the rules and the statements of the consumer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import asyncpg

import sql
from consumer.batch import Batch
from consumer.decode import DeadLetter, Retracted, Rules, decode
from consumer.erased import Erasures
from consumer.external_ids import ExternalIds
from consumer.retractions import taken_back_before
from consumer.rows import Row, day
from consumer.transaction import find_stored, store
from schema.admission import Window
from sql.pool import DATA_ERRORS, Connection, told

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_LIMIT: Final = 2**31
_DETAIL_CHARACTERS: Final = 200


class Outcome(NamedTuple):
    """What became of a dead letter: stored, duplicate, retracted, refused or gone.

    Attributes:
        detail: why it was refused; else empty.
    """

    dead_letter_id: int
    outcome: str
    detail: str = ""


@dataclass
class _Message:
    """A dead letter as the record that it was."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Replayer:
    """Replays dead letters on a connection that may write, each in a transaction of its own.

    Args:
        connection: of the database's owner.
        window: which times are accepted now.
        by: who asked for it, for the record.
    """

    def __init__(self, connection: Connection, window: Window, by: str) -> None:
        self._connection = connection
        self._rules = Rules(window, _NO_LIMIT)
        self._by = by

    async def replay(self, dead_letter_id: int, *, is_dry_run: bool) -> Outcome:
        """Store one dead letter, or say what that would come to.

        Twice is as good as once: what was stored is gone from those that wait, and an identity
        that is in the table is a duplicate.
        """
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            outcome = await self._attempt(dead_letter_id)
            if not is_dry_run and outcome.outcome != "gone":
                await self._note(outcome)
        except BaseException:
            await transaction.rollback()
            raise
        if is_dry_run:
            await transaction.rollback()
        else:
            await transaction.commit()
        return outcome

    async def _attempt(self, dead_letter_id: int) -> Outcome:
        query = sql.load("lock_dead_letter")
        values = query.bind(dead_letter_id=dead_letter_id)
        letter = await self._connection.fetchrow(query.text, *values)
        if letter is None:
            return Outcome(dead_letter_id, "gone")
        found = decode(_message(letter), self._rules)
        if isinstance(found, DeadLetter):
            return Outcome(dead_letter_id, "refused", f"{found.reason}: {found.detail}")
        try:
            async with self._connection.transaction():
                return Outcome(dead_letter_id, await self._store(found))
        except DATA_ERRORS as error:
            code = getattr(error, "sqlstate", None) or type(error).__name__
            detail = f"PostgreSQL refuses it ({code}): {told(error)}"[:_DETAIL_CHARACTERS]
            return Outcome(dead_letter_id, "refused", detail)

    async def _store(self, found: Row | Retracted) -> str:
        if isinstance(found, Retracted):
            await store(self._connection, [], [found])
            return "retracted"
        await self._connection.execute("SELECT ensure_partition($1)", day(found[0]))
        if await find_stored(self._connection, [found]):
            return "duplicate"
        rows = await Erasures().obey(self._connection, _nothing(), [found])
        rows = await ExternalIds().resolve(self._connection, rows)
        if await taken_back_before(self._connection, rows):
            return "retracted"
        try:
            async with self._connection.transaction():
                await store(self._connection, rows, [])
        except asyncpg.UniqueViolationError:
            return "duplicate"  # a consumer stored it meanwhile
        return "stored"

    async def _note(self, outcome: Outcome) -> None:
        query = sql.load("note_replay")
        values = query.bind(
            dead_letter_id=outcome.dead_letter_id,
            by=self._by,
            outcome=outcome.outcome,
            detail=outcome.detail,
            rows=int(outcome.outcome == "stored"),
        )
        await self._connection.execute(query.text, *values)


def _nothing() -> Batch:
    return Batch(0, 0, 0.0, lambda: 0.0)


def _message(letter: Mapping[str, Any]) -> _Message:
    timestamp = (letter["record_timestamp"] - _EPOCH) // timedelta(milliseconds=1)
    return _Message(letter["offset"], timestamp, letter["key"], letter["value"])
