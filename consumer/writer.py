"""One batch, one transaction: offsets checked, events, rollups, dead letters, offsets advanced."""

from collections.abc import Iterable
from datetime import UTC, date
from typing import Any, Final

import asyncpg

import sql
from consumer import rollup
from consumer.batch import Batch, Identity, Share
from consumer.decode import COLUMNS, DeadLetter, Row
from consumer.external_ids import resolve
from consumer.recent import Recent
from consumer.retractions import take_back, taken_back_before
from consumer.settings import ConsumerSettings
from schema.errors import EngagementError
from sql.pool import Connection, connect

_WARY_BATCHES: Final = 50
_ATTEMPTS: Final = 5
_SESSION: Final = {
    # A commit lost in a crash of PostgreSQL loses its offsets with it, and Kafka replays.
    "synchronous_commit": "off",
    # Look-ups of identities must not be planned anew for some 400 partitions each time.
    "plan_cache_mode": "force_generic_plan",
    "lock_timeout": "5s",
}


class Fenced(EngagementError):  # noqa: N818
    """The offset rows of some partitions are not where the batch expects them.

    Attributes:
        partitions: those partitions; nothing of the batch was written.
    """

    def __init__(self, partitions: set[int]) -> None:
        super().__init__(f"partitions {sorted(partitions)} were moved by another consumer")
        self.partitions = partitions


class DaysRefused(EngagementError):  # noqa: N818
    """PostgreSQL makes no partition for these days: a forged time of receipt.

    Attributes:
        days: the days, UTC; nothing of the batch was written.
    """

    def __init__(self, days: set[date]) -> None:
        super().__init__(f"no partition for {len(days)} days from {min(days)} on")
        self.days = days


class Writer:
    """Writes batches on one connection. Any failure but Fenced leaves it closed."""

    def __init__(self, settings: ConsumerSettings) -> None:
        self._settings = settings
        self._topic = settings.topic
        self._connection: Connection | None = None
        self._recent = Recent()
        self._wary_batches = 0
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
            Fenced, DaysRefused: nothing was written; the connection is good.
            Unavailable, asyncpg errors, TimeoutError: the outcome is unknown; read the offset
                rows again before anything else.
        """
        batch.drop_repeats()
        connection = await self.connection()
        for attempt in range(1, _ATTEMPTS + 1):
            await self._ensure_days(connection, batch)
            try:
                await self._transaction(connection, batch)
            except asyncpg.UniqueViolationError:
                self._wary_batches = _WARY_BATCHES
                if attempt == _ATTEMPTS:
                    raise
            except asyncpg.CheckViolationError:
                self._days.clear()
                if attempt == _ATTEMPTS:
                    raise
            else:
                return

    async def _transaction(self, connection: Connection, batch: Batch) -> None:
        await connection.execute("BEGIN")
        try:
            has_retractions = await self._fence(connection, batch)
            await self._set_duplicates_aside(connection, batch)
            rows = sorted(row for share in batch.shares.values() for row in share.rows)
            rows = await resolve(connection, rows)
            if has_retractions and rows:
                rows = await self._skip_retracted(connection, batch, rows)
            await self._store(connection, batch, rows)
            await self._keep_dead_letters(connection, batch)
            await self._advance(connection, batch)
            await connection.execute("COMMIT")
        except (Fenced, asyncpg.UniqueViolationError, asyncpg.CheckViolationError):
            await connection.execute("ROLLBACK")
            raise
        self._recent.add(rows)
        self._wary_batches = max(0, self._wary_batches - 1)

    async def _skip_retracted(
        self, connection: Connection, batch: Batch, rows: list[Row]
    ) -> list[Row]:
        gone = await taken_back_before(connection, rows)
        for share in batch.shares.values() if gone else ():
            share.skip(gone)
        return [row for row in rows if row[:2] not in gone] if gone else rows

    async def _fence(self, connection: Connection, batch: Batch) -> bool:
        """Lock the offset rows; whether anything was ever taken back. Raises Fenced."""
        query = sql.load("lock_offsets")
        partitions = sorted(batch.shares)
        found = {
            row["partition"]: row
            for row in await connection.fetch(
                query.text, *query.bind(topic=self._topic, partitions=partitions)
            )
        }
        moved = {
            partition
            for partition, share in batch.shares.items()
            if partition not in found
            or found[partition]["next_offset"] != share.expected
            or found[partition]["halt_reason"] is not None
        }
        if moved:
            raise Fenced(moved)
        return any(row["has_retractions"] for row in found.values())

    async def _set_duplicates_aside(self, connection: Connection, batch: Batch) -> None:
        """Look for stored identities: everywhere after a collision, else where ids recur."""
        rows = [row for share in batch.shares.values() for row in share.rows]
        suspects = rows if self._wary_batches else self._recent.suspects(rows)
        if not suspects:
            return
        query = sql.load("find_stored")
        values = query.bind(
            engaged_timestamps=[row[0] for row in suspects], event_ids=[row[1] for row in suspects]
        )
        stored: set[Identity] = {
            (row[0], row[1]) for row in await connection.fetch(query.text, *values)
        }
        if stored:
            for share in batch.shares.values():
                share.drop(stored)
        elif rows is suspects:
            self._wary_batches = min(self._wary_batches, _WARY_BATCHES // 2)

    async def _store(self, connection: Connection, batch: Batch, rows: list[Row]) -> None:
        if rows:
            await connection.copy_records_to_table("engagements", records=rows, columns=COLUMNS)
        gone = await take_back(connection, batch.shares.values())
        if not rows and not gone:
            return
        await self._add(connection, "add_post_totals", "post_ids", rollup.by_post(rows, gone))
        # Last, as all consumers meet at the current quarter's row.
        await self._add(connection, "add_quarter_hours", "quarters", rollup.by_quarter(rows, gone))

    async def _add(
        self, connection: Connection, name: str, key: str, columns: rollup.Columns
    ) -> None:
        query = sql.load(name)
        keys, views, likes, comments, shares = columns
        values = {key: keys, "views": views, "likes": likes, "comments": comments, "shares": shares}
        await connection.execute(query.text, *query.bind(**values))

    async def _keep_dead_letters(self, connection: Connection, batch: Batch) -> None:
        dead: list[tuple[int, DeadLetter]] = [
            (partition, letter)
            for partition, share in sorted(batch.shares.items())
            for letter in share.dead
        ]
        if not dead:
            return
        query = sql.load("insert_dead_letters")
        values = query.bind(
            topic=self._topic,
            partitions=[partition for partition, _ in dead],
            offsets=[letter.offset for _, letter in dead],
            reasons=[letter.reason for _, letter in dead],
            details=[letter.detail for _, letter in dead],
            record_timestamps=[letter.record_timestamp for _, letter in dead],
            keys=[letter.key for _, letter in dead],
            values=[letter.value for _, letter in dead],
        )
        await connection.execute(query.text, *values)

    async def _advance(self, connection: Connection, batch: Batch) -> None:
        query = sql.load("advance_offsets")
        partitions = sorted(batch.shares)
        shares = [batch.shares[partition] for partition in partitions]
        prints = [share.fingerprint for share in shares]
        values = query.bind(
            topic=self._topic,
            partitions=partitions,
            next_offsets=[share.next_offset for share in shares],
            stored=[len(share.rows) for share in shares],
            duplicates=[share.duplicates for share in shares],
            dead_lettered=[len(share.dead) for share in shares],
            skipped=[share.skipped for share in shares],
            dead_in_a_row=[share.dead_in_a_row for share in shares],
            fingerprint_offsets=[p and p.offset for p in prints],
            fingerprint_timestamps=[p and p.timestamp for p in prints],
            fingerprint_crcs=[p and p.crc for p in prints],
            caught_up=[share.caught_up for share in shares],
        )
        await connection.execute(query.text, *values)
        for partition, share in batch.shares.items():
            if share.halt is not None:
                await halt(connection, self._topic, partition, share.halt.reason, share.halt.detail)

    async def _ensure_days(self, connection: Connection, batch: Batch) -> None:
        """Make the partitions the batch needs. Raises DaysRefused."""
        refused = set()
        for day in sorted(_days(batch.shares.values()) - self._days):
            try:
                await connection.execute("SELECT ensure_partition($1)", day)
                self._days.add(day)
            except asyncpg.DatetimeFieldOverflowError:
                refused.add(day)
        if refused:
            raise DaysRefused(refused)


def _days(shares: Iterable[Share]) -> set[date]:
    return {row[0].astimezone(UTC).date() for share in shares for row in share.rows}


async def halt(
    connection: Connection, topic: str, partition: int, reason: str, detail: str
) -> None:
    """Keep a halt in the partition's offset row."""
    query = sql.load("halt_partition")
    values: dict[str, Any] = {"partition": partition, "reason": reason, "detail": detail}
    await connection.execute(query.text, *query.bind(topic=topic, **values))
