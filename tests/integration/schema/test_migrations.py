"""The migrated database: migrations repeat safely, and partitions are created without blocking."""

import asyncio
import contextlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

import sql
from schema.migrate import Migration, migrate, shipped
from sql.partition_days import DayState, ensure_day
from tests.conftest import Database
from tests.waiting import until

TODAY = datetime.now(UTC).date()


async def test_migrating_again_applies_nothing(connection: Any) -> None:
    assert await migrate(connection) == []


async def test_every_query_prepares_against_the_migrated_schema(connection: Any) -> None:
    errors = {}
    for name in sql.names():
        try:
            await connection.prepare(sql.load(name).text)
        except asyncpg.PostgresError as error:
            errors[name] = str(error)

    assert errors == {}


async def test_migration_that_waits_for_a_long_report_blocks_no_other_session(
    connection: Any, other_connection: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = Migration(len(shipped()) + 1, "next", "ALTER TABLE engagements ADD COLUMN later int")
    monkeypatch.setattr("schema.migrate.shipped", lambda: [*shipped(), new])
    reader = await asyncpg.connect(database.url)
    waiting = (
        "SELECT count(*) FROM pg_locks"
        " WHERE relation = 'engagements'::regclass AND mode = 'AccessExclusiveLock'"
    )
    async with reader.transaction():
        await reader.fetch("SELECT * FROM engagements")
        migrating = asyncio.create_task(migrate(connection))
        await until(lambda: other_connection.fetchval(waiting))
        async with asyncio.timeout(10):
            while await ensure_day(other_connection, TODAY) is not DayState.READY:
                pass
            await insert(other_connection, TODAY)
        assert not migrating.done()
    await reader.close()

    assert await asyncio.wait_for(migrating, timeout=10) == [f"{new.number:04}_next"]


async def created(connection: Any, day: date) -> bool:
    """Create the day's partition; return whether this session did."""
    while True:
        with contextlib.suppress(asyncpg.LockNotAvailableError):
            return bool(await connection.fetchval("SELECT ensure_partition($1)", day))


async def insert(connection: Any, day: date) -> None:
    await connection.execute(
        "INSERT INTO engagements VALUES (gen_random_uuid(), 1, NULL, 'view', $1, now())",
        datetime(day.year, day.month, day.day, 23, 59, 59, 999999, tzinfo=UTC),
    )


async def days(connection: Any) -> list[date]:
    return [row[0] for row in await connection.fetch("SELECT day FROM engagement_partitions")]


async def test_day_takes_rows_from_its_first_partition_until_it_expires(connection: Any) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await insert(connection, TODAY)

    await connection.execute("SET timezone = 'Asia/Kathmandu'")
    assert await created(connection, TODAY)
    assert not await created(connection, TODAY)
    await insert(connection, TODAY)
    assert await days(connection) == [TODAY]

    assert await connection.fetchval("SELECT drop_partition($1)", TODAY) == 1
    assert await connection.fetchval("SELECT drop_partition($1)", TODAY) is None
    assert await connection.fetchval("SELECT rows FROM expired_partitions") == 1
    assert await ensure_day(connection, TODAY) is DayState.EXPIRED
    assert await days(connection) == []


@pytest.mark.parametrize("join", ["hashjoin", "nestloop", "mergejoin"])
async def test_names_of_other_tables_are_never_read_as_days(connection: Any, join: str) -> None:
    await connection.execute("CREATE TABLE latest_1 ()")
    for other in {"hashjoin", "nestloop", "mergejoin"} - {join}:
        await connection.execute(f"SET enable_{other} = off")
    await connection.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")

    assert await created(connection, TODAY)
    assert await days(connection) == [TODAY]


async def test_sessions_that_create_the_same_partition_block_no_reader_or_writer(
    connection: Any, other_connection: Any, database: Database
) -> None:
    creators = [await asyncpg.connect(database.url) for _ in range(4)]
    async with other_connection.transaction():
        await other_connection.fetch("SELECT * FROM engagements")
        results = await asyncio.wait_for(
            asyncio.gather(*(created(creator, TODAY) for creator in creators)), timeout=10
        )
        await asyncio.wait_for(insert(connection, TODAY), timeout=1)
    for creator in creators:
        await creator.close()

    assert sorted(results) == [False, False, False, True]


@pytest.mark.parametrize(
    "day", [date(1999, 12, 31), TODAY + timedelta(days=10), date(9999, 12, 31)]
)
async def test_day_out_of_bounds_gets_no_partition(connection: Any, day: date) -> None:
    assert await ensure_day(connection, day) is DayState.OUT_OF_RANGE
    assert await days(connection) == []


async def test_ensure_partition_fails_soon_when_engagements_is_locked(
    connection: Any, other_connection: Any
) -> None:
    async with other_connection.transaction():
        await other_connection.execute("LOCK TABLE ONLY engagements IN SHARE UPDATE EXCLUSIVE MODE")
        state = await asyncio.wait_for(ensure_day(connection, TODAY), timeout=10)

    assert state is DayState.LOCKED
    assert await ensure_day(connection, TODAY) is DayState.READY


async def test_stats_view_is_refreshed_once_per_change_and_by_one_session(
    connection: Any, other_connection: Any
) -> None:
    refresh = "SELECT refresh_engagement_stats()"
    assert await connection.fetchval(refresh) == "refreshed"
    assert await connection.fetchval(refresh) == "unchanged"

    await connection.execute(
        "INSERT INTO authors (name, joined_date, author_category) VALUES ('a', now(), 'Tech')"
    )
    async with connection.transaction():
        assert await connection.fetchval(refresh) == "refreshed"
        assert await other_connection.fetchval(refresh) == "busy"
    assert await other_connection.fetchval(refresh) == "unchanged"


async def test_offsets_that_do_not_balance_are_rejected(connection: Any) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("INSERT INTO consumer_offsets VALUES ('t', 0, 0, 5, 4)")
