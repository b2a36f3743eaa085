"""The migrated database: repeatable, guarded by roles, partitioned without blocking anyone."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

import sql
from schema.migrate import Migration, migrate, shipped
from tests.conftest import Database

TODAY = datetime.now(UTC).date()


@pytest.fixture
async def connection(database: Database) -> Any:
    connection = await asyncpg.connect(database.url)
    yield connection
    await connection.close()


async def test_migrating_again_applies_nothing(connection: Any) -> None:
    assert await migrate(connection) == []


@pytest.mark.parametrize("name", sql.names())
async def test_every_question_prepares_against_the_migrated_schema(
    connection: Any, name: str
) -> None:
    await connection.prepare(sql.load(name).text)


async def test_a_migration_that_waits_for_a_long_report_holds_up_nobody_else(
    connection: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = Migration(len(shipped()) + 1, "next", "ALTER TABLE engagements ADD COLUMN later int")
    monkeypatch.setattr("schema.migrate.shipped", lambda: [*shipped(), later])
    reader, consumer = [await asyncpg.connect(database.url) for _ in range(2)]
    waiting = (
        "SELECT count(*) FROM pg_locks"
        " WHERE relation = 'engagements'::regclass AND mode = 'AccessExclusiveLock'"
    )
    try:
        async with reader.transaction():
            await reader.fetch("SELECT * FROM engagements")
            migrating = asyncio.create_task(migrate(connection))
            async with asyncio.timeout(10):
                while not await consumer.fetchval(waiting):  # noqa: ASYNC110  (nobody tells)
                    await asyncio.sleep(0.01)
            await asyncio.wait_for(insert_ahead(consumer), timeout=10)
            assert not migrating.done()
        assert await asyncio.wait_for(migrating, timeout=10) == [f"{later.number:04}_next"]
    finally:
        for each in (reader, consumer):
            await each.close()


async def insert_ahead(connection: Any) -> None:
    await connection.execute("SELECT ensure_partition($1)", TODAY)
    await insert(connection, TODAY)


async def insert(connection: Any, day: date) -> None:
    await connection.execute(
        "INSERT INTO engagements VALUES (gen_random_uuid(), 1, NULL, 'view', $1, now())",
        datetime(day.year, day.month, day.day, 23, 59, 59, 999999, tzinfo=UTC),
    )


async def test_a_day_without_a_partition_takes_no_rows_until_it_is_made(connection: Any) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await insert(connection, TODAY)

    assert await connection.fetchval("SELECT ensure_partition($1)", TODAY) is True
    assert await connection.fetchval("SELECT ensure_partition($1)", TODAY) is False
    await insert(connection, TODAY)


@pytest.mark.parametrize("join", ["hashjoin", "nestloop", "mergejoin"])
async def test_other_tables_names_are_never_read_as_days(connection: Any, join: str) -> None:
    await connection.execute("CREATE TABLE latest_1 ()")
    for other in {"hashjoin", "nestloop", "mergejoin"} - {join}:
        await connection.execute(f"SET enable_{other} = off")
    await connection.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")

    assert await connection.fetchval("SELECT ensure_partition($1)", TODAY) is True
    days = await connection.fetch("SELECT day FROM engagement_partitions WHERE day = $1", TODAY)

    assert [row[0] for row in days] == [TODAY]


async def test_partitions_are_utc_days_whatever_the_sessions_zone(connection: Any) -> None:
    await connection.execute("SET timezone = 'Asia/Kathmandu'")
    await connection.execute("SELECT ensure_partition($1)", TODAY)
    await insert(connection, TODAY)

    assert await connection.fetchval("SELECT day FROM engagement_partitions") == TODAY


async def test_many_may_make_the_same_partition_at_once_while_others_read(
    connection: Any, database: Database
) -> None:
    reader = await asyncpg.connect(database.url)
    makers = [await asyncpg.connect(database.url) for _ in range(4)]
    try:
        async with reader.transaction():
            await reader.fetch("SELECT * FROM engagements")
            made = await asyncio.wait_for(
                asyncio.gather(
                    *(maker.fetchval("SELECT ensure_partition($1)", TODAY) for maker in makers)
                ),
                timeout=10,
            )
            await asyncio.wait_for(insert(connection, TODAY), timeout=1)
    finally:
        for each in (reader, *makers):
            await each.close()

    assert sorted(made) == [False, False, False, True]


@pytest.mark.parametrize(
    "day", [date(1999, 12, 31), TODAY + timedelta(days=10), date(9999, 12, 31)]
)
async def test_no_partition_is_made_outside_the_bounds(connection: Any, day: date) -> None:
    with pytest.raises(asyncpg.DatetimeFieldOverflowError):
        await connection.execute("SELECT ensure_partition($1)", day)


async def test_a_dropped_partition_leaves_its_count(connection: Any) -> None:
    await connection.execute("SELECT ensure_partition($1)", TODAY)
    await insert(connection, TODAY)

    assert await connection.fetchval("SELECT drop_partition($1)", TODAY) == 1
    assert await connection.fetchval("SELECT drop_partition($1)", TODAY) is None
    assert await connection.fetchval("SELECT rows FROM expired_partitions") == 1
    assert await connection.fetchval("SELECT count(*) FROM engagement_partitions") == 0


async def test_a_refresh_happens_once_for_each_change(connection: Any) -> None:
    async def refresh() -> str:
        return str(await connection.fetchval("SELECT refresh_engagement_stats()"))

    assert await refresh() == "refreshed"
    assert await refresh() == "unchanged"

    await connection.execute(
        "INSERT INTO authors (name, joined_date, author_category) VALUES ('a', now(), 'Tech')"
    )
    assert await refresh() == "refreshed"
    assert await refresh() == "unchanged"


async def test_a_second_refresh_at_the_same_time_is_told_so(
    connection: Any, database: Database
) -> None:
    other = await asyncpg.connect(database.url)
    try:
        async with other.transaction():
            await other.execute("SELECT refresh_engagement_stats()")

            assert await connection.fetchval("SELECT refresh_engagement_stats()") == "busy"
    finally:
        await other.close()


async def test_offsets_that_do_not_add_up_are_refused(connection: Any) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("INSERT INTO consumer_offsets VALUES ('t', 0, 0, 5, 4)")
