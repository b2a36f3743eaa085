"""The archive's files: checked, put back into the database, rid of users who were erased."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

import sql
from analytics_api.refresher.archive import ARCHIVE_ERRORS, SCHEMA, Archive, Digest
from analytics_api.refresher.partitions import alone
from engage.database import connected
from loadgen.progress import Progress, silent
from schema.errors import EngagementError, Unavailable
from sql.pool import Connection

EVER: Final = (date(2000, 1, 1), date(9999, 12, 31))

_STAGE: Final = "CREATE TEMP TABLE restored_events (LIKE engagements) ON COMMIT DROP"
_ANNOUNCE: Final = "UPDATE archived_partitions SET next_sha256 = $3 WHERE day = $1 AND part = $2"
_REPLACE: Final = """
UPDATE archived_partitions SET sha256 = $3, next_sha256 = NULL, bytes = $4
 WHERE day = $1 AND part = $2"""
_PATIENCE: Final = "SET LOCAL idle_in_transaction_session_timeout = '5min'"


class Damaged(EngagementError):  # noqa: N818  (named for what it is)
    """A file of the archive is gone, or is not what was archived."""


@dataclass(frozen=True)
class Restored:
    """What came of a day: events put back; of these, erased users'; events that stayed away."""

    restored: int
    erased: int
    taken_back: int


def fault(archive: Archive, part: Any) -> str | None:
    """Return what is wrong with a file, or None. *part*: a row of archived_days."""
    try:
        found = archive.content(part["day"], part["part"])
    except FileNotFoundError:
        return "missing"
    except ARCHIVE_ERRORS as error:
        return f"unreadable: {error}"
    is_right = found.rows == part["rows"] and found.sha256 in (part["sha256"], part["next_sha256"])
    return None if is_right else "not what was archived"


async def check(
    url: str, archive: Archive, days: tuple[date, date] = EVER, progress: Progress = silent
) -> list[dict[str, Any]]:
    """Read every file of these days; returns one row a file, ``fault`` is None where it is right.

    Raises as engage.database.connected does.
    """
    async with connected(url) as connection:
        parts = await _parts(connection, days)
    rows = []
    for count, part in enumerate(parts, 1):
        rows.append({name: part[name] for name in ("day", "part", "rows")})
        rows[-1]["fault"] = fault(archive, part)
        progress("files", count, len(parts), "")
    return rows


async def restore(url: str, archive: Archive, day: date, *, keep_until: date) -> Restored | None:
    """Put a day back into engagements; None: nothing of it is archived, or all of it is back.

    In one transaction: after a crash the same command does it, once.

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
        await connection.execute("SELECT begin_restore($1, $2)", day, keep_until)
        async with connection.transaction():
            await connection.execute(_STAGE)
            await connection.execute(_PATIENCE)
            for part in parts:
                for group in archive.groups(day, part["part"]):
                    columns = [group.column(name).to_pylist() for name in SCHEMA.names]
                    await connection.copy_records_to_table(
                        "restored_events",
                        records=zip(*columns, strict=True),
                        columns=SCHEMA.names,
                    )
            row = await connection.fetchrow("SELECT * FROM restore_events($1)", day)
    return Restored(**dict(row)) if row else None


async def scrub(url: str, archive: Archive, progress: Progress = silent) -> tuple[int, int]:
    """Let no file name a user who was erased; returns how many files and events were changed.

    After a crash the same command goes on.

    Raises:
        Damaged: a file is not what was archived; those before it are done.
        Unavailable: another session works on the archive. Others as ``connected`` does.
    """
    files = events = 0
    async with _alone(url) as connection:
        erased = [row[0] for row in await connection.fetch("SELECT user_id FROM erased_users")]
        parts = await _parts(connection, EVER)
        for count, part in enumerate(parts, 1):
            changed = await _scrub(connection, archive, part, erased) if erased else 0
            files += bool(changed)
            events += changed
            progress("files", count, len(parts), f"{events:,} events")
    return files, events


async def _scrub(connection: Connection, archive: Archive, part: Any, erased: Sequence[int]) -> int:
    """Rewrite a file if need be. Both digests are right until the new file is in place."""
    day, number = part["day"], part["part"]
    if wrong := fault(archive, part):
        raise Damaged(f"day {day}, part {number}: {wrong}")
    digest = Digest()
    changed = 0
    for group in archive.groups(day, number):
        found, count = _without(group, erased)
        digest.add(found)
        changed += count
    coming = digest.content.sha256
    await connection.execute(_ANNOUNCE, day, number, coming)
    if changed:
        with archive.writing(day, number) as writer:
            for group in archive.groups(day, number):
                writer.add(_without(group, erased)[0])
    await connection.execute(_REPLACE, day, number, coming, archive.size_bytes(day, number))
    return changed


def _without(group: pa.Table, erased: Sequence[int]) -> tuple[pa.Table, int]:
    """Return a row group in which erased users are nobody, and how many events were theirs."""
    users = group.column("user_id")
    theirs = pc.is_in(users, value_set=pa.array(erased, pa.int64()))
    nobody = pc.if_else(theirs, pa.scalar(None, pa.int64()), users)
    column = SCHEMA.get_field_index("user_id")
    changed: int = pc.sum(theirs).as_py() or 0
    return group.set_column(column, SCHEMA.field("user_id"), nobody), changed


async def _parts(connection: Connection, days: tuple[date, date]) -> list[Any]:
    query = sql.load("archived_days")
    first, last = days
    return list(await connection.fetch(query.text, *query.bind(first=first, last=last)))


@asynccontextmanager
async def _alone(url: str) -> AsyncIterator[Connection]:
    async with connected(url) as connection, alone(connection) as is_alone:
        if not is_alone:
            raise Unavailable("another session works on the archive: try again when it is done")
        yield connection
