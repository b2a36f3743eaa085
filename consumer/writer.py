"""One batch, one transaction: offsets checked, events, rollups, dead letters, offsets advanced."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import asyncpg

from consumer.batch import Batch
from consumer.decode import Retracted
from consumer.erased import Erasures
from consumer.external_ids import ExternalIds
from consumer.poison import find_refused
from consumer.recent import Recent
from consumer.rows import DAY, Identity, Row, day
from consumer.settings import ConsumerSettings
from consumer.transaction import (
    Fenced,
    advance,
    fence,
    find_stored,
    keep_dead_letters,
    skip_retracted,
    store,
    try_to_store,
)
from schema.errors import EngagementError
from sql.pool import DATA_ERRORS, Connection, connect, told

Unit = Row | Retracted

_MOST_WARY_BATCHES: Final = 64
_ATTEMPTS: Final = 5
_REASON_CHARACTERS: Final = 200
_SESSION: Final = {
    # A commit lost in a crash of PostgreSQL loses its offsets with it, and Kafka replays.
    "synchronous_commit": "off",
    # Look-ups of identities must not be planned anew for some 400 partitions each time.
    "plan_cache_mode": "force_generic_plan",
    "lock_timeout": "5s",
}


class Refused(EngagementError):  # noqa: N818
    """PostgreSQL takes some of a batch under no circumstances; nothing of it was written.

    Attributes:
        days: days, UTC, of which it makes no partition: a forged time of receipt.
        events: identities of events, and why each is refused.
    """

    def __init__(self, days: set[date], events: dict[Identity, str]) -> None:
        super().__init__(f"PostgreSQL refuses {len(days)} days, {len(events)} events")
        self.days = days
        self.events = events


class Writer:
    """Writes batches on one connection. Any failure but Fenced and Refused leaves it closed."""

    def __init__(self, settings: ConsumerSettings) -> None:
        self._settings = settings
        self._topic = settings.topic
        self._connection: Connection | None = None
        self._recent = Recent()
        self._erasures = Erasures()
        self._external_ids = ExternalIds()
        # How many batches have all their identities looked up, and how many after a collision.
        self._wary_batches = 0
        self._wariness = 1
        self._days: set[date] = set()

    async def connection(self) -> Connection:
        """Return the open connection, opening one if needed. Raises Unavailable."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._settings, "engage-consumer", **_SESSION)
            self._days.clear()
        return self._connection

    def terminate(self) -> None:
        """Drop the connection without a word: a dead peer would hold a polite close for ever."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def write(self, batch: Batch) -> None:
        """Store *batch* and advance its offsets, in one transaction.

        Afterwards the shares hold what was stored and how many were duplicates.

        Raises:
            Fenced, Refused: nothing was written; the connection is good.
            Unavailable, asyncpg errors, TimeoutError: the outcome is unknown; read the offset
                rows again before anything else.
        """
        connection = await self.connection()
        for number in range(1, _ATTEMPTS + 1):
            await self._ensure_days(connection, batch)
            attempt = batch.attempt()
            try:
                await self._transaction(connection, attempt)
            except asyncpg.UniqueViolationError:
                self._grow_wary()
                if number == _ATTEMPTS:
                    raise
            except asyncpg.CheckViolationError:
                # A partition was dropped behind our back, unless it is a check of somebody's.
                self._days.clear()
                if number == _ATTEMPTS:
                    await self._blame(connection, batch.attempt())
                    raise
            except DATA_ERRORS:
                await self._blame(connection, batch.attempt())
                raise
            else:
                batch.shares = attempt.shares
                return

    async def _transaction(self, connection: Connection, batch: Batch) -> None:
        await connection.execute("BEGIN")
        try:
            has_retractions = await fence(connection, self._topic, batch)
            await self._set_duplicates_aside(connection, batch)
            rows = sorted(row for share in batch.shares.values() for row in share.rows)
            rows = await self._erasures.obey(connection, batch, rows)
            rows = await self._external_ids.resolve(connection, rows)
            if has_retractions and rows:
                rows = await skip_retracted(connection, batch, rows)
            await store(connection, rows, _retracted(batch))
            await keep_dead_letters(connection, self._topic, batch)
            await advance(connection, self._topic, batch)
            await connection.execute("COMMIT")
        except (Fenced, asyncpg.UniqueViolationError, *DATA_ERRORS):
            await connection.execute("ROLLBACK")
            raise
        self._external_ids.keep()
        if self._wary_batches:
            self._wary_batches -= 1
        else:
            self._wariness = 1

    def _grow_wary(self) -> None:
        """Look everything up for a while: twice as long as last time, if that was just now."""
        self._wariness = min(2 * self._wariness, _MOST_WARY_BATCHES)
        self._wary_batches = self._wariness

    async def _set_duplicates_aside(self, connection: Connection, batch: Batch) -> None:
        """Look for stored identities: everywhere after a collision, else where ids recur.

        Behind the fence, which every partition of the batch has passed. What recurs within the
        batch is among the suspects, too.
        """
        rows = [row for share in batch.shares.values() for row in share.rows]
        suspects = self._recent.suspects(rows)
        if not suspects and not self._wary_batches:
            return
        batch.drop_repeats()
        stored = await find_stored(connection, rows if self._wary_batches else suspects)
        if stored:
            for share in batch.shares.values():
                share.drop(stored)

    async def _blame(self, connection: Connection, batch: Batch) -> None:
        """Find the events that PostgreSQL refuses, writing nothing. Raises Refused, Fenced."""

        async def refusal(units: Sequence[Unit]) -> str | None:
            try:
                await try_to_store(connection, units)
            except asyncpg.UniqueViolationError:
                return None  # stored by another consumer meanwhile
            except DATA_ERRORS as error:
                return _reason(error)
            return None

        self._wary_batches = max(1, self._wary_batches)
        await connection.execute("BEGIN")
        try:
            await fence(connection, self._topic, batch)
            await self._set_duplicates_aside(connection, batch)
            rows = [row for share in batch.shares.values() for row in share.rows]
            units: list[Unit] = [*rows, *_retracted(batch)]
            found = await find_refused(units, refusal, self._settings.dead_letter_limit)
        finally:
            await connection.execute("ROLLBACK")
        if found:
            raise Refused(set(), {(unit[0], unit[1]): why for unit, why in found})

    async def _ensure_days(self, connection: Connection, batch: Batch) -> None:
        """Make the partitions the batch needs. Raises Refused."""
        refused = set()
        for needed in sorted(_days(batch) - self._days):
            try:
                await connection.execute("SELECT ensure_partition($1)", needed)
                self._days.add(needed)
            except asyncpg.DatetimeFieldOverflowError:
                refused.add(needed)
        if refused:
            raise Refused(refused, {})


def _retracted(batch: Batch) -> list[Retracted]:
    return [retracted for share in batch.shares.values() for retracted in share.retracted]


def _days(batch: Batch) -> set[date]:
    numbers = {row[0] // DAY for share in batch.shares.values() for row in share.rows}
    return {day(number * DAY) for number in numbers}


def _reason(error: Exception) -> str:
    """Describe an error for the operator who decides about its record."""
    code = getattr(error, "sqlstate", None) or type(error).__name__
    return f"PostgreSQL refuses it ({code}): {told(error)}"[:_REASON_CHARACTERS]
