"""Days that expire into files, whatever fails in between."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from consumer.rows import Row, microseconds
from engage.archive_files import Damaged, Restored, check, restore
from engage.commands.db import run_checks
from engage.erasure import has_archive
from refresher.archive import TYPES, Archive
from refresher.partitions import Partitions
from refresher.settings import RefresherSettings
from schema.errors import SetupError
from sql import load
from sql.partition_days import DayState, ensure_day
from tests.conftest import Database
from tests.databases import store_events

TODAY = datetime.now(UTC).date()
DAY = TODAY - timedelta(days=500)
KEEP_UNTIL = TODAY + timedelta(days=30)
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
EVENTS = 30
FILE = f"day={DAY}/part-1.parquet"

ARCHIVE_AND_DIE = """
import asyncio, os, signal, sys
import asyncpg
from pydantic import SecretStr
from refresher import archive
from refresher.partitions import Partitions
from refresher.settings import RefresherSettings

class Writer(archive.Writer):
    def add(self, group):
        super().add(group)
        os.kill(os.getpid(), signal.SIGKILL)

archive.Writer = Writer

async def main(url, folder):
    settings = RefresherSettings(database_url=SecretStr(url), archive_url=folder)
    await Partitions(settings).expire(await asyncpg.connect(url))

asyncio.run(main(*sys.argv[1:]))
"""


class ExpiredDay:
    """A day past retention in a database with an archive."""

    def __init__(self, url: str, connection: Any, folder: Path) -> None:
        self.url, self.connection, self.folder = url, connection, folder
        settings = RefresherSettings(database_url=SecretStr(url), archive_url=str(folder))
        self.partitions = Partitions(settings)
        self.archive = Archive(str(folder))

    async def store(self, rows: list[Row]) -> None:
        """Store rows as a consumer does."""
        async with self.connection.transaction():
            await store_events(self.connection, rows, topic="t")

    async def expire(self) -> None:
        await self.partitions.expire(self.connection)

    async def expire_again(self) -> None:
        await self.connection.execute("UPDATE archived_partitions SET keep_until = '2020-01-01'")
        await self.expire()

    async def restore(self) -> Restored | None:
        return await restore(self.url, self.archive, DAY, keep_until=KEEP_UNTIL)

    @asynccontextmanager
    async def restoring(self) -> AsyncIterator[None]:
        """Restore in a transaction of another session that is rolled back at the end."""
        other = await asyncpg.connect(self.url)
        transaction = other.transaction()
        await transaction.start()
        await other.execute("CREATE TEMP TABLE restored_events (LIKE engagements)")
        await other.fetch("SELECT * FROM restore_events($1, $2)", DAY, KEEP_UNTIL)
        try:
            yield
        finally:
            await transaction.rollback()
            await other.close()

    async def erase(self, user_id: int) -> None:
        await self.connection.fetch(
            "SELECT * FROM begin_erasure($1, NULL, 'a test', NULL)", user_id
        )

    async def stored(self) -> list[Any]:
        return list(
            await self.connection.fetch(
                "SELECT event_id, post_id, user_id, type::text, engaged_timestamp,"
                " received_timestamp FROM engagements ORDER BY engaged_timestamp, event_id"
            )
        )

    def files(self) -> list[str]:
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file()
        )

    async def faults(self) -> list[str | None]:
        return [row["fault"] for row in await check(self.url, self.archive)]

    async def overdue(self) -> date | None:
        facts = await load("health_facts").fetchrow(
            self.connection, expired_before=DAY + timedelta(days=1)
        )
        day: date | None = facts["oldest_overdue"]
        return day

    async def failed_checks(self) -> list[str]:
        """Return the names of the checks of `engage db verify` that fail."""
        return [one.name for one in await run_checks(self.url) if not one.is_right]


def events(count: int = EVENTS) -> list[Row]:
    """Return events of the day by users 1 to 4, every fifth without a user."""
    return [
        (
            microseconds(NOON + timedelta(seconds=number)),
            uuid4().bytes,
            number % 7 + 1,
            number % 5 or None,
            TYPES[number % 4],
            microseconds(NOON + timedelta(seconds=number + 1)),
        )
        for number in range(count)
    ]


@pytest.fixture
async def expired_day(connection: Any, database: Database, tmp_path: Path) -> ExpiredDay:
    found = ExpiredDay(database.url, connection, tmp_path / "archive of events")
    await found.store(events())
    return found


async def test_archived_day_is_restored_unchanged_and_then_kept(expired_day: ExpiredDay) -> None:
    before = await expired_day.stored()
    assert not await has_archive(expired_day.url)
    await expired_day.expire()

    assert await has_archive(expired_day.url)
    assert await expired_day.stored() == []
    assert expired_day.files() == [FILE]
    [group] = expired_day.archive.groups(DAY, 1)
    assert [tuple(row.values()) for row in group.to_pylist()] == [tuple(row) for row in before]
    assert await expired_day.failed_checks() == []

    assert await expired_day.restore() == Restored(EVENTS, 0, 0)
    assert await expired_day.restore() is None
    await expired_day.expire()
    assert await expired_day.overdue() is None
    assert await expired_day.stored() == before
    assert await expired_day.connection.fetchval("SELECT count(*) FROM expired_partitions") == 0
    assert await expired_day.failed_checks() == []


async def test_restored_day_expires_again_into_one_file(expired_day: ExpiredDay) -> None:
    await expired_day.expire()
    await expired_day.restore()
    await expired_day.store(events(3))
    await expired_day.expire_again()

    assert expired_day.files() == [FILE]
    assert expired_day.archive.content(DAY, 1).rows == EVENTS + 3
    assert await expired_day.failed_checks() == []


async def test_day_that_is_being_restored_takes_no_events_and_blocks_erasures(
    expired_day: ExpiredDay,
) -> None:
    await expired_day.expire()
    async with expired_day.restoring():
        assert await ensure_day(expired_day.connection, DAY) is DayState.EXPIRED
        await expired_day.connection.execute("SET lock_timeout = '50ms'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await expired_day.erase(3)


async def test_verify_reports_an_expired_day_that_was_counted_again(
    expired_day: ExpiredDay,
) -> None:
    await expired_day.expire()
    await expired_day.connection.execute("DELETE FROM archived_partitions")
    rows = await expired_day.connection.fetchval("DELETE FROM expired_partitions RETURNING rows")
    await expired_day.store(events())
    insert = "INSERT INTO expired_partitions VALUES ($1, $2)"
    await expired_day.connection.execute(insert, DAY, rows)

    assert await expired_day.failed_checks() == ["expired days"]


async def test_day_that_was_archived_and_not_dropped_is_neither_lost_nor_doubled(
    expired_day: ExpiredDay, other_connection: Any
) -> None:
    before = await expired_day.stored()
    async with other_connection.transaction():
        await other_connection.fetch("SELECT * FROM engagements")
        assert await expired_day.partitions.expire(expired_day.connection) is False
    assert expired_day.files() == [FILE]
    assert await expired_day.stored() == before
    assert await expired_day.restore() is None

    await expired_day.expire()
    assert expired_day.files() == [FILE]
    assert await expired_day.restore() == Restored(EVENTS, 0, 0)
    assert await expired_day.stored() == before


async def test_day_is_kept_when_the_process_is_killed_while_it_archives(
    expired_day: ExpiredDay,
) -> None:
    before = await expired_day.stored()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ARCHIVE_AND_DIE, expired_day.url, str(expired_day.folder)),
        stderr=asyncio.subprocess.PIPE,
    )
    await process.communicate()
    assert process.returncode == -9
    assert expired_day.files() == [FILE.replace("part-", "_part-")]
    assert await expired_day.stored() == before

    await expired_day.expire()
    assert expired_day.files() == [FILE]
    assert await expired_day.restore() == Restored(EVENTS, 0, 0)


async def test_day_is_not_dropped_when_its_events_changed_since_they_were_read(
    expired_day: ExpiredDay,
) -> None:
    connection = expired_day.connection
    rows, digest = await connection.fetchrow("SELECT * FROM day_fingerprint($1)", DAY)
    await connection.execute("UPDATE engagements SET user_id = -1 WHERE user_id = 1")

    drop = "SELECT drop_archived_partition($1, $2, $3, 1, 1, 'sha')"
    with pytest.raises(asyncpg.SerializationError):
        await connection.fetchval(drop, DAY, rows, digest)
    assert len(await expired_day.stored()) == EVENTS


async def test_day_is_kept_and_overdue_when_it_cannot_be_archived(expired_day: ExpiredDay) -> None:
    expired_day.folder.write_text("this is no folder")
    await expired_day.expire()

    assert len(await expired_day.stored()) == EVENTS
    assert await expired_day.overdue() == DAY


async def test_damaged_file_is_detected_and_not_restored(expired_day: ExpiredDay) -> None:
    await expired_day.expire()
    path = expired_day.folder / FILE
    content = path.read_bytes()
    for damaged in (content[:-100], content[:60] + bytes([content[60] ^ 1]) + content[61:]):
        path.write_bytes(damaged)
        assert await expired_day.faults() != [None]
        with pytest.raises(Damaged):
            await expired_day.restore()
    path.unlink()
    assert await expired_day.faults() == ["missing"]
    assert await expired_day.stored() == []

    path.write_bytes(content)
    assert await expired_day.faults() == [None]


async def test_file_that_is_being_replaced_may_have_either_digest(expired_day: ExpiredDay) -> None:
    await expired_day.expire()
    await expired_day.connection.execute(
        "UPDATE archived_partitions SET sha256 = 'the old one', replacement_sha256 = sha256"
    )

    assert await expired_day.faults() == [None]


@pytest.mark.parametrize("url", ["relative/folder", "nowhere://bucket"])
def test_unusable_archive_is_a_setup_error(url: str) -> None:
    with pytest.raises(SetupError, match="the archive "):
        Partitions(RefresherSettings(archive_url=url))


def test_archive_without_its_extra_is_a_setup_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, "refresher.archive")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SetupError, match=r"pip install 'engagement-analytics\[archive\]'"):
        Partitions(RefresherSettings(archive_url=str(tmp_path)))
