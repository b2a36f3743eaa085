"""The daily partitions: made ahead, archived and dropped when retention is over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg
from prometheus_client import Counter, Gauge

import sql
from analytics_api.settings import RefresherSettings
from schema.errors import SetupError
from schema.telemetry import get_logger
from sql.pool import Connection

if TYPE_CHECKING:
    from analytics_api.refresher.archive import Archive, Content

PREFIX: Final = "engage_refresher"
AHEAD: Final = Gauge(f"{PREFIX}_partitions_ahead", "Daily partitions that exist after today.")
EXPIRED: Final = Counter(f"{PREFIX}_expired_rows_total", "Rows of dropped partitions.")
ARCHIVED: Final = Counter(f"{PREFIX}_archived_rows_total", "Rows written to the archive.")
NOT_ARCHIVED: Final = Counter(
    f"{PREFIX}_archive_failures_total", "Days that could not be archived, and were kept."
)
MAINTENANCE_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('engagements.maintenance'))"

_LOCK_TIMEOUT: Final = "500ms"
_LOCK_ATTEMPTS: Final = 10
_ARCHIVE: Final = "hashtext('engagements.archive')"
_PAST: Final = """
SELECT day FROM engagement_partitions AS p
 WHERE day < $1
   AND NOT EXISTS (SELECT FROM archived_partitions AS a
                    WHERE a.day = p.day AND a.keep_until >= current_date)
 ORDER BY day"""
_NEXT_PART: Final = """
SELECT coalesce(max(part), 0) + 1 FROM archived_partitions
 WHERE day = $1 AND restored_timestamp IS NULL"""
_RESTORED_PARTS: Final = """
SELECT part FROM archived_partitions WHERE day = $1 AND restored_timestamp IS NOT NULL"""

logger = get_logger("refresher")


def open_archive(url: str) -> "Archive":
    """Return the archive at *url*. Raises SetupError: it cannot be used."""
    if "://" not in url and not Path(url).is_absolute():
        raise SetupError(
            "the archive is an absolute path, or an address such as s3://bucket/events"
        )
    try:
        from analytics_api.refresher.archive import ARCHIVE_ERRORS, Archive  # noqa: PLC0415  (an extra)
    except ModuleNotFoundError:
        raise SetupError(
            "an archive needs pyarrow: pip install 'engagement-analytics[archive]'"
        ) from None
    try:
        return Archive(url)
    except ARCHIVE_ERRORS as error:
        raise SetupError(f"the archive is no folder or object store: {error}") from error


@asynccontextmanager
async def alone(connection: Connection) -> AsyncIterator[bool]:
    """Keep others away from the archive's files; yields False if another session has them."""
    is_alone = await connection.fetchval(f"SELECT pg_try_advisory_lock({_ARCHIVE})")
    try:
        yield bool(is_alone)
    finally:
        if is_alone and not connection.is_closed():
            await connection.execute(f"SELECT pg_advisory_unlock({_ARCHIVE})")


async def write_day(connection: Connection, archive: "Archive", day: date, part: int) -> "Content":
    """Write a day's events into a file; returns what was written. Raises ARCHIVE_ERRORS."""
    from analytics_api.refresher.archive import ROWS_AT_ONCE, table  # noqa: PLC0415  (an extra)

    query = sql.load("events_of_day")
    since = datetime.combine(day, time(), UTC)
    values = query.bind(since=since, before=since + timedelta(days=1))
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        # A store may take its time; this transaction keeps nobody waiting.
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '5min'")
        cursor = await connection.cursor(query.text, *values)
        with archive.writing(day, part) as writer:
            while rows := await cursor.fetch(ROWS_AT_ONCE):
                await asyncio.to_thread(lambda group: writer.add(table(group)), rows)
    return writer.content


class Partitions:
    """What the refresher does about partitions, once an hour.

    Raises:
        SetupError: there is to be an archive, and there cannot be.
    """

    def __init__(self, settings: RefresherSettings) -> None:
        self._settings = settings
        self._archive = open_archive(settings.archive_url) if settings.archive_url else None

    async def maintain(self, connection: Connection) -> None:
        """Make the partitions of the days ahead and let go of those past retention."""
        today = datetime.now(UTC).date()
        for offset in range(-1, self._settings.partitions_ahead_days + 1):
            day = today + timedelta(days=offset)
            await connection.execute("SELECT ensure_partition($1)", day)
        ahead = "SELECT count(*) FROM engagement_partitions WHERE day > $1"
        AHEAD.set(await connection.fetchval(ahead, today))
        for row in await connection.fetch(_PAST, self._settings.first_kept(today)):
            if self._archive is None:
                await self._drop(connection, row["day"])
            else:
                await self._expire(connection, self._archive, row["day"])

    async def _expire(self, connection: Connection, archive: "Archive", day: date) -> None:
        """Archive a day, then drop it; what cannot be archived stays."""
        from analytics_api.refresher.archive import ARCHIVE_ERRORS  # noqa: PLC0415  (an extra)

        async with alone(connection) as is_alone:
            if not is_alone:
                return
            timeout = self._settings.refresh_timeout_seconds
            found = await connection.fetchrow(
                "SELECT rows, digest FROM day_fingerprint($1)", day, timeout=timeout
            )
            if found is None or not found["rows"]:
                await self._drop(connection, day)
                return
            part = await connection.fetchval(_NEXT_PART, day)
            try:
                written = await write_day(connection, archive, day, part)
                size_bytes = await asyncio.to_thread(archive.size_bytes, day, part)
                # These events are in engagements and in the new file as well.
                for row in await connection.fetch(_RESTORED_PARTS, day):
                    if row["part"] != part:
                        await asyncio.to_thread(archive.delete, day, row["part"])
            except ARCHIVE_ERRORS as error:
                NOT_ARCHIVED.inc()
                logger.error("day not archived and kept", day=str(day), why=str(error))  # noqa: TRY400
                return
            dropped = await self._drop(
                connection, day, *found.values(), part, size_bytes, written.sha256
            )
            ARCHIVED.inc(dropped or 0)

    async def _drop(self, connection: Connection, day: date, *archived: object) -> int | None:
        """Drop a day without ever making others wait longer than the lock timeout.

        Args:
            connection: the refresher's.
            day: the UTC day.
            archived: what the archive has of it: rows, digest, part, bytes, sha256.
        """
        drop = "SELECT drop_partition($1)"
        if archived:
            drop = "SELECT drop_archived_partition($1, $2, $3, $4, $5, $6)"
        for attempt in range(1, _LOCK_ATTEMPTS + 1):
            try:
                async with connection.transaction():
                    if not await connection.fetchval(MAINTENANCE_LOCK):
                        return None
                    await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
                    rows: int | None = await connection.fetchval(
                        drop, day, *archived, timeout=self._settings.refresh_timeout_seconds
                    )
            except asyncpg.LockNotAvailableError:
                if attempt == _LOCK_ATTEMPTS:
                    raise
                await asyncio.sleep(attempt * 0.1)
            else:
                EXPIRED.inc(rows or 0)
                logger.info(
                    "partition dropped", day=str(day), rows=rows, is_archived=bool(archived)
                )
                return rows
        return None
