import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from importlib import resources
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from engage.embedded import ports
from engage.embedded.postgres import PostgresServer
from schema.event import Record
from schema.migrate import migrate
from tests.base_backups import base_backup, run_program
from tests.databases import connection_to, execute
from tests.integration.consumer.conftest import Pipeline, now_record, totals

_EARLY = 500
_IS_POPULATED = "SELECT relispopulated FROM pg_class WHERE oid = 'engagement_stats'::regclass"


def restored_dump(source: PostgresServer, folder: Path) -> PostgresServer:
    """Start a new server with a dump of *source*."""
    source_url = source.superuser_url
    run_program(source, "pg_dump", "-Fc", "-f", "backup.dump", "-d", source_url)
    fresh = PostgresServer(folder, port=ports.pick())
    asyncio.run(_start(fresh))
    roles = resources.files("schema").joinpath("roles.sql").read_text()
    asyncio.run(execute(fresh.superuser_url, roles))
    restored = ("-d", fresh.superuser_url, source.folder / "backup.dump")
    run_program(fresh, "pg_restore", "--exit-on-error", *restored)
    return fresh


def restored_base_backup(source: PostgresServer, folder: Path) -> PostgresServer:
    """Start a new server on a base backup of *source*."""
    fresh = base_backup(source, folder)
    asyncio.run(_start(fresh))
    return fresh


async def _start(server: PostgresServer) -> None:
    await server.start()
    await server.wait_ready()


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[PostgresServer]:
    server = PostgresServer(tmp_path / "source", port=ports.pick())
    await _start(server)
    async with connection_to(server.superuser_url) as connection:
        await migrate(connection)
    yield server
    await server.stop()


async def produce_until(pipeline: Pipeline, is_backed_up: asyncio.Event) -> list[Record]:
    """Produce events before, during and after the backup, and return them."""
    produced: list[Record] = []
    is_last = False
    while not is_last:
        is_last = is_backed_up.is_set()
        records = [now_record(post_id=number) for number in range(1, 51)]
        await pipeline.produce(records)
        produced += records
        await asyncio.sleep(0.02)
    return produced


async def with_database(pipeline: Pipeline, server: PostgresServer) -> Pipeline:
    """Return a pipeline of the same topic and group with another database."""
    url = SecretStr(server.superuser_url)
    settings = pipeline.settings.model_copy(update={"database_url": url})
    return Pipeline(settings, pipeline.producer, await asyncpg.connect(server.superuser_url))


@pytest.mark.parametrize("back_up", [restored_dump, restored_base_backup])
async def test_each_event_is_stored_once_after_a_backup_under_load_is_restored(
    pipeline: Pipeline,
    source: PostgresServer,
    tmp_path: Path,
    back_up: Callable[[PostgresServer, Path], PostgresServer],
) -> None:
    before = await with_database(pipeline, source)
    is_backed_up = asyncio.Event()
    async with AsyncExitStack() as cleanup:
        async with before.consumer(), asyncio.TaskGroup() as tasks:
            producing = tasks.create_task(produce_until(before, is_backed_up))
            await before.until_accounted(_EARLY)
            server = await asyncio.to_thread(back_up, source, tmp_path / "restored")
            cleanup.push_async_callback(server.stop)
            is_backed_up.set()
            records = await producing
            await before.until_accounted(len(records))
        await before.connection.close()
        await source.stop()

        restored = await with_database(pipeline, server)
        stored = await restored.stored()
        assert _EARLY <= stored < len(records)
        assert await restored.accounted() == stored
        assert await restored.failed_checks() == []

        async with restored.consumer():
            await restored.until_accounted(len(records))
        ids = await restored.connection.fetchval("SELECT array_agg(event_id) FROM engagements")
        assert sorted(ids) == sorted(record.event_id for record in records)
        assert await restored.totals() == totals(stored=len(records))
        assert await restored.failed_checks() == []
        assert await restored.connection.fetchval(_IS_POPULATED), "the stats view is empty"
        await restored.connection.close()
