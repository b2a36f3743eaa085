"""The refresher's jobs against a real database."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from pydantic import SecretStr

from analytics_api.refresher.jobs import Refresher
from analytics_api.settings import RefresherSettings
from tests.conftest import Database


def today() -> date:
    """Return it as it is by now: a run may go on past midnight."""
    return datetime.now(UTC).date()


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Any]:
    opened = await asyncpg.connect(database.url)
    yield opened
    await opened.close()


@pytest.fixture
def refresher(database: Database) -> Refresher:
    return Refresher(RefresherSettings(database_url=SecretStr(database.url)))


async def test_partitions_stand_from_yesterday_to_a_week_ahead(
    connection: Any, refresher: Refresher
) -> None:
    await refresher.maintain(connection)
    days = [row[0] for row in await connection.fetch("SELECT day FROM engagement_partitions")]

    assert sorted(days) == [today() + timedelta(days=offset) for offset in range(-1, 8)]


async def test_days_past_retention_are_dropped_and_counted_and_the_last_kept_day_stays(
    connection: Any, refresher: Refresher
) -> None:
    last_kept = today() - timedelta(days=408)
    for day in (last_kept, last_kept - timedelta(days=1)):
        await connection.execute("SELECT ensure_partition($1)", day)
        await connection.execute(
            "INSERT INTO engagements VALUES (gen_random_uuid(), 1, NULL, 'view', $1, now())",
            datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        )
    await refresher.maintain(connection)

    oldest = await connection.fetchval("SELECT min(day) FROM engagement_partitions")
    assert oldest == last_kept
    assert await connection.fetchval("SELECT sum(rows)::int FROM expired_partitions") == 1


async def test_a_reader_of_an_expiring_day_is_waited_for(
    connection: Any, refresher: Refresher, database: Database
) -> None:
    expired = today() - timedelta(days=500)
    await connection.execute("SELECT ensure_partition($1)", expired)
    reader = await asyncpg.connect(database.url)
    try:
        async with reader.transaction():
            await reader.fetch("SELECT * FROM engagements")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await refresher.maintain(connection)
        await refresher.maintain(connection)
    finally:
        await reader.close()

    assert await connection.fetchval("SELECT count(*) FROM expired_partitions") == 1


async def test_the_view_is_ready_and_young_after_a_refresh(
    connection: Any, refresher: Refresher
) -> None:
    assert refresher.not_ready() is not None
    assert await refresher.lane.attempt(refresher.maintain)
    assert await refresher.lane.attempt(refresher.refresh)
    assert await refresher.watch_lane.attempt(refresher.watch.watch)

    assert refresher.not_ready() is None
    assert await connection.fetchval("SELECT refresh_id FROM stats_refresh") == 1
    refresher.close()


async def test_a_killed_connection_fails_one_attempt_and_the_next_succeeds(
    connection: Any, refresher: Refresher
) -> None:
    assert await refresher.lane.attempt(refresher.refresh)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'engage-refresher' AND datname = current_database()"
    )
    attempts = [await refresher.lane.attempt(refresher.refresh) for _ in range(2)]

    assert attempts[-1]
    refresher.close()


async def test_statistics_are_gathered_for_the_parent(
    connection: Any, refresher: Refresher
) -> None:
    await refresher.maintain(connection)
    await connection.execute(
        "INSERT INTO engagements VALUES (gen_random_uuid(), 1, NULL, 'view', now(), now())"
    )
    await refresher.analyze(connection)

    rows = "SELECT reltuples FROM pg_class WHERE relname = 'engagements'"
    assert await connection.fetchval(rows) == 1


async def test_each_job_runs_alone_and_late_ones_run_once(refresher: Refresher) -> None:
    scheduler = AsyncIOScheduler(timezone=UTC)
    refresher.schedule(scheduler)

    jobs = scheduler.get_jobs()
    assert {job.id for job in jobs} == {"maintain", "refresh", "analyze", "watch"}
    assert {(job.max_instances, job.coalesce, job.misfire_grace_time) for job in jobs} == {
        (1, True, None)
    }
