"""Daily partitions: created ahead, analyzed, archived and dropped at the end of their retention."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import asyncpg
from prometheus_client import Counter

import sql
from refresher.settings import RefresherSettings
from runtime.logging import get_logger
from runtime.settings import DatabaseSettings
from schema.errors import SetupError, Unavailable
from sql.partition_days import DayState, ensure_day
from sql.pool import Connection, connect

if TYPE_CHECKING:
    from refresher.archive import Archive

EXPIRED: Final = Counter("engage_refresher_expired_rows_total", "Rows of dropped partitions.")
ARCHIVED: Final = Counter("engage_refresher_archived_rows_total", "Rows written to the archive.")
NOT_ARCHIVED: Final = Counter(
    "engage_refresher_archive_failures_total",
    "Days that could not be archived; they were not dropped.",
)
MAINTENANCE_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('engagements.maintenance'))"
_ANALYZE_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('engagements.analyze'))"

# Readers queue behind a session that waits for a lock, so the wait is short.
_LOCK_TIMEOUT: Final = "100ms"
_LOCK_ATTEMPTS: Final = 10
_ANALYZE_TIMEOUT_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.05
_BUSY: Final = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)
_RETRIED_LATER: Final = (
    *_BUSY,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.UndefinedTableError,  # another refresher has just dropped it
)

logger = get_logger("partitions")


@dataclass
class Backoff:
    """When a job is due again, with pauses that double after each failure.

    Args:
        interval_seconds: pause after a success.
        first_seconds: pause after the first failure.
        max_seconds: longest pause after a failure.
        clock: monotonic seconds.
    """

    interval_seconds: float
    first_seconds: float = 2.0
    max_seconds: float = 300.0
    clock: Callable[[], float] = time.monotonic
    _due_at: float = field(default=float("-inf"), init=False)
    _pause_seconds: float = field(default=0.0, init=False)

    @property
    def is_due(self) -> bool:
        """Whether the pause is over."""
        return self.clock() >= self._due_at

    def succeeded(self) -> None:
        """Pause for the interval."""
        self._pause_seconds = 0.0
        self._due_at = self.clock() + self.interval_seconds

    def failed(self) -> float:
        """Pause twice as long as after the last failure; return the seconds."""
        doubled = max(2 * self._pause_seconds, self.first_seconds)
        self._pause_seconds = min(doubled, self.max_seconds)
        self._due_at = self.clock() + self._pause_seconds
        return self._pause_seconds


def check_archive(url: str) -> None:
    """Check *url* without loading pyarrow. Raises SetupError: no archive can be there."""
    if "://" not in url and not Path(url).is_absolute():
        raise SetupError(
            "the archive must be an absolute path, or an address such as s3://bucket/events"
        )
    if find_spec("pyarrow") is None:
        raise SetupError("an archive needs pyarrow: pip install 'engagement-analytics[archive]'")


def open_archive(url: str) -> "Archive":
    """Return the archive at *url*. Raises SetupError: it cannot be used."""
    check_archive(url)
    from refresher.archive import ARCHIVE_ERRORS, Archive  # noqa: PLC0415  (an extra)

    try:
        return Archive(url)
    except ARCHIVE_ERRORS as error:
        raise SetupError(f"the archive is no folder or object store: {error}") from error


class _ArchiveFile(NamedTuple):
    """A file whose events are not dropped yet."""

    fingerprint: tuple[Any, ...]
    part: int
    size_bytes: int
    sha256: str


class Partitions:
    """Creates the partitions of the days ahead and drops those past retention.

    Raises:
        SetupError: the archive that the settings name cannot be used.
    """

    def __init__(self, settings: RefresherSettings) -> None:
        self._settings = settings
        self._archive = open_archive(settings.archive_url) if settings.archive_url else None
        self._files: dict[date, _ArchiveFile] = {}
        self.expiry = Backoff(settings.maintenance_interval_seconds)

    async def create_ahead(self, connection: Connection) -> None:
        """Create the partitions from yesterday to the last day ahead."""
        today = datetime.now(UTC).date()
        for offset in range(-1, self._settings.partitions_ahead_days + 1):
            await _create(connection, today + timedelta(days=offset))

    async def expire_when_due(self, connection: Connection) -> None:
        """Drop the days past retention, with growing pauses while readers block it."""
        if not self.expiry.is_due:
            return
        if await self.expire(connection):
            self.expiry.succeeded()
        else:
            self.expiry.failed()

    async def expire(self, connection: Connection) -> bool:
        """Drop the days past retention; return False when one is left for a later run.

        A day that a long transaction reads is left: a dump may take hours, and every attempt makes
        other readers wait for as long as the lock timeout.
        """
        first_kept = self._settings.first_kept(datetime.now(UTC).date())
        for row in await sql.load("partitions_to_drop").fetch(connection, first_kept=first_kept):
            try:
                await self._expire_day(connection, row["day"])
            except _RETRIED_LATER as error:
                logger.warning(
                    "partition not dropped", day=str(row["day"]), error=type(error).__name__
                )
                return False
        return True

    async def _expire_day(self, connection: Connection, day: date) -> None:
        if self._archive is None:
            await self._drop(connection, day)
            return
        from refresher.archive import lock_archive  # noqa: PLC0415  (an extra)

        async with lock_archive(connection) as is_locked:
            if is_locked:
                await self._archive_and_drop(connection, self._archive, day)

    async def _archive_and_drop(
        self, connection: Connection, archive: "Archive", day: date
    ) -> None:
        """Archive a day, then drop it. A day that cannot be archived is kept."""
        from refresher.archive import ARCHIVE_ERRORS  # noqa: PLC0415  (an extra)

        timeout = self._settings.refresh_timeout_seconds
        found = await connection.fetchrow(
            "SELECT rows, digest FROM day_fingerprint($1)", day, timeout=timeout
        )
        if found is None or not found["rows"]:
            await self._drop(connection, day)
            return
        try:
            file = await self._write_once(connection, archive, day, tuple(found.values()))
        except ARCHIVE_ERRORS as error:
            NOT_ARCHIVED.inc()
            logger.error("day not archived and kept", day=str(day), detail=str(error))  # noqa: TRY400
            return
        dropped = await self._drop(
            connection, day, *file.fingerprint, file.part, file.size_bytes, file.sha256
        )
        self._files.pop(day, None)
        ARCHIVED.inc(dropped or 0)

    async def _write_once(
        self, connection: Connection, archive: "Archive", day: date, fingerprint: tuple[Any, ...]
    ) -> _ArchiveFile:
        """Write a day's file, unless an earlier attempt has written the same events."""
        from refresher.archive import write_day  # noqa: PLC0415  (an extra)

        part = await sql.load("next_archive_part").fetchval(connection, day=day)
        known = self._files.get(day)
        if known is not None and (known.part, known.fingerprint) == (part, fingerprint):
            content = await asyncio.to_thread(archive.content, day, part)
            if content.sha256 == known.sha256:
                return known
        written = await write_day(connection, archive, day, part)
        size_bytes = await asyncio.to_thread(archive.size_bytes, day, part)
        # The events of restored files are in the new file as well.
        for row in await sql.load("restored_archive_parts").fetch(connection, day=day):
            if row["part"] != part:
                await asyncio.to_thread(archive.delete, day, row["part"])
        self._files[day] = _ArchiveFile(fingerprint, part, size_bytes, written.sha256)
        return self._files[day]

    async def _drop(self, connection: Connection, day: date, *archived: object) -> int | None:
        """Drop a day; other sessions wait for at most the lock timeout.

        Args:
            connection: of the maintenance jobs.
            day: the UTC day.
            archived: its file in the archive: rows, digest, part, bytes, sha256.
        """
        drop = "SELECT drop_partition($1)"
        if archived:
            drop = "SELECT drop_archived_partition($1, $2, $3, $4, $5, $6)"
        async with connection.transaction():
            if not await connection.fetchval(MAINTENANCE_LOCK):
                return None
            await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            rows: int | None = await connection.fetchval(
                drop, day, *archived, timeout=self._settings.refresh_timeout_seconds
            )
        EXPIRED.inc(rows or 0)
        logger.info("partition dropped", day=str(day), rows=rows, is_archived=bool(archived))
        return rows


async def _create(connection: Connection, day: date) -> None:
    """Create a day's partition unless it exists or has expired. Raises Unavailable."""
    state = await ensure_day(connection, day)
    for attempt in range(1, _LOCK_ATTEMPTS):
        if state is not DayState.LOCKED:
            break
        await asyncio.sleep(attempt * 0.1)
        state = await ensure_day(connection, day)
    if state is DayState.LOCKED:
        raise Unavailable(f"the partition of {day} cannot be created: engagements is locked")
    if state is DayState.OUT_OF_RANGE:
        raise Unavailable(f"the clocks of refresher and PostgreSQL differ: {day} is out of bounds")


class Statistics:
    """Keeps the planner statistics of engagements up to date, without blocking other sessions."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._table = Backoff(interval_seconds=0.0, first_seconds=30.0, max_seconds=3600.0)

    async def analyze(self, connection: Connection) -> None:
        """Analyze the partitions that changed, and rarely the whole table.

        A table that another session has locked is left for the next run.
        """
        for row in await sql.load("stale_statistics").fetch(connection):
            if row["day"] is not None:
                await self._analyze_partition(connection, row["day"])
            elif self._table.is_due:
                await self._analyze_table(connection)

    async def _analyze_partition(self, connection: Connection, day: date) -> None:
        try:
            async with connection.transaction():
                if await connection.fetchval(_ANALYZE_LOCK):
                    await connection.execute(
                        "SELECT analyze_partition($1)", day, timeout=_ANALYZE_TIMEOUT_SECONDS
                    )
        except (*_BUSY, TimeoutError) as error:
            logger.info("partition not analyzed", day=str(day), error=type(error).__name__)

    async def _analyze_table(self, connection: Connection) -> None:
        try:
            async with connection.transaction():
                if await connection.fetchval(_ANALYZE_LOCK):
                    await self._analyze_unless_blocking(connection)
        except (*_BUSY, TimeoutError, Unavailable) as error:
            pause_seconds = self._table.failed()
            logger.info(
                "table not analyzed", error=type(error).__name__, next_attempt_in=pause_seconds
            )
        else:
            self._table.succeeded()

    async def _analyze_unless_blocking(self, connection: Connection) -> None:
        """Analyze the whole table. Raises QueryCanceledError when another session waits for it."""
        monitor = await connect(self._settings, "engage-analyze-monitor")
        try:
            pid = connection.get_server_pid()
            analyzing = asyncio.create_task(
                connection.execute("SELECT analyze_engagements()", timeout=_ANALYZE_TIMEOUT_SECONDS)
            )
            while not (await asyncio.wait({analyzing}, timeout=_POLL_SECONDS))[0]:
                if await sql.load("is_blocking").fetchval(monitor, pid=pid):
                    await monitor.execute("SELECT pg_cancel_backend($1)", pid)
            await analyzing
        finally:
            monitor.terminate()
