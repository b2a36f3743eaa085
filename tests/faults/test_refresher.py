"""Several refreshers beside each other, and one whose refresh is cancelled."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg
import pytest

from engage.embedded import ports
from tests.conftest import Database
from tests.faults.scene import text_of
from tests.integration.consumer.conftest import until
from tests.processes import Process, process

pytestmark = pytest.mark.faults
TICK_SECONDS = 0.5
CHANGES = 6
_NEW_AUTHOR = "INSERT INTO authors VALUES ($1, 'an author', '2026-01-01', 'Tech')"
_ERRORS = "engage_refresher_job_errors_total"
_REFRESHES = "SELECT refresh_id FROM stats_refresh"


@contextmanager
def refreshing(database: Database, folder: Path, name: str) -> Iterator[tuple[Process, str]]:
    """Yield a refresher and the URL of its metrics."""
    port = ports.pick()
    settings = {
        "DATABASE_URL": database.url,
        "DATABASE_ROLE": "engage_refresher",
        "REFRESH_INTERVAL_SECONDS": str(TICK_SECONDS),
        "METRICS_PORT": str(port),
    }
    with process("refresher", folder, settings, name) as running:
        yield running, f"http://127.0.0.1:{port}"


async def test_f27_three_of_them_refresh_once_for_each_change(
    database: Database, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(database.url)
    with ExitStack() as running:
        for number in range(3):
            running.enter_context(refreshing(database, tmp_path, f"refresher-{number}"))

        async def refreshed(times: int) -> bool:
            return bool(await connection.fetchval(_REFRESHES) >= times)

        await until(lambda: refreshed(1))
        before = await connection.fetchval(_REFRESHES)
        for number in range(CHANGES):
            await connection.execute(_NEW_AUTHOR, 1_000_000 + number)
            await until(lambda n=number: refreshed(before + n + 1))
        await asyncio.sleep(4 * TICK_SECONDS)

        assert await connection.fetchval(_REFRESHES) == before + CHANGES
    await connection.close()


async def test_f29_a_cancelled_refresh_leaves_the_old_view_and_is_made_up_for(
    database: Database, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(database.url)
    blocker = await asyncpg.connect(database.url)

    async def refreshed(times: int) -> bool:
        return bool(await connection.fetchval(_REFRESHES) >= times)

    async def cancelled() -> bool:
        """Cancel the refresh as soon as it waits for the blocker."""
        return bool(
            await connection.fetchval(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'engage-refresher' AND wait_event_type = 'Lock'"
            )
        )

    with refreshing(database, tmp_path, "refresher") as (_, url):
        await until(lambda: refreshed(1))
        before = await connection.fetchval(_REFRESHES)
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
            await connection.execute(_NEW_AUTHOR, 1_000_000)
            await until(cancelled)
            await connection.fetch("SELECT * FROM engagement_stats")
            await until(lambda: _failed(url))
            assert await connection.fetchval(_REFRESHES) == before
        await until(lambda: refreshed(before + 1))
    for opened in (connection, blocker):
        await opened.close()


async def _failed(url: str) -> bool:
    text = await asyncio.to_thread(text_of, f"{url}/metrics")
    return f'{_ERRORS}{{task="refresh"}} 1.0' in text
