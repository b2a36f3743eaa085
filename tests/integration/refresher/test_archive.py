"""Days that expire into files: nothing is lost or doubled, whatever fails in between."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from analytics_api.refresher.archive import TYPES, Archive
from analytics_api.refresher.partitions import Partitions
from analytics_api.settings import RefresherSettings
from consumer import rollup
from consumer.rows import Row, copy, microseconds
from engage.archiving import Damaged, Restored, check, restore, scrub
from engage.erasing import has_archive
from engage.verification import verify
from schema.errors import SetupError
from sql import load
from tests.conftest import Database

TODAY = datetime.now(UTC).date()
DAY = TODAY - timedelta(days=500)
KEEP_UNTIL = TODAY + timedelta(days=30)
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
EVENTS = 30

KILLED = """
import asyncio, os, signal, sys
import asyncpg
from pydantic import SecretStr
from analytics_api.refresher import archive
from analytics_api.refresher.partitions import Partitions
from analytics_api.settings import RefresherSettings

class Writer(archive.Writer):
    def add(self, group):
        super().add(group)
        os.kill(os.getpid(), signal.SIGKILL)

archive.Writer = Writer

async def main(url, folder):
    settings = RefresherSettings(database_url=SecretStr(url), archive_url=folder)
    await Partitions(settings).maintain(await asyncpg.connect(url))

asyncio.run(main(*sys.argv[1:]))
"""


class Newsroom:
    """A database with a day that is past retention, and the refresher's partitions."""

    def __init__(self, url: str, connection: Any, folder: Path) -> None:
        self.url, self.connection, self.folder = url, connection, folder
        settings = RefresherSettings(database_url=SecretStr(url), archive_url=str(folder))
        self.partitions = Partitions(settings)
        self.archive = Archive(str(folder))

    async def store(self, rows: list[Row]) -> None:
        """Store rows as a consumer does."""
        async with self.connection.transaction():
            await self.connection.execute("SELECT ensure_partition($1)", DAY)
            await copy(self.connection, rows)
            for name, columns in (
                ("add_post_totals", rollup.by_post(rows, [])),
                ("add_quarter_hours", rollup.by_quarter(rows, [])),
            ):
                await self.connection.execute(load(name).text, *columns)
            await self.connection.execute(
                "INSERT INTO consumer_offsets AS o (topic, partition, first_offset, next_offset,"
                " stored) VALUES ('t', 0, 0, $1, $1) ON CONFLICT (topic, partition) DO UPDATE"
                " SET next_offset = o.next_offset + $1, stored = o.stored + $1",
                len(rows),
            )

    async def expire(self) -> None:
        await self.partitions.maintain(self.connection)

    async def bring_back(self) -> Restored | None:
        return await restore(self.url, self.archive, DAY, keep_until=KEEP_UNTIL)

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

    async def overdue(self) -> date | None:
        query = load("watch_facts")
        facts = await self.connection.fetchrow(
            query.text, *query.bind(expired_before=DAY + timedelta(days=1))
        )
        day: date | None = facts["oldest_overdue"]
        return day

    async def faults(self) -> list[str]:
        return [one.name for one in await verify(self.url) if not one.is_right]


def events(count: int = EVENTS) -> list[Row]:
    """Events of a day, by users 0 to 4; user 0 is nobody."""
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
async def newsroom(database: Database, tmp_path: Path) -> AsyncIterator[Newsroom]:
    connection = await asyncpg.connect(database.url)
    made = Newsroom(database.url, connection, tmp_path / "archive of events")
    await made.store(events())
    yield made
    await connection.close()


async def test_a_day_that_expires_is_in_a_file_and_the_ledger_balances(newsroom: Newsroom) -> None:
    before = await newsroom.stored()
    await newsroom.expire()

    assert await newsroom.stored() == []
    assert newsroom.files() == [f"day={DAY}/part-1.parquet"]
    [group] = newsroom.archive.groups(DAY, 1)
    assert [tuple(row.values()) for row in group.to_pylist()] == [tuple(row) for row in before]
    assert await newsroom.faults() == []


async def test_a_day_that_comes_back_is_as_it_was_and_stays(newsroom: Newsroom) -> None:
    before = await newsroom.stored()
    await newsroom.expire()

    assert await newsroom.bring_back() == Restored(EVENTS, 0, 0)
    assert await newsroom.bring_back() is None
    await newsroom.expire()
    assert await newsroom.overdue() is None
    assert await newsroom.stored() == before
    assert await newsroom.connection.fetchval("SELECT count(*) FROM expired_partitions") == 0
    assert await newsroom.faults() == []


async def test_a_day_that_came_back_expires_again_into_one_file(newsroom: Newsroom) -> None:
    await newsroom.expire()
    await newsroom.bring_back()
    await newsroom.store(events(3))
    await newsroom.connection.execute("UPDATE archived_partitions SET keep_until = '2020-01-01'")
    await newsroom.expire()

    assert newsroom.files() == [f"day={DAY}/part-1.parquet"]
    assert newsroom.archive.content(DAY, 1).rows == EVENTS + 3
    assert await newsroom.faults() == []


async def test_what_is_stored_on_a_day_that_is_archived_goes_into_another_part(
    newsroom: Newsroom,
) -> None:
    await newsroom.expire()
    await newsroom.store(events(3))
    await newsroom.expire()
    assert newsroom.files() == [f"day={DAY}/part-1.parquet", f"day={DAY}/part-2.parquet"]

    assert await newsroom.bring_back() == Restored(EVENTS + 3, 0, 0)
    assert await newsroom.faults() == []
    await newsroom.connection.execute("UPDATE archived_partitions SET keep_until = '2020-01-01'")
    await newsroom.expire()
    assert newsroom.files() == [f"day={DAY}/part-1.parquet"]


async def test_an_end_between_file_and_drop_neither_loses_nor_doubles(newsroom: Newsroom) -> None:
    before = await newsroom.stored()
    reader = await asyncpg.connect(newsroom.url)
    try:
        async with reader.transaction():
            await reader.fetch("SELECT * FROM engagements")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await newsroom.expire()
    finally:
        await reader.close()
    assert newsroom.files() == [f"day={DAY}/part-1.parquet"]
    assert await newsroom.stored() == before
    assert await newsroom.bring_back() is None

    await newsroom.expire()
    assert newsroom.files() == [f"day={DAY}/part-1.parquet"]
    assert await newsroom.bring_back() == Restored(EVENTS, 0, 0)
    assert await newsroom.stored() == before


async def test_a_process_that_is_killed_while_it_archives_leaves_the_day_to_the_next(
    newsroom: Newsroom,
) -> None:
    before = await newsroom.stored()
    killed = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        KILLED,
        newsroom.url,
        str(newsroom.folder),
        stderr=asyncio.subprocess.PIPE,
    )
    await killed.communicate()
    assert killed.returncode == -9
    assert newsroom.files() == [f"day={DAY}/part-1.parquet.unfinished"]
    assert await newsroom.stored() == before

    await newsroom.expire()
    assert newsroom.files() == [f"day={DAY}/part-1.parquet"]
    assert await newsroom.bring_back() == Restored(EVENTS, 0, 0)


async def test_a_day_whose_events_changed_since_it_was_read_is_not_dropped(
    newsroom: Newsroom,
) -> None:
    drop = "SELECT drop_archived_partition($1, $2, $3, 1, 1, 'sha')"
    rows, digest = await newsroom.connection.fetchrow("SELECT * FROM day_fingerprint($1)", DAY)
    await newsroom.connection.execute("UPDATE engagements SET user_id = -1 WHERE user_id = 1")

    with pytest.raises(asyncpg.SerializationError):
        await newsroom.connection.fetchval(drop, DAY, rows, digest)
    assert len(await newsroom.stored()) == EVENTS


async def test_a_day_that_cannot_be_archived_is_kept(newsroom: Newsroom) -> None:
    newsroom.folder.write_text("this is no folder")
    await newsroom.expire()

    assert len(await newsroom.stored()) == EVENTS
    ahead = await newsroom.connection.fetchval("SELECT max(day) FROM engagement_partitions")
    assert ahead == datetime.now(UTC).date() + timedelta(days=7)
    assert await newsroom.overdue() == DAY


async def test_a_restore_that_ended_half_way_is_done_by_the_next(newsroom: Newsroom) -> None:
    await newsroom.expire()
    await newsroom.connection.execute("SELECT begin_restore($1, $2)", DAY, KEEP_UNTIL)
    await newsroom.expire()
    assert await newsroom.faults() == []

    assert await newsroom.bring_back() == Restored(EVENTS, 0, 0)
    assert await newsroom.faults() == []


async def test_an_erasure_does_not_begin_while_a_day_is_restored(newsroom: Newsroom) -> None:
    await newsroom.expire()
    other = await asyncpg.connect(newsroom.url)
    try:
        async with other.transaction():
            await other.execute("CREATE TEMP TABLE restored_events (LIKE engagements)")
            await other.fetch("SELECT * FROM restore_events($1)", DAY)
            await newsroom.connection.execute("SET lock_timeout = '50ms'")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await forget(newsroom, 3)
    finally:
        await other.close()


async def test_whoever_erases_is_told_of_an_archive(newsroom: Newsroom) -> None:
    assert not await has_archive(newsroom.url)
    await newsroom.expire()

    assert await has_archive(newsroom.url)


async def test_a_damaged_file_is_found_and_not_restored(newsroom: Newsroom) -> None:
    await newsroom.expire()
    path = newsroom.folder / newsroom.files()[0]
    whole = path.read_bytes()
    for damaged in (whole[:-100], whole[:60] + bytes([whole[60] ^ 1]) + whole[61:]):
        path.write_bytes(damaged)
        [row] = await check(newsroom.url, newsroom.archive)
        assert row["fault"]
        with pytest.raises(Damaged):
            await newsroom.bring_back()
    path.unlink()
    [row] = await check(newsroom.url, newsroom.archive)
    assert row["fault"] == "missing"
    assert await newsroom.stored() == []

    path.write_bytes(whole)
    assert [row["fault"] for row in await check(newsroom.url, newsroom.archive)] == [None]


async def test_erased_users_and_retracted_events_do_not_come_back(newsroom: Newsroom) -> None:
    await newsroom.expire()
    await forget(newsroom, 3)
    [group] = newsroom.archive.groups(DAY, 1)
    taken = group.to_pylist()[0]
    await newsroom.connection.fetch(
        "SELECT * FROM retract($1, $2, $3, $1)",
        [taken["engaged_timestamp"]],
        [taken["event_id"]],
        [taken["post_id"]],
    )

    assert await newsroom.bring_back() == Restored(EVENTS - 1, 6, 1)
    users = {row["user_id"] for row in await newsroom.stored()}
    assert users == {None, 1, 2, 4}
    assert await newsroom.faults() == []


async def test_scrubbed_files_name_no_erased_user_and_are_right(newsroom: Newsroom) -> None:
    await newsroom.expire()
    await forget(newsroom, 3)

    assert await scrub(newsroom.url, newsroom.archive) == (1, 6)
    assert await scrub(newsroom.url, newsroom.archive) == (0, 0)
    [group] = newsroom.archive.groups(DAY, 1)
    assert set(group.column("user_id").to_pylist()) == {None, 1, 2, 4}
    assert [row["fault"] for row in await check(newsroom.url, newsroom.archive)] == [None]
    assert newsroom.files() == [f"day={DAY}/part-1.parquet"]
    assert await newsroom.bring_back() == Restored(EVENTS, 0, 0)


async def test_a_file_that_is_being_replaced_is_right_before_and_after(newsroom: Newsroom) -> None:
    await newsroom.expire()
    await newsroom.connection.execute(
        "UPDATE archived_partitions SET sha256 = 'the old one', next_sha256 = sha256"
    )

    assert [row["fault"] for row in await check(newsroom.url, newsroom.archive)] == [None]


@pytest.mark.parametrize("url", ["relative/folder", "nowhere://bucket"])
def test_what_can_be_no_archive_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(SetupError, match="the archive is "):
        Partitions(RefresherSettings(archive_url=url))


def test_without_its_extra_an_archive_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, "analytics_api.refresher.archive")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SetupError, match=r"pip install 'engagement-analytics\[archive\]'"):
        Partitions(RefresherSettings(archive_url=str(tmp_path)))


async def forget(newsroom: Newsroom, user_id: int) -> None:
    await newsroom.connection.fetch(
        "SELECT * FROM begin_erasure($1, NULL, 'a test', NULL)", user_id
    )
