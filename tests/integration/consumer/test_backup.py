"""A backup taken while events flow, restored elsewhere: the log fills it up, and nothing twice."""

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
from engage.verification import verify
from schema.event import Record
from schema.migrate import migrate
from tests.copies import copied, run
from tests.integration.consumer.conftest import Pipeline, now_record

_EARLY = 500
_POPULATED = "SELECT relispopulated FROM pg_class WHERE oid = 'engagement_stats'::regclass"
_IDS = "SELECT array_agg(event_id) FROM engagements"


def dumped(source: PostgresServer, folder: Path) -> PostgresServer:
    """Return a new server with the database of *source*, by way of a dump; it is started."""
    source_url = source.superuser_url
    run(source, "pg_dump", "-Fc", "-f", "backup.dump", "-d", source_url)
    fresh = PostgresServer(folder, port=ports.pick())
    asyncio.run(_started(fresh))
    asyncio.run(_execute(fresh, resources.files("schema").joinpath("roles.sql").read_text()))
    run(
        fresh,
        "pg_restore",
        "--exit-on-error",
        "-d",
        fresh.superuser_url,
        source.folder / "backup.dump",
    )
    return fresh


def based(source: PostgresServer, folder: Path) -> PostgresServer:
    """Return a new server on a base backup of *source*; it is started."""
    fresh = copied(source, folder)
    asyncio.run(_started(fresh))
    return fresh


async def _started(server: PostgresServer) -> None:
    await server.start()
    await server.wait_ready()


async def _execute(server: PostgresServer, script: str) -> None:
    connection = await asyncpg.connect(server.superuser_url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[PostgresServer]:
    server = PostgresServer(tmp_path / "source", port=ports.pick())
    await _started(server)
    connection = await asyncpg.connect(server.superuser_url)
    try:
        await migrate(connection)
    finally:
        await connection.close()
    yield server
    await server.stop()


async def produce(pipeline: Pipeline, backed_up: asyncio.Event) -> list[Record]:
    """Produce before the backup, while it is taken, and after it; return all of it."""
    produced: list[Record] = []
    is_last = False
    while not is_last:
        is_last = backed_up.is_set()
        some = [now_record(post_id=number) for number in range(1, 51)]
        await pipeline.produce(some)
        produced += some
        await asyncio.sleep(0.02)
    return produced


@pytest.mark.parametrize("backup", [dumped, based])
async def test_restored_from_a_backup_taken_while_events_flow_everything_is_there_once(
    pipeline: Pipeline,
    source: PostgresServer,
    tmp_path: Path,
    backup: Callable[[PostgresServer, Path], PostgresServer],
) -> None:
    before = await _pipeline_on(pipeline, source)
    backed_up = asyncio.Event()
    async with AsyncExitStack() as ending:
        async with before.consumer(), asyncio.TaskGroup() as tasks:
            producing = tasks.create_task(produce(before, backed_up))
            await before.until_accounted(_EARLY)
            restored = await asyncio.to_thread(backup, source, tmp_path / "restored")
            ending.push_async_callback(restored.stop)
            backed_up.set()
            records = await producing
            await before.until_accounted(len(records))
        await before.connection.close()
        await source.stop()

        await _goes_on(await _pipeline_on(pipeline, restored), records)


async def _goes_on(after: Pipeline, records: list[Record]) -> None:
    """The backup is right in itself; with the rest of the log everything is there, once."""
    had = await after.stored()
    assert _EARLY <= had < len(records), "the backup is of the middle"
    assert await after.accounted() == had
    assert await wrong(after) == []

    async with after.consumer():
        await after.until_accounted(len(records))
    ids = await after.connection.fetchval(_IDS)
    assert sorted(ids) == sorted(record.event_id for record in records)
    zeros = {"duplicates": 0, "dead_lettered": 0, "skipped": 0}
    assert await after.totals() == zeros | {"stored": len(records)}
    assert await wrong(after) == []
    assert await after.connection.fetchval(_POPULATED), "reports have no view to ask"
    await after.connection.close()


async def wrong(pipeline: Pipeline) -> list[str]:
    """Return what `engage db verify` finds."""
    checks = await verify(pipeline.settings.database_url.get_secret_value())
    return [check.name for check in checks if not check.is_right]


async def _pipeline_on(pipeline: Pipeline, server: PostgresServer) -> Pipeline:
    """Return the same topic and group with another database."""
    url = SecretStr(server.superuser_url)
    settings = pipeline.settings.model_copy(update={"database_url": url})
    return Pipeline(settings, pipeline.producer, await asyncpg.connect(server.superuser_url))
