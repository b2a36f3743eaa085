"""A batch is one transaction: rows, rollups, dead letters and offsets are committed together.

``BatchWriter._transaction`` has the steps in order; the functions below it are the steps.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeVar

import asyncpg

import sql
from consumer.batch import Batch
from consumer.decode import RetractedEvent
from consumer.ids import Erasures, ExternalIds, resolve_external_ids
from consumer.offsets import halt_partition
from consumer.rows import (
    DAY,
    CountColumns,
    Identity,
    RecentIds,
    Row,
    copy_rows,
    count_by_post,
    count_by_quarter,
    day,
    identity,
    identity_arrays,
    instant,
)
from consumer.settings import ConsumerSettings
from runtime.logging import get_logger
from schema.errors import EngagementError
from sql.partition_days import DayState, ensure_days
from sql.pool import DATA_ERRORS, Connection, connect, describe_error

_ATTEMPTS: Final = 5
_FULL_LOOKUPS: Final = 16
"""Batches whose rows are all looked up after a duplicate that RecentIds did not know."""
_REASON_CHARACTERS: Final = 200
_SESSION: Final = {
    # A commit that is lost in a crash of PostgreSQL loses its offsets too: it is consumed again.
    "synchronous_commit": "off",
    # Looking up identities must not be planned each time for some 400 partitions.
    "plan_cache_mode": "force_generic_plan",
    "lock_timeout": "5s",
}

Unit = TypeVar("Unit")

logger = get_logger("consumer")


class OffsetConflict(EngagementError):  # noqa: N818
    """Another consumer moved the offset rows of some partitions; nothing was written.

    Attributes:
        partitions: those partitions.
    """

    def __init__(self, partitions: set[int]) -> None:
        super().__init__(f"another consumer moved the offsets of partitions {sorted(partitions)}")
        self.partitions = partitions


class DaysLocked(EngagementError):  # noqa: N818
    """Days have no partition, and a lock on engagements prevents its creation; nothing was written.

    Attributes:
        days: those days, UTC.
        partitions: the Kafka partitions with events of these days.
    """

    def __init__(self, days: set[date], partitions: set[int]) -> None:
        super().__init__(f"engagements is locked: cannot create the partitions of {len(days)} days")
        self.days = days
        self.partitions = partitions


class RowsRejected(EngagementError):  # noqa: N818
    """PostgreSQL rejects some of the batch whenever it is written; nothing was written.

    Attributes:
        days: days, UTC, that can have no partition: their time of receipt is forged.
        events: identities of rejected events, with the reason.
    """

    def __init__(self, days: set[date], events: dict[Identity, str]) -> None:
        super().__init__(f"PostgreSQL rejects {len(days)} days and {len(events)} events")
        self.days = days
        self.events = events


@dataclass
class WriteResult:
    """Outcome of writing a batch.

    Attributes:
        batch: the stored part of it.
        conflicts: partitions with an offset conflict.
        locked_days: days whose partition could not be created.
        locked_partitions: Kafka partitions with events of locked days.
        seconds: duration.
    """

    batch: Batch
    conflicts: set[int] = field(default_factory=set)
    locked_days: set[date] = field(default_factory=set)
    locked_partitions: set[int] = field(default_factory=set)
    seconds: float = 0.0


class BatchWriter:
    """Writes batches on one connection, which is closed after any error but RowsRejected."""

    def __init__(self, settings: ConsumerSettings) -> None:
        self._settings = settings
        self._topic = settings.topic
        self._connection: Connection | None = None
        self._recent_ids = RecentIds()
        self._erasures = Erasures()
        self._external_ids = ExternalIds()
        self._full_lookups = 0
        self._ready_days: set[date] = set()
        self._logged_days: set[date] = set()

    async def connection(self) -> Connection:
        """Return the open connection, or open one. Raises Unavailable."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._settings, "engage-consumer", **_SESSION)
            self._ready_days.clear()
        return self._connection

    def terminate(self) -> None:
        """Drop the connection; a graceful close would wait for a dead peer forever."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def write(self, batch: Batch) -> WriteResult:
        """Store *batch*, without partitions that have an offset conflict or events of locked days.

        Raises:
            RowsRejected: nothing was written.
            Unavailable, asyncpg errors, TimeoutError: the outcome is unknown; read the offset
                rows before anything else.
        """
        result = WriteResult(batch)
        started = time.monotonic()
        while batch.partitions:
            try:
                await self._write(batch)
                break
            except OffsetConflict as error:
                result.conflicts |= error.partitions
                excluded = error.partitions
            except DaysLocked as error:
                result.locked_days |= error.days
                result.locked_partitions |= error.partitions
                excluded = error.partitions
            for partition in excluded:
                del batch.partitions[partition]
        result.seconds = time.monotonic() - started
        return result

    async def _write(self, batch: Batch) -> None:
        """Store *batch*. Raises OffsetConflict, DaysLocked, RowsRejected, others as ``write``."""
        connection = await self.connection()
        for number in range(1, _ATTEMPTS + 1):
            await self._ensure_days(connection, batch)
            attempt = batch.copy()
            try:
                await self._transaction(connection, attempt)
            except asyncpg.UniqueViolationError:
                self._full_lookups = _FULL_LOOKUPS
                if number == _ATTEMPTS:
                    raise
            except asyncpg.CheckViolationError:
                # A daily partition was dropped meanwhile, or a constraint was added.
                self._ready_days.clear()
                if number == _ATTEMPTS:
                    await self._find_rejected(connection, batch.copy())
                    raise
            except DATA_ERRORS:
                await self._find_rejected(connection, batch.copy())
                raise
            else:
                batch.partitions = attempt.partitions
                return

    async def _transaction(self, connection: Connection, batch: Batch) -> None:
        await connection.execute("BEGIN")
        try:
            has_retractions = await lock_offsets(connection, self._topic, batch)
            await self._drop_duplicates(connection, batch)
            rows = sorted(batch.rows)
            letters = [part.dead_letters for part in batch.partitions.values()]
            rows = await self._erasures.apply(connection, rows, letters)
            rows = await self._external_ids.resolve(connection, rows)
            if has_retractions and rows:
                rows = await skip_retracted(connection, batch, rows)
            await store_events(connection, rows, batch.retracted)
            await insert_dead_letters(connection, self._topic, batch)
            await advance_offsets(connection, self._topic, batch)
            await connection.execute("COMMIT")
        except (OffsetConflict, *DATA_ERRORS):
            await connection.execute("ROLLBACK")
            raise
        self._external_ids.commit()
        self._full_lookups = max(0, self._full_lookups - 1)

    async def _ensure_days(self, connection: Connection, batch: Batch) -> None:
        """Create the daily partitions that the batch needs; events of expired days are skipped."""
        parts = batch.partitions.values()
        numbers = {row[0] // DAY for part in parts for row in part.rows}
        needed = {day(number * DAY) for number in numbers}
        found = await ensure_days(connection, sorted(needed - self._ready_days))
        self._ready_days |= found[DayState.READY]
        if out_of_range := found[DayState.OUT_OF_RANGE]:
            raise RowsRejected(out_of_range, {})
        if expired := found[DayState.EXPIRED]:
            for part in parts:
                part.skip_expired(expired)
            for each in sorted(expired - self._logged_days):
                logger.warning("events of an expired day skipped", day=str(each))
            self._logged_days |= expired
        if locked := found[DayState.LOCKED]:
            raise DaysLocked(
                locked,
                {
                    partition
                    for partition, part in batch.partitions.items()
                    if any(day(row[0]) in locked for row in part.rows)
                },
            )

    async def _drop_duplicates(self, connection: Connection, batch: Batch) -> None:
        """Drop repeats within the batch, and rows that are stored already.

        Only rows whose ID was seen recently are looked up; a duplicate that is missed violates the
        primary key, and then the rows of some batches are all looked up.
        """
        rows = batch.rows
        seen = self._recent_ids.add(rows)
        if not seen and not self._full_lookups:
            return
        batch.drop_repeats()
        stored = await find_stored(connection, rows if self._full_lookups else seen)
        if stored:
            for part in batch.partitions.values():
                part.drop_duplicates(stored)

    async def _find_rejected(self, connection: Connection, batch: Batch) -> None:
        """Find the events that PostgreSQL rejects, writing nothing.

        Raises RowsRejected if there are any, OffsetConflict.
        """

        async def rejection(units: Sequence[Row | RetractedEvent]) -> str | None:
            try:
                await _try_to_store(connection, units)
            except asyncpg.UniqueViolationError:
                return None  # another consumer stored it meanwhile
            except DATA_ERRORS as error:
                return describe_rejection(error)
            return None

        self._full_lookups = max(1, self._full_lookups)
        await connection.execute("BEGIN")
        try:
            await lock_offsets(connection, self._topic, batch)
            await self._drop_duplicates(connection, batch)
            units: list[Row | RetractedEvent] = [*batch.rows, *batch.retracted]
            found = await bisect(units, rejection, self._settings.dead_letter_limit)
        finally:
            await connection.execute("ROLLBACK")
        if found:
            raise RowsRejected(set(), {(unit[0], unit[1]): reason for unit, reason in found})


async def lock_offsets(connection: Connection, topic: str, batch: Batch) -> bool:
    """Lock the offset rows. Return whether there are retractions. Raise OffsetConflict."""
    query = sql.load("lock_offsets")
    rows = await query.fetch(connection, topic=topic, partitions=sorted(batch.partitions))
    found = {row["partition"]: row for row in rows}
    conflicts = {
        partition
        for partition, part in batch.partitions.items()
        if partition not in found
        or found[partition]["next_offset"] != part.first_offset
        or found[partition]["halt_reason"] is not None
    }
    if conflicts:
        raise OffsetConflict(conflicts)
    return any(row["has_retractions"] for row in rows)


async def find_stored(connection: Connection, rows: Sequence[Row]) -> set[Identity]:
    """Return which identities of *rows* are stored already."""
    found = await sql.load("find_stored").fetch(connection, **identity_arrays(rows))
    return {identity(row[0], row[1]) for row in found}


async def skip_retracted(connection: Connection, batch: Batch, rows: list[Row]) -> list[Row]:
    """Return the rows that were not retracted before they arrived; the others are skipped."""
    retracted = await find_retracted(connection, rows)
    if not retracted:
        return rows
    for part in batch.partitions.values():
        part.skip_retracted(retracted)
    return [row for row in rows if row[:2] not in retracted]


async def find_retracted(connection: Connection, rows: Sequence[Row]) -> set[Identity]:
    """Return which identities of *rows* are retracted."""
    query = sql.load("find_retracted")
    posts = [row[2] for row in rows]
    found = await query.fetch(connection, **identity_arrays(rows), post_ids=posts)
    return {identity(row[0], row[1]) for row in found}


async def store_events(
    connection: Connection, rows: Sequence[Row], retracted: Sequence[RetractedEvent]
) -> None:
    """Insert rows without external IDs, retract events, and update the rollups."""
    if rows:
        await copy_rows(connection, rows)
    deleted = await _retract(connection, retracted)
    if not rows and not deleted:
        return
    await _count("upsert_post_totals", connection, "post_ids", count_by_post(rows, deleted))
    # Last, as all consumers update the row of the current quarter.
    await _count("upsert_engagements_15m", connection, "buckets", count_by_quarter(rows, deleted))


async def _retract(connection: Connection, events: Sequence[RetractedEvent]) -> list[Row]:
    """Delete retracted events, and return their rows. Retractions of unknown events are kept."""
    if not events:
        return []
    external_ids = {event.post for event in events if isinstance(event.post, str)}
    numbers = await resolve_external_ids(connection, "post", external_ids)
    deleted = await sql.load("apply_retractions").fetch(
        connection,
        **identity_arrays(events),
        post_ids=[numbers.get(event.post, event.post) for event in events],
        received=[event.received for event in events],
    )
    return [
        (*(found := identity(row[0], row[1])), row[2], None, row[3], found[0]) for row in deleted
    ]


async def _count(name: str, connection: Connection, key: str, columns: CountColumns) -> None:
    keys, views, likes, comments, shares = columns
    values: dict[str, Any] = {key: keys, "views": views, "likes": likes}
    await sql.load(name).execute(connection, **values, comments=comments, shares=shares)


async def insert_dead_letters(connection: Connection, topic: str, batch: Batch) -> None:
    """Insert the batch's dead letters with their original bytes."""
    letters = [
        (partition, letter)
        for partition, part in sorted(batch.partitions.items())
        for letter in part.dead_letters
    ]
    if not letters:
        return
    await sql.load("insert_dead_letters").execute(
        connection,
        topic=topic,
        partitions=[partition for partition, _ in letters],
        offsets=[letter.offset for _, letter in letters],
        reasons=[letter.reason for _, letter in letters],
        details=[letter.detail for _, letter in letters],
        record_timestamps=[letter.record_timestamp for _, letter in letters],
        keys=[letter.key for _, letter in letters],
        values=[letter.value for _, letter in letters],
        event_ids=[letter.event_id for _, letter in letters],
    )


async def advance_offsets(connection: Connection, topic: str, batch: Batch) -> None:
    """Move the offset rows, add to their counters, and halt partitions that cannot go on."""
    partitions = sorted(batch.partitions)
    parts = [batch.partitions[partition] for partition in partitions]
    prints = [part.fingerprint for part in parts]
    await sql.load("advance_offsets").execute(
        connection,
        topic=topic,
        partitions=partitions,
        next_offsets=[part.next_offset for part in parts],
        stored=[len(part.rows) for part in parts],
        duplicates=[part.duplicates for part in parts],
        dead_lettered=[len(part.dead_letters) for part in parts],
        skipped=[part.skipped for part in parts],
        consecutive_dead_letters=[part.consecutive_dead_letters for part in parts],
        fingerprint_offsets=[p and p.offset for p in prints],
        fingerprint_timestamps=[p and p.timestamp for p in prints],
        fingerprint_crcs=[p and p.crc for p in prints],
        caught_up=[part.caught_up for part in parts],
        # Rows are in the order of the log: the first one is the oldest.
        received=[instant(part.rows[0][5]) if part.rows else None for part in parts],
    )
    for partition, part in batch.partitions.items():
        if part.halt is not None:
            await halt_partition(connection, topic, partition, part.next_offset, part.halt)


async def _try_to_store(connection: Connection, units: Sequence[Row | RetractedEvent]) -> None:
    """Store these in a savepoint, and roll it back."""
    retracted = [unit for unit in units if isinstance(unit, RetractedEvent)]
    rows = [unit for unit in units if not isinstance(unit, RetractedEvent)]
    await connection.execute("SAVEPOINT trial")
    try:
        rows = await ExternalIds().resolve(connection, rows)
        await store_events(connection, rows, retracted)
    finally:
        await connection.execute("ROLLBACK TO SAVEPOINT trial")


def describe_rejection(error: Exception) -> str:
    """Return why PostgreSQL rejects an event, without quoting the row."""
    code = getattr(error, "sqlstate", None) or type(error).__name__
    return f"PostgreSQL rejects it ({code}): {describe_error(error)}"[:_REASON_CHARACTERS]


async def bisect(
    units: Sequence[Unit],
    rejection: Callable[[Sequence[Unit]], Awaitable[str | None]],
    limit: int,
) -> list[tuple[Unit, str]]:
    """Return the first *limit* units that are rejected alone, in their order, with the reason.

    Each of them costs about 2 log2(n) calls of *rejection*.

    Args:
        units: a sequence that was rejected as a whole.
        rejection: returns why a sequence is rejected, or None.
        limit: number of rejected units to stop at.
    """
    found: list[tuple[Unit, str]] = []
    todo = [units] if units else []
    while todo and len(found) < limit:
        part = todo.pop()
        reason = await rejection(part)
        if reason is None:
            continue
        if len(part) == 1:
            found.append((part[0], reason))
            continue
        middle = len(part) // 2
        todo += [part[middle:], part[:middle]]
    return found
