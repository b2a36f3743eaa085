"""The refresher's jobs against a real database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from prometheus_client import REGISTRY
from pydantic import SecretStr

from analytics_api.ledger import RowCounts, balance, read_counts
from consumer.rows import microseconds
from refresher.jobs import Refresher
from refresher.partitions import Partitions
from refresher.settings import RefresherSettings
from tests.conftest import Database
from tests.databases import store_events
from tests.waiting import until


def today() -> date:
    """Return the current day: a run may continue past midnight."""
    return datetime.now(UTC).date()


@pytest.fixture
async def refresher(database: Database) -> AsyncIterator[Refresher]:
    refresher = Refresher(RefresherSettings(database_url=SecretStr(database.url)))
    yield refresher
    refresher.close()


@pytest.fixture
def partitions(refresher: Refresher) -> Partitions:
    return refresher.partitions


async def store_view(connection: Any, day: date) -> None:
    """Store one event of a day and account for it in the ledger."""
    noon = microseconds(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    async with connection.transaction():
        row = (noon, uuid4().bytes, 1, None, "view", noon)
        await store_events(connection, [row], topic="t")


async def test_partitions_exist_from_yesterday_to_a_week_ahead(
    connection: Any, partitions: Partitions
) -> None:
    await partitions.create_ahead(connection)
    days = [row[0] for row in await connection.fetch("SELECT day FROM engagement_partitions")]

    assert sorted(days) == [today() + timedelta(days=offset) for offset in range(-1, 8)]


async def test_expiry_drops_and_counts_days_past_retention(
    connection: Any, partitions: Partitions
) -> None:
    first_kept = today() - timedelta(days=409)
    for day in (first_kept, first_kept - timedelta(days=1)):
        await store_view(connection, day)
    await partitions.expire(connection)

    oldest = await connection.fetchval("SELECT min(day) FROM engagement_partitions")
    assert oldest == first_kept
    assert await connection.fetchval("SELECT sum(rows)::int FROM expired_partitions") == 1


async def test_expiry_leaves_a_day_to_a_long_reader_and_drops_it_later(
    connection: Any, other_connection: Any, refresher: Refresher, database: Database
) -> None:
    await store_view(connection, today() - timedelta(days=500))
    reader = await asyncpg.connect(database.url)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM engagements")
        attempt = asyncio.create_task(refresher.partitions.expire_when_due(connection))
        while not attempt.done():
            # Readers wait for the attempt only, never for the long reader.
            await other_connection.fetchval("SELECT count(*) FROM engagements", timeout=10)
        assert not refresher.partitions.expiry.is_due
        assert await refresher.refresh_runner.attempt(refresher.stats_view.refresh)
    await reader.close()

    assert await refresher.partitions.expire(connection) is True
    assert await connection.fetchval("SELECT count(*) FROM expired_partitions") == 1


async def test_ledger_balances_at_every_moment_while_days_expire(
    connection: Any, other_connection: Any, partitions: Partitions
) -> None:
    for offset in range(6):
        await store_view(connection, today() - timedelta(days=500 + offset))
    counts, ledgers = RowCounts(), []

    async def expire_all() -> None:
        while not await partitions.expire(connection):  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    expiring = asyncio.create_task(expire_all())
    while not expiring.done():
        ledgers.append(balance(await read_counts(other_connection, "t", counts), "t", None))
        await asyncio.sleep(0.02)
    ledgers.append(balance(await read_counts(other_connection, "t", counts), "t", None))

    await expiring
    assert [ledger.totals for ledger in ledgers if not ledger.balanced] == []
    assert ledgers[-1].totals.expired == 6


async def test_killed_connection_fails_one_attempt_and_the_next_succeeds(
    connection: Any, refresher: Refresher
) -> None:
    runner, refresh = refresher.refresh_runner, refresher.stats_view.refresh
    assert await runner.attempt(refresh)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'engage-refresher' AND datname = current_database()"
    )

    assert [await runner.attempt(refresh) for _ in range(2)][-1]


async def test_old_view_stays_when_a_refresh_is_cancelled_and_the_next_succeeds(
    connection: Any, other_connection: Any, refresher: Refresher
) -> None:
    runner, refresh = refresher.refresh_runner, refresher.stats_view.refresh
    number = "SELECT refresh_id FROM stats_refresh"
    cancel = (
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND application_name = 'engage-refresher' AND datname = current_database()"
    )
    assert await runner.attempt(refresh)
    before = await connection.fetchval(number)
    await connection.execute("INSERT INTO authors VALUES (7, 'Ann', '2026-01-01', 'Tech')")
    async with other_connection.transaction():
        await other_connection.execute("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
        refreshing = asyncio.create_task(runner.attempt(refresh))
        errors = job_errors("refresh")
        await until(lambda: connection.fetchval(cancel), within_seconds=60)
        assert not await refreshing
        assert job_errors("refresh") == errors + 1
        await connection.fetch("SELECT * FROM engagement_stats")
    assert await connection.fetchval(number) == before

    assert await runner.attempt(refresh)
    assert await connection.fetchval(number) == before + 1


def job_errors(job: str) -> float:
    return REGISTRY.get_sample_value("engage_refresher_job_errors_total", {"task": job}) or 0.0


async def insert_views(connection: Any, day: date, number: int) -> None:
    """Insert events of a day, whose statistics autovacuum ignores, and flush the counters."""
    await connection.execute("SELECT ensure_partition($1)", day)
    name = await connection.fetchval("SELECT partition_name($1)", day)
    await connection.execute(f"ALTER TABLE {name} SET (autovacuum_enabled = false)")
    await connection.execute(
        "INSERT INTO engagements"
        " SELECT gen_random_uuid(), 1, NULL, 'view', $1::date::timestamptz, now()"
        " FROM generate_series(1, $2::int)",
        day,
        number,
    )
    await connection.execute("SELECT pg_stat_force_next_flush()")


async def analyze_counts(connection: Any) -> dict[str, int]:
    rows = await connection.fetch(
        "SELECT relname, analyze_count FROM pg_stat_user_tables"
        " WHERE relname LIKE 'engagements%' AND analyze_count > 0"
    )
    return {row["relname"]: row["analyze_count"] for row in rows}


async def test_analyze_updates_the_whole_table_once_and_then_changed_partitions(
    connection: Any, refresher: Refresher
) -> None:
    for days in (0, 1):
        await insert_views(connection, today() - timedelta(days=days), 100)
    await refresher.statistics.analyze(connection)
    await connection.execute("SELECT pg_stat_force_next_flush()")
    before = await analyze_counts(connection)
    rows = "SELECT reltuples FROM pg_class WHERE relname = 'engagements'"
    assert await connection.fetchval(rows) == 200
    assert len(before) == 3

    await insert_views(connection, today(), 100)
    await refresher.statistics.analyze(connection)
    await connection.execute("SELECT pg_stat_force_next_flush()")
    changed = await connection.fetchval("SELECT partition_name($1)", today())
    assert await analyze_counts(connection) == before | {changed: before[changed] + 1}


async def test_analyze_gives_way_to_a_session_that_creates_a_partition(
    connection: Any, refresher: Refresher
) -> None:
    await insert_views(connection, today(), 1)
    # As slow as on a large table.
    await connection.execute(
        "CREATE OR REPLACE FUNCTION analyze_engagements() RETURNS void LANGUAGE plpgsql AS"
        " $$ BEGIN LOCK TABLE ONLY engagements IN SHARE UPDATE EXCLUSIVE MODE;"
        " PERFORM pg_sleep(600); END $$"
    )
    analyzing = asyncio.create_task(
        refresher.statistics_runner.attempt(refresher.statistics.analyze)
    )
    is_locked = (
        "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'engagements'::regclass"
        " AND mode = 'ShareUpdateExclusiveLock' AND granted)"
    )
    await until(lambda: connection.fetchval(is_locked), within_seconds=60)
    await until(lambda: created(connection, today() - timedelta(days=30)), within_seconds=60)
    assert await analyzing


async def created(connection: Any, day: date) -> bool:
    """Create a partition as the consumer does; return False when it must try again."""
    try:
        await connection.execute("SELECT ensure_partition($1)", day)
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def test_each_job_runs_once_at_a_time_and_late_runs_are_coalesced(
    refresher: Refresher,
) -> None:
    scheduler = AsyncIOScheduler(timezone=UTC)
    refresher.schedule(scheduler)

    jobs = scheduler.get_jobs()
    assert {job.id for job in jobs} == {
        "create_ahead", "refresh", "expire_when_due", "analyze", "check_health", "refresh_search",
        "refresh_gaps", "seal_days",
    }  # fmt: skip
    assert {(job.max_instances, job.coalesce, job.misfire_grace_time) for job in jobs} == {
        (1, True, None)
    }
