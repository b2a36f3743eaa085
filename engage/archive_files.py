"""The archive's files: checks, restoring them to the database, removing erased users."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from refresher.archive import ARCHIVE_ERRORS, Archive, Digest, lock_archive
from runtime.progress import Progress, silent
from schema.errors import EngagementError, Unavailable
from sql import load
from sql.command import connected
from sql.event_columns import SCHEMA
from sql.pool import Connection

EVER: Final = (date(2000, 1, 1), date(9999, 12, 31))

_STAGE: Final = "CREATE TEMP TABLE restored_events (LIKE engagements) ON COMMIT DROP"
_ANNOUNCE: Final = (
    "UPDATE archived_partitions SET replacement_sha256 = $3 WHERE day = $1 AND part = $2"
)
_REPLACE: Final = """
UPDATE archived_partitions SET sha256 = $3, replacement_sha256 = NULL, bytes = $4
 WHERE day = $1 AND part = $2"""
_IDLE_TIMEOUT: Final = "SET LOCAL idle_in_transaction_session_timeout = '5min'"


class Damaged(EngagementError):  # noqa: N818  (named for what it is)
    """A file of the archive is missing or differs from what was archived."""


@dataclass(frozen=True)
class Restored:
    """Counts of a day: restored events, those of erased users among them, retracted events."""

    restored: int
    erased: int
    retracted: int


def fault(archive: Archive, part: Any) -> str | None:
    """Return the fault of a file, or None. *part*: a row of archived_days."""
    try:
        content = archive.content(part["day"], part["part"])
    except FileNotFoundError:
        return "missing"
    except ARCHIVE_ERRORS as error:
        return f"unreadable: {error}"
    is_right = content.rows == part["rows"] and content.sha256 in (
        part["sha256"],
        part["replacement_sha256"],
    )
    return None if is_right else "not what was archived"


async def check(
    url: str, archive: Archive, days: tuple[date, date] = EVER, progress: Progress = silent
) -> list[dict[str, Any]]:
    """Read every file of these days. Return a row per file; ``fault`` is None for a valid one.

    Raises as sql.command.connected does.
    """
    async with connected(url) as connection:
        parts = await _parts(connection, days)
    rows = []
    for count, part in enumerate(parts, 1):
        rows.append({name: part[name] for name in ("day", "part", "rows")})
        rows[-1]["fault"] = fault(archive, part)
        progress("files", count, len(parts), "")
    return rows


async def check_sealed(url: str, files: Archive) -> list[dict[str, Any]]:
    """Read the file of every sealed day. Return a row per file, as ``check`` does."""
    async with connected(url) as connection:
        parts = await load("sealed_files").fetch(connection)
    return [
        {"day": part["day"], "fault": fault(files, dict(part) | {"replacement_sha256": None})}
        for part in parts
        if part["state"] == "sealed"
    ]


async def waiting_parts(
    url: str, archive: Archive, days: tuple[date, date]
) -> list[dict[str, Any]]:
    """Return the files of these days that are not restored, checked like ``check`` does."""
    async with connected(url) as connection:
        parts = await _parts(connection, days)
    return [
        {"day": part["day"], "rows": part["rows"], "fault": fault(archive, part)}
        for part in parts
        if part["restored_timestamp"] is None
    ]


async def restore(url: str, archive: Archive, day: date, *, keep_until: date) -> Restored | None:
    """Restore a day to engagements in one transaction. Return None when nothing is left to restore.

    Raises:
        Damaged: a file is not what was archived; nothing was restored.
        Unavailable: another session works on the archive. Others as ``connected`` does.
    """
    async with _alone(url) as connection:
        parts = [
            one for one in await _parts(connection, (day, day)) if one["restored_timestamp"] is None
        ]
        if not parts:
            return None
        for part in parts:
            if wrong := fault(archive, part):
                raise Damaged(f"day {day}, part {part['part']}: {wrong}; nothing was restored")
        async with connection.transaction():
            await connection.execute(_STAGE)
            await connection.execute(_IDLE_TIMEOUT)
            for part in parts:
                for group in archive.groups(day, part["part"]):
                    columns = [group.column(name).to_pylist() for name in SCHEMA.names]
                    await connection.copy_records_to_table(
                        "restored_events",
                        records=zip(*columns, strict=True),
                        columns=SCHEMA.names,
                    )
            row = await connection.fetchrow("SELECT * FROM restore_events($1, $2)", day, keep_until)
    return Restored(**dict(row)) if row else None


async def scrub(
    url: str, archive: Archive, progress: Progress = silent, *, is_dry_run: bool = False
) -> tuple[int, int]:
    """Remove erased users from all files; return the numbers of changed files and events.

    It can be repeated after a crash.

    Raises:
        Damaged: a file is not what was archived; those before it are done.
        Unavailable: another session works on the archive, or it cannot be written. Others as
            ``connected`` does.
    """
    files = events = 0
    async with _alone(url) as connection:
        erased = [row[0] for row in await connection.fetch("SELECT user_id FROM erased_users")]
        parts = await _parts(connection, EVER)
        for count, part in enumerate(parts, 1):
            changed = (
                await _scrub(connection, archive, part, erased, is_dry_run=is_dry_run)
                if erased
                else 0
            )
            files += bool(changed)
            events += changed
            progress("files", count, len(parts), f"{events:,} events")
    return files, events


async def _scrub(
    connection: Connection, archive: Archive, part: Any, erased: Sequence[int], *, is_dry_run: bool
) -> int:
    """Rewrite a file that has erased users. Both digests are valid until it is in place."""
    day, number = part["day"], part["part"]
    if wrong := fault(archive, part):
        raise Damaged(f"day {day}, part {number}: {wrong}")
    digest = Digest()
    changed = 0
    for group in archive.groups(day, number):
        rewritten, count = _without(group, erased)
        digest.add(rewritten)
        changed += count
    if is_dry_run:
        return changed
    replacement = digest.content.sha256
    await connection.execute(_ANNOUNCE, day, number, replacement)
    if changed:
        try:
            with archive.writing(day, number) as writer:
                for group in archive.groups(day, number):
                    writer.add(_without(group, erased)[0])
        except ARCHIVE_ERRORS as error:
            raise Unavailable(f"day {day}, part {number} cannot be written: {error}") from error
    await connection.execute(_REPLACE, day, number, replacement, archive.size_bytes(day, number))
    return changed


def _without(group: pa.Table, erased: Sequence[int]) -> tuple[pa.Table, int]:
    """Return a row group without erased users, and how many events were theirs."""
    users = group.column("user_id")
    theirs = pc.is_in(users, value_set=pa.array(erased, pa.int64()))
    without_erased = pc.if_else(theirs, pa.scalar(None, pa.int64()), users)
    column = SCHEMA.get_field_index("user_id")
    changed: int = pc.sum(theirs).as_py() or 0
    return group.set_column(column, SCHEMA.field("user_id"), without_erased), changed


async def _parts(connection: Connection, days: tuple[date, date]) -> list[Any]:
    first, last = days
    return await load("archived_days").fetch(connection, first=first, last=last)


@asynccontextmanager
async def _alone(url: str) -> AsyncIterator[Connection]:
    async with connected(url) as connection, lock_archive(connection) as is_locked:
        if not is_locked:
            raise Unavailable(
                "another session is using the archive: try again when it has finished"
            )
        yield connection
