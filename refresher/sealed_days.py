"""Finished days, copied to Parquet files while they are still in PostgreSQL.

docs/decisions/0022-sealed-days.md
"""

import asyncio
import secrets
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as Time  # noqa: N812  (the module time is used as well)
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import Counter, Gauge

import sql
from refresher.partitions import Backoff, check_archive, open_archive
from refresher.settings import RefresherSettings
from runtime.logging import get_logger
from schema.errors import SetupError
from sql.pool import Connection

if TYPE_CHECKING:
    from refresher.archive import Archive

SEALED: Final = Gauge("engage_refresher_sealed_days", "Days whose file has all their events.")
STALE: Final = Gauge(
    "engage_refresher_stale_sealed_days", "Days whose events changed after their file was written."
)
UNSEALED_AGE: Final = Gauge(
    "engage_refresher_oldest_unsealed_day_age_seconds",
    "Age of the oldest finished day without a current file, since the day ended; 0: there is none.",
)
NOT_SEALED: Final = Counter(
    "engage_refresher_seal_failures_total", "Attempts to write the file of a day that failed."
)

_LOCK: Final = "engagements.sealed_days"
_FILES_INTERVAL_SECONDS: Final = 6 * 3600.0
_IDLE_SECONDS: Final = 30.0
_RUN_SECONDS: Final = 1.0
# Sealing many days, as after the first start, leaves most of the time to others.
_MAX_BUSY_FRACTION: Final = 0.25
_MAX_PART: Final = 2**31 - 1

logger = get_logger("sealed days")


class SealedDays:
    """Writes each finished day to a file, and again when its events have changed.

    Raises SetupError: the place that the settings name cannot be used.
    """

    def __init__(self, settings: RefresherSettings) -> None:
        self._settings = settings
        if settings.history_url:
            check_archive(settings.history_url)
        self._files: Archive | None = None
        self._files_checked = Backoff(_FILES_INTERVAL_SECONDS)
        self._attempts = Backoff(0.0)
        self._paused_until = 0.0

    async def seal_days(self, connection: Connection) -> None:
        """Write the files of days that are due, one after the other, for about a second."""
        began = time.monotonic()
        url = self._settings.history_url
        if not url or began < self._paused_until or not self._attempts.is_due:
            return
        if self._files is None and not await self._is_needed(connection):
            self._paused_until = began + _IDLE_SECONDS
            return
        from refresher.archive import ARCHIVE_ERRORS, lock_archive  # noqa: PLC0415  (an extra)

        async with lock_archive(connection, _LOCK) as is_locked:
            if not is_locked:
                return
            try:
                self._files = files = self._files or open_archive(url)
                day = await self._seal_next(connection, files)
                while day and time.monotonic() - began < _RUN_SECONDS:
                    day = await self._seal_next(connection, files)
            except (SetupError, *ARCHIVE_ERRORS) as error:
                NOT_SEALED.inc()
                pause_seconds = self._attempts.failed()
                logger.error(  # noqa: TRY400
                    "day not sealed", detail=str(error), next_attempt_in=pause_seconds
                )
                return
        self._attempts.succeeded()
        busy_seconds = time.monotonic() - began
        pause = busy_seconds / _MAX_BUSY_FRACTION if day else _IDLE_SECONDS
        self._paused_until = began + pause

    async def _is_needed(self, connection: Connection) -> bool:
        """Return whether there are files or a day to seal; pyarrow takes 50 MB of memory."""
        has_files = await connection.fetchval("SELECT EXISTS (SELECT FROM sealed_days)")
        return has_files or await self._next_day(connection, datetime.now(UTC)) is not None

    def _finished_days(self, now: datetime) -> dict[str, date]:
        delay = timedelta(hours=self._settings.history_delay_hours)
        last = (now - delay).date() - timedelta(days=1)
        return {"first": self._settings.first_kept(now.date()), "last": last}

    async def _next_day(self, connection: Connection, now: datetime) -> date | None:
        delay = timedelta(hours=self._settings.history_delay_hours)
        day: date | None = await sql.load("day_to_seal").fetchval(
            connection, **self._finished_days(now), sealed_before=now - delay
        )
        return day

    async def _seal_next(self, connection: Connection, files: "Archive") -> date | None:
        await self._delete_old_files(connection, files)
        if self._files_checked.is_due:
            await self._find_damaged(connection, files)
            self._files_checked.succeeded()
        now = datetime.now(UTC)
        day = await self._next_day(connection, now)
        if day is not None:
            await self._seal(connection, files, day)
            await self._delete_old_files(connection, files)
        await _update_metrics(connection, self._finished_days(now), now)
        return day

    async def _seal(self, connection: Connection, files: "Archive", day: date) -> None:
        """Write the file of a day, read it back, and record it in place of the older one."""
        part = 1 + secrets.randbelow(_MAX_PART)
        await sql.load("begin_seal").execute(connection, day=day, part=part)
        version, content = await _write(connection, files, day, part)
        if version is None or content.rows != version["rows"] or not content.rows:
            raise OSError(f"the file of {day} has {content.rows} events, the database has others")
        size_bytes = await asyncio.to_thread(files.size_bytes, day, part)
        file_sha256 = await asyncio.to_thread(files.file_sha256, day, part)
        async with connection.transaction():
            await sql.load("obsolete_seal").execute(connection, day=day)
            await sql.load("finish_seal").execute(
                connection,
                **version,
                day=day,
                part=part,
                bytes=size_bytes,
                sha256=content.sha256,
                file_sha256=file_sha256,
            )
        logger.info("day sealed", day=str(day), rows=content.rows, bytes=size_bytes)

    async def _delete_old_files(self, connection: Connection, files: "Archive") -> None:
        """Delete files that were replaced or never finished, and those of expired days."""
        for row in await sql.load("sealed_files").fetch(connection):
            if row["state"] != "sealed":
                await asyncio.to_thread(files.delete, row["day"], row["part"])
                await sql.load("forget_seal").execute(connection, day=row["day"], part=row["part"])

    async def _find_damaged(self, connection: Connection, files: "Archive") -> None:
        """Have days sealed again whose file is missing or damaged."""
        for row in await sql.load("sealed_files").fetch(connection):
            if row["state"] != "sealed":
                continue
            try:
                found = await asyncio.to_thread(files.file_sha256, row["day"], row["part"])
            except FileNotFoundError:
                found = None
            if found != row["file_sha256"]:
                logger.error("file of a sealed day is missing or damaged", day=str(row["day"]))
                await sql.load("obsolete_seal").execute(connection, day=row["day"])


async def _write(connection: Connection, files: "Archive", day: date, part: int) -> Any:
    """Write a file. Return the version of the events in it, as a mapping, and its content."""
    from refresher.archive import copy_day, in_threads  # noqa: PLC0415  (an extra)

    async with (
        in_threads(files.writing(day, part)) as writer,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        row = await sql.load("sealed_version").fetchrow(connection, day=day)
        await copy_day(connection, day, writer)
    return dict(row) if row else None, writer.content


async def _update_metrics(connection: Connection, days: dict[str, date], now: datetime) -> None:
    row = await sql.load("sealed_state").fetchrow(connection, **days)
    SEALED.set(row["sealed"])
    STALE.set(row["stale"])
    oldest = row["oldest_unsealed"]
    ended = datetime.combine(oldest + timedelta(days=1), Time(), UTC) if oldest else now
    UNSEALED_AGE.set((now - ended).total_seconds())
