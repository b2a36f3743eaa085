"""Finished days in files, whatever changes or fails: a current file has the stored events."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import refresher.archive
import refresher.sealed_days
from consumer.decode import RetractedEvent
from consumer.rows import Row, instant, microseconds
from engage.commands.db import check_files, run_checks
from refresher.sealed_days import SealedDays
from schema.event import TYPES
from tests.conftest import Database
from tests.databases import connection_to, store_events
from tests.sealing import sealing
from tests.waiting import until

TODAY = datetime.now(UTC).date()
DAY = TODAY - timedelta(days=3)
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
EVENTS = 40
CURRENT = """
SELECT s.day, s.part FROM sealed_days AS s JOIN day_versions($1, $2) AS v USING (day, version)
 WHERE s.state = 'sealed' ORDER BY s.day"""
STORED = """
SELECT event_id, post_id, user_id, type::text, engaged_timestamp, received_timestamp
  FROM engagements WHERE (engaged_timestamp AT TIME ZONE 'UTC')::date = $1
 ORDER BY engaged_timestamp, event_id"""
KILLED_AT = ("writing", "written", "recorded")

SEAL_AND_DIE = """
import asyncio, os, signal, sys
import asyncpg
from pydantic import SecretStr
from refresher import archive
from refresher.sealed_days import SealedDays
from refresher.settings import RefresherSettings

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

url, folder, step = sys.argv[1:]
if step == "writing":
    archive.Writer.add = die
elif step == "written":
    archive.Archive.size_bytes = die
else:
    archive.Archive.delete = die

async def main():
    settings = RefresherSettings(
        database_url=SecretStr(url), history_url=folder, history_delay_hours=0.000001
    )
    days = SealedDays(settings)
    days._files_checked.succeeded()
    await days.seal_days(await asyncpg.connect(url))

asyncio.run(main())
"""


class History:
    """A database with sealed days, and the folder of their files."""

    def __init__(self, url: str, connection: Any, folder: Path) -> None:
        self.url, self.connection, self.folder = url, connection, folder
        self.files = refresher.archive.Archive(str(folder))

    async def store(self, rows: list[Row], retracted: list[RetractedEvent] | None = None) -> None:
        """Store and retract events as a consumer does."""
        async with self.connection.transaction():
            await store_events(self.connection, rows, retracted or [], topic="t")

    def sealing(self, **changed: Any) -> SealedDays:
        """Return the job of a refresher that has just started."""
        return sealing(self.url, self.folder, **changed)

    async def seal(self, **changed: Any) -> None:
        await self.sealing(**changed).seal_days(self.connection)

    async def current(self, connection: Any = None) -> dict[Any, int]:
        """Return the days whose file is current, as a session sees them, with its number."""
        rows = await (connection or self.connection).fetch(CURRENT, DAY, TODAY)
        return {row["day"]: row["part"] for row in rows}

    async def stored(self, day: Any = DAY) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.connection.fetch(STORED, day)]

    def read(self, day: Any, part: int) -> list[tuple[Any, ...]]:
        groups = self.files.groups(day, part)
        return [tuple(row.values()) for group in groups for row in group.to_pylist()]

    def paths(self) -> list[str]:
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.folder).as_posix() for path in files)

    async def failed_checks(self) -> list[str]:
        return [one.name for one in await run_checks(self.url) if not one.is_right]


def events(count: int = EVENTS, at: datetime = NOON) -> list[Row]:
    """Return events of a day by users 1 to 4, every fifth without a user."""
    return [
        (
            microseconds(at + timedelta(seconds=number)),
            uuid4().bytes,
            number % 7 + 1,
            number % 5 or None,
            TYPES[number % 4],
            microseconds(at + timedelta(seconds=number + 1)),
        )
        for number in range(count)
    ]


def retraction(row: Row) -> RetractedEvent:
    return RetractedEvent(row[0], row[1], row[2], instant(row[5]))


async def erase(connection: Any, user_id: int, days: list[Any]) -> None:
    work = await connection.fetchrow(
        "SELECT * FROM begin_erasure($1, NULL, 'a test', NULL)", user_id
    )
    for day in days:
        await connection.execute("SELECT erase_day($1, $2)", work["erasure_id"], day)


@pytest.fixture
async def history(
    connection: Any, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> History:
    """The history of a database with one finished day. Each run seals one day."""
    monkeypatch.setattr(refresher.sealed_days, "_RUN_SECONDS", 0.0)
    found = History(database.url, connection, tmp_path / "history of events")
    await found.store(events())
    return found


async def test_finished_day_is_sealed_with_its_events_in_order(history: History) -> None:
    await history.store(events(3, datetime.now(UTC)))
    await history.seal()
    await history.seal()

    current = await history.current()
    assert list(current) == [DAY]
    assert history.read(DAY, current[DAY]) == await history.stored()
    assert history.paths() == [f"day={DAY}/part-{current[DAY]}.parquet"]
    assert await history.failed_checks() == []


async def test_run_seals_several_days(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresher.sealed_days, "_RUN_SECONDS", 60.0)
    await history.store(events(3, NOON + timedelta(days=1)))
    await history.seal()

    assert list(await history.current()) == [DAY, DAY + timedelta(days=1)]


async def test_day_is_sealed_when_its_delay_is_over(history: History) -> None:
    await history.seal(history_delay_hours=24 * 4)

    assert await history.current() == {}


async def change_late_event(connection: Any, _rows: list[Row]) -> None:
    await store_events(connection, events(1))


async def change_retraction(connection: Any, rows: list[Row]) -> None:
    await store_events(connection, [], [retraction(rows[3])])


async def change_same_counts(connection: Any, rows: list[Row]) -> None:
    """Retract an event and store another one of the same type, post and quarter of an hour."""
    await store_events(
        connection, [(rows[3][0], uuid4().bytes, *rows[3][2:])], [retraction(rows[3])]
    )


async def change_erasure(connection: Any, _rows: list[Row]) -> None:
    await erase(connection, 2, [DAY])


async def change_number(connection: Any, kind: str, old: int) -> None:
    await connection.execute(
        "INSERT INTO external_ids (kind, external_id, id) VALUES ($1, 'x', $2)", kind, old
    )
    await connection.execute("SELECT move_external_id($1, 'x', 9)", kind)


async def change_post_number(connection: Any, _rows: list[Row]) -> None:
    await change_number(connection, "post", 3)


async def change_user_number(connection: Any, _rows: list[Row]) -> None:
    await change_number(connection, "user", 3)


CHANGES: list[Callable[[Any, list[Row]], Awaitable[None]]] = [
    change_late_event, change_retraction, change_same_counts, change_erasure, change_post_number,
    change_user_number,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
async def test_day_is_stale_in_the_transaction_that_changes_its_events(
    history: History, other_connection: Any, change: Any
) -> None:
    rows = events()
    await history.store(rows)
    await history.seal()
    transaction = history.connection.transaction()
    await transaction.start()
    await change(history.connection, rows)
    assert await history.current() == {}
    assert list(await history.current(other_connection)) == [DAY]
    await transaction.rollback()
    assert list(await history.current()) == [DAY]

    async with history.connection.transaction():
        await change(history.connection, rows)
    assert await history.current(other_connection) == {}
    await history.seal()
    current = await history.current()
    assert history.read(DAY, current[DAY]) == await history.stored()
    assert history.paths() == [f"day={DAY}/part-{current[DAY]}.parquet"]
    assert "sealed days" not in await history.failed_checks()


@pytest.mark.parametrize("change", CHANGES)
async def test_file_is_not_current_when_events_change_while_it_is_written(
    history: History, other_connection: Any, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    rows = events()
    await history.store(rows)
    copy_day = refresher.archive.copy_day

    async def copy_then_change(*arguments: Any) -> None:
        await copy_day(*arguments)
        async with other_connection.transaction():
            await change(other_connection, rows)

    monkeypatch.setattr(refresher.archive, "copy_day", copy_then_change)
    await history.seal()
    assert await history.connection.fetchval("SELECT count(*) FROM sealed_days") == 1
    assert await history.current() == {}

    monkeypatch.setattr(refresher.archive, "copy_day", copy_day)
    await history.seal()
    assert history.read(DAY, (await history.current())[DAY]) == await history.stored()


async def test_transaction_that_is_open_while_a_day_is_sealed_makes_it_stale(
    history: History, other_connection: Any
) -> None:
    async with other_connection.transaction():
        await store_events(other_connection, events(2))
        await history.seal()
        assert list(await history.current()) == [DAY]

    assert await history.current() == {}


async def test_stale_day_is_sealed_again_when_the_delay_since_its_file_is_over(
    history: History,
) -> None:
    await history.seal()
    before = history.paths()
    await history.store(events(2))
    await history.seal(history_delay_hours=6)

    assert history.paths() == before
    assert await history.current() == {}


@pytest.mark.parametrize("is_sealed", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("step", KILLED_AT)
async def test_killed_refresher_leaves_the_old_file_or_the_new_one(
    history: History, step: str, is_sealed: bool
) -> None:
    if is_sealed:
        await history.seal()
        await history.store(events(3))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SEAL_AND_DIE, history.url, str(history.folder), step),
        stderr=asyncio.subprocess.PIPE,
    )
    await process.communicate()
    if process.returncode == 0:
        assert step == "recorded"  # the first file of a day replaces none
        assert not is_sealed
    else:
        assert process.returncode == -9
    for day, part in (await history.current()).items():
        assert history.read(day, part) == await history.stored()

    async def is_current() -> bool:
        # PostgreSQL may not have noticed yet that the killed process has gone with its lock.
        await history.seal()
        return DAY in await history.current()

    await until(is_current)
    current = await history.current()
    assert history.read(DAY, current[DAY]) == await history.stored()
    await history.seal()
    assert history.paths() == [f"day={DAY}/part-{current[DAY]}.parquet"]


async def test_file_of_a_dropped_day_is_deleted(history: History) -> None:
    await history.seal()
    await history.connection.execute("SELECT drop_partition($1)", DAY)

    assert await history.current() == {}
    await history.seal()
    assert history.paths() == []
    assert await history.connection.fetchval("SELECT count(*) FROM sealed_days") == 0


@pytest.mark.parametrize("damage", ["missing", "cut", "one bit"])
async def test_missing_or_damaged_file_is_written_again(history: History, damage: str) -> None:
    await history.seal()
    [name] = history.paths()
    path = history.folder / name
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(b"PAR1")
    else:
        path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    await history.seal()

    current = await history.current()
    assert history.read(DAY, current[DAY]) == await history.stored()
    assert history.paths() == [f"day={DAY}/part-{current[DAY]}.parquet"]


async def test_day_is_sealed_later_when_its_file_cannot_be_written(history: History) -> None:
    history.folder.write_text("this is no folder")
    await history.seal()
    assert await history.current() == {}

    history.folder.unlink()
    await history.seal()
    assert list(await history.current()) == [DAY]


async def test_verify_reports_events_that_were_changed_by_hand(history: History) -> None:
    await history.seal()
    partition = await history.connection.fetchval("SELECT partition_name($1)", DAY)
    await history.connection.execute(f"UPDATE {partition} SET user_id = 77 WHERE user_id = 1")

    assert await history.failed_checks() == ["sealed days"]


async def test_verify_reports_a_file_with_other_values(history: History) -> None:
    await history.seal()
    assert (await check_files(history.url, str(history.folder))).is_right
    [path] = history.paths()
    content = (history.folder / path).read_bytes()
    (history.folder / path).write_bytes(content[:60] + bytes([content[60] ^ 1]) + content[61:])

    found = await check_files(history.url, str(history.folder))
    assert found.differences == 1
    assert str(DAY) in found.example


# The examples continue each other.
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.sampled_from(["store", "retract", "erase", "seal", "seal while storing"]),
        min_size=2,
        max_size=12,
    )
)
async def test_current_files_have_the_stored_events_after_any_changes(
    history: History, steps: list[str]
) -> None:
    days = [DAY, DAY + timedelta(days=1)]
    for number, step in enumerate(steps):
        moment = NOON + timedelta(days=number % 2)
        if step == "store":
            await history.store(events(5, moment))
        elif step == "retract":
            for row in await history.stored(days[number % 2]):
                retracted = RetractedEvent(microseconds(row[4]), row[0].bytes, row[1], row[5])
                await history.store([], [retracted])
                break
        elif step == "erase":
            await erase(history.connection, number % 4 + 1, days)
        elif step == "seal":
            await history.seal()
        else:
            async with connection_to(history.url) as other, other.transaction():
                await store_events(other, events(2, moment), topic="u")
                await history.seal()
        for day, part in (await history.current()).items():
            assert history.read(day, part) == await history.stored(day)
