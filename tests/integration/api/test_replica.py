"""Reports from a real streaming replica: current, honest about their age, and never a 500."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from analytics_api.app import create_app
from analytics_api.settings import ApiSettings
from engage.embedded import ports
from engage.embedded.postgres import PostgresServer
from schema.migrate import migrate
from tests.base_backups import base_backup
from tests.conftest import Kafka
from tests.integration.api.conftest import Api, example, fill_catalogue, row
from tests.integration.test_access import CLOSED_OF
from tests.serving import client, new_key, served
from tests.waiting import until
from web.auth import Scope

LAG_LIMIT_SECONDS = 2.0
OF_THE_PRIMARY = {"/ops/ledger", "/events/{event_id}"}


@dataclass
class Replicated:
    """A read API in front of a replica, and both servers."""

    api: Api
    primary: PostgresServer
    replica: PostgresServer
    of_replica: Any

    async def status(self, path: str) -> int:
        return (await self.api.get(path)).status

    async def views(self) -> int:
        return int((await self.api.json("/engagement/1"))["views"])


@pytest.fixture
async def both(kafka: Kafka, topic: str, tmp_path: Path) -> AsyncIterator[Replicated]:
    keys = tmp_path / "keys.json"
    key = new_key(keys, Scope.READ)
    primary = PostgresServer(tmp_path / "primary", port=ports.pick())
    replica = None
    try:
        await primary.start()
        await primary.wait_ready()
        connection = await asyncpg.connect(primary.superuser_url)
        await migrate(connection)
        await fill_catalogue(connection)
        replica = await asyncio.to_thread(
            base_backup, primary, tmp_path / "replica", "--write-recovery-conf"
        )
        await replica.start()
        await replica.wait_ready()
        settings = ApiSettings(
            database_url=SecretStr(primary.superuser_url),
            read_database_url=SecretStr(replica.superuser_url),
            read_lag_limit_seconds=LAG_LIMIT_SECONDS,
            kafka_bootstrap_servers=kafka.bootstrap_servers,
            topic=topic,
            api_keys_file=str(keys),
        )
        of_replica = await asyncpg.connect(replica.superuser_url)
        app, _ = create_app(settings)
        async with served(app) as url, client(url, key) as session:
            api = Api(url, session, connection, keys, topic)
            yield Replicated(api, primary, replica, of_replica)
    finally:
        for server in (replica, primary):
            if server is not None:
                await server.stop()


async def test_replica_serves_every_report_without_the_primary(both: Replicated) -> None:
    api = both.api
    await api.store([row(1), row(1, "like"), row(2)])
    await api.connection.execute("SELECT refresh_engagement_stats()")

    async def shown() -> bool:
        return await both.views() == 1 and bool(await api.json("/sample/posts"))

    await until(shown)
    await both.primary.stop()
    for route in CLOSED_OF["api"]:
        path = route.removeprefix("GET ")
        if path in OF_THE_PRIMARY or path == "/live":
            continue
        answer = await api.get(_example(path))
        assert answer.status == 200, (path, await answer.text())
    for path in OF_THE_PRIMARY:
        answer = await api.get(_example(path))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1"), path
    assert await both.status("/readyz") == 200


async def test_replica_is_not_ready_when_its_lag_is_too_long(both: Replicated) -> None:
    api = both.api
    await api.store([row(1)])
    await until(lambda: _is(both.views, 1))
    before = await api.get("/engagement/1")

    await both.of_replica.execute("SELECT pg_wal_replay_pause()")
    await api.store([row(1), row(1)])
    stored = await api.json("/ops/ledger")
    await until(lambda: _is(lambda: both.status("/readyz"), 503))
    behind = await api.get("/engagement/1")

    assert stored["totals"]["stored"] == 3, "the ledger is the primary's"
    assert "behind" in (await (await api.get("/readyz")).json())["detail"]
    assert behind.status == 200
    assert behind.headers["Data-As-Of"] == before.headers["Data-As-Of"]
    assert await both.views() == 1
    assert _lag(await (await api.get("/metrics")).text()) > LAG_LIMIT_SECONDS

    await both.of_replica.execute("SELECT pg_wal_replay_resume()")
    await until(lambda: _is(lambda: both.status("/readyz"), 200))
    await until(lambda: _is(both.views, 3))


async def test_report_asks_to_retry_when_the_replica_cancels_it(
    both: Replicated,
) -> None:
    api = both.api
    await both.of_replica.execute("ALTER SYSTEM SET max_standby_streaming_delay = 0")
    await both.of_replica.execute("SELECT pg_reload_conf()")
    await api.connection.execute(
        "ALTER TABLE posts RENAME TO all_posts;"
        "CREATE VIEW posts AS SELECT * FROM all_posts WHERE pg_sleep(3) IS NOT NULL"
    )
    has_it = "SELECT to_regclass('all_posts') IS NOT NULL"
    await until(lambda: both.of_replica.fetchval(has_it))
    asking = asyncio.create_task(api.get("/engagement/1"))
    running = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    await until(lambda: _is(lambda: both.of_replica.fetchval(running), 1))

    await api.connection.execute("ALTER TABLE all_posts ADD COLUMN later int")
    answer = await asking

    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def _is(ask: Callable[[], Awaitable[Any]], wanted: Any) -> bool:
    return bool(await ask() == wanted)


def _lag(metrics: str) -> float:
    return next(
        float(line.split()[1])
        for line in metrics.splitlines()
        if line.startswith("engage_api_replica_lag_seconds ")
    )


def _example(path: str) -> str:
    path = path.replace("{name}", "versions")
    return example(path.replace("{event_id}", "0199c7a6-0000-7000-8000-000000000000"))
