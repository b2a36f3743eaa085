"""Replay of dead letters: each is stored exactly once, by the consumer's own rules."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import asyncpg

import sql
from consumer.decode import DeadLetter, RetractedEvent, Rules, day_out_of_range, decode
from consumer.ids import Erasures, ExternalIds
from consumer.rows import Row, day
from consumer.transaction import (
    describe_rejection,
    find_retracted,
    find_stored,
    store_events,
)
from schema.errors import InvalidEvent, Unavailable
from schema.times import EPOCH
from schema.validation import Window
from sql.partition_days import DayState, ensure_day
from sql.pool import DATA_ERRORS, Connection, transaction

_NO_LIMIT: Final = 2**31
_LOCK_ATTEMPTS: Final = 10


class _Locked(Unavailable):
    """The day's partition cannot be created now."""


class Outcome(NamedTuple):
    """Outcome of a replay: stored, duplicate, retracted, rejected, or gone (replayed before).

    ``detail``: why it was rejected, else empty.
    """

    dead_letter_id: int
    outcome: str
    detail: str = ""


@dataclass
class _Message:
    """A dead letter as the Kafka record it was."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Replayer:
    """Replays dead letters, each in its own transaction.

    Args:
        connection: a connection of the database's owner.
        window: accepted distance of an event's time from its receipt.
        by: user or program that requested the replay, for the record.
    """

    def __init__(self, connection: Connection, window: Window, by: str) -> None:
        self._connection = connection
        self._rules = Rules(window, _NO_LIMIT)
        self._by = by

    async def replay(self, dead_letter_id: int, *, is_dry_run: bool) -> Outcome:
        """Store one dead letter, or return what would happen.

        A second replay has no effect: a stored dead letter is not replayed again, and an identity
        that is in the table is a duplicate.

        Raises Unavailable: its day needs a partition, and engagements stays locked.
        """
        for attempt in range(1, _LOCK_ATTEMPTS):
            try:
                return await self._replay_once(dead_letter_id, is_dry_run=is_dry_run)
            except _Locked:
                await asyncio.sleep(attempt * 0.1)
        return await self._replay_once(dead_letter_id, is_dry_run=is_dry_run)

    async def _replay_once(self, dead_letter_id: int, *, is_dry_run: bool) -> Outcome:
        async with transaction(self._connection, is_dry_run=is_dry_run):
            outcome = await self._attempt(dead_letter_id)
            if outcome.outcome != "gone":
                await self._record(outcome)
        return outcome

    async def _attempt(self, dead_letter_id: int) -> Outcome:
        query = sql.load("lock_dead_letter")
        letter = await query.fetchrow(self._connection, dead_letter_id=dead_letter_id)
        if letter is None:
            return Outcome(dead_letter_id, "gone")
        decoded = decode(_message(letter), self._rules)
        if isinstance(decoded, DeadLetter):
            return Outcome(dead_letter_id, "rejected", f"{decoded.reason}: {decoded.detail}")
        try:
            async with self._connection.transaction():
                return Outcome(dead_letter_id, await self._store(decoded))
        except InvalidEvent as error:
            return Outcome(dead_letter_id, "rejected", f"{error.code}: {error.detail}")
        except DATA_ERRORS as error:
            return Outcome(dead_letter_id, "rejected", describe_rejection(error))

    async def _store(self, decoded: Row | RetractedEvent) -> str:
        if isinstance(decoded, RetractedEvent):
            await store_events(self._connection, [], [decoded])
            return "retracted"
        await self._ensure_day(day(decoded[0]))
        if await find_stored(self._connection, [decoded]):
            return "duplicate"
        rows = await Erasures().apply(self._connection, [decoded])
        rows = await ExternalIds().resolve(self._connection, rows)
        if await find_retracted(self._connection, rows):
            return "retracted"
        try:
            async with self._connection.transaction():
                await store_events(self._connection, rows, [])
        except asyncpg.UniqueViolationError:
            return "duplicate"  # a consumer stored it meanwhile
        return "stored"

    async def _ensure_day(self, needed: date) -> None:
        state = await ensure_day(self._connection, needed)
        if state is DayState.EXPIRED:
            raise InvalidEvent("day_expired", f"the events of {needed} have expired")
        if state is DayState.OUT_OF_RANGE:
            raise day_out_of_range()
        if state is DayState.LOCKED:
            raise _Locked(f"engagements is locked: cannot create the partition of {needed}; retry")

    async def _record(self, outcome: Outcome) -> None:
        await sql.load("record_replay").execute(
            self._connection,
            dead_letter_id=outcome.dead_letter_id,
            by=self._by,
            outcome=outcome.outcome,
            detail=outcome.detail,
            rows=int(outcome.outcome == "stored"),
        )


def _message(letter: Mapping[str, Any]) -> _Message:
    timestamp = (letter["record_timestamp"] - EPOCH) // timedelta(milliseconds=1)
    return _Message(letter["offset"], timestamp, letter["key"], letter["value"])
