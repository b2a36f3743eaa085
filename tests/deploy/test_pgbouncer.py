"""The read API and the catalogue through deploy/pgbouncer, in transaction mode."""

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest

from engage.embedded import ports
from tests.backends import Backend
from tests.conftest import Database, Kafka
from tests.databases import connection_to, execute, fetchval
from tests.deploy.conftest import DEPLOY, program
from tests.deploy.programs import moved, running
from tests.e2e.stacks import eventually, is_open
from tests.processes import process
from tests.serving import client, is_ready, new_key
from tests.waiting import until
from web.auth import Scope

SOURCE = DEPLOY / "pgbouncer"
LOGINS = ("engage_api", "engage_catalogue")
POOL_SIZE = 3
PROCESSES = 3
REPORTS = (
    "/sample/posts", "/sample/authors", "/categories/top", "/analytics/top-authors",
    "/analytics/engagement-patterns", "/reports/overview?period=7d", "/reports/series?period=7d",
    "/reports/ranking/author?period=30d", "/reports/funnel?period=7d", "/live",
)  # fmt: skip


@dataclass(frozen=True)
class Pooled:
    """A pgbouncer in front of a database, and the passwords of its logins."""

    port: int
    database: str
    passwords: dict[str, str]

    def url(self, login: str) -> str:
        return f"postgresql://{login}:{self.passwords[login]}@127.0.0.1:{self.port}/{self.database}"


@pytest.fixture
async def logins(servers: Backend, database: Database) -> AsyncIterator[dict[str, str]]:
    """The passwords of the logins that logins.sql creates."""
    passwords = {login: secrets.token_urlsafe(18) for login in LOGINS}
    async with connection_to(database.url) as owner:
        await owner.execute((SOURCE / "logins.sql").read_text())
        for login, password in passwords.items():
            await owner.execute(f"ALTER ROLE {login} PASSWORD '{password}'")
        yield passwords
        await owner.execute(f"DROP OWNED BY {', '.join(LOGINS)}")
        await owner.execute(f"DROP ROLE {', '.join(LOGINS)}")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that pgbouncer may read, which refuses to be root."""
    with tempfile.TemporaryDirectory(prefix="engage-pgbouncer-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def pooled(database: Database, logins: dict[str, str], folder: Path) -> Iterator[Pooled]:
    parts = urlsplit(database.url)
    name, port = parts.path.removeprefix("/"), ports.pick()
    users = folder / "userlist.txt"
    users.write_text("".join(f'"{login}" "{word}"\n' for login, word in logins.items()))
    places = {
        "engagement = host=127.0.0.1 port=5432 dbname=engagement":
            f"{name} = host={parts.hostname} port={parts.port} dbname={name}",
        "listen_port = 6432": f"listen_port = {port}",
        "/etc/pgbouncer/userlist.txt": str(users),
        "default_pool_size = 8": f"default_pool_size = {POOL_SIZE}",
    }  # fmt: skip
    settings = folder / "pgbouncer.ini"
    settings.write_text(moved(SOURCE / "pgbouncer.ini", places))
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    with running([program("pgbouncer"), *user, settings], folder / "pgbouncer.log"):
        eventually(lambda: is_open(port), "pgbouncer listens")
        yield Pooled(port, name, logins)


async def test_processes_share_fewer_connections_than_they_open(
    pooled: Pooled, database: Database, kafka: Kafka, topic: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    read_key, admin_key = new_key(keys, Scope.READ), new_key(keys, Scope.ADMIN)
    with ExitStack() as services:
        addresses = []
        for number in range(PROCESSES):
            port = ports.pick()
            settings = {
                "DATABASE_URL": pooled.url("engage_api"), "DATABASE_POOLER": "true",
                "PORT": str(port), "API_KEYS_FILE": str(keys), "TOPIC": topic,
                "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            }  # fmt: skip
            services.enter_context(process("analytics_api", tmp_path, settings, f"api-{number}"))
            addresses.append(f"http://127.0.0.1:{port}")
        port = ports.pick()
        settings = {
            "DATABASE_URL": pooled.url("engage_catalogue"), "DATABASE_POOLER": "true",
            "PORT": str(port), "API_KEYS_FILE": str(keys),
        }  # fmt: skip
        services.enter_context(process("catalogue_service", tmp_path, settings))
        catalogue = f"http://127.0.0.1:{port}"
        for address in (*addresses, catalogue):
            await until(lambda address=address: is_ready(address), within_seconds=60)  # type: ignore[misc]

        async with client(catalogue, admin_key) as session:
            await put_posts(session)
        await execute(database.url, "SELECT refresh_engagement_stats()")
        await asyncio.gather(*(request_reports(address, read_key) for address in addresses))
        connections = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'engage_api'"
        used = await fetchval(database.url, connections)

    assert 1 <= used <= POOL_SIZE


async def put_posts(session: aiohttp.ClientSession) -> None:
    author = (
        '{"kind": "author", "id": 1, "name": "Ann", "joined_date": "2020-01-01",'
        ' "author_category": "Tech"}'
    )
    posts = [
        f'{{"kind": "post", "id": {number}, "author_id": 1, "category": "Tech",'
        f' "publish_timestamp": "2026-11-01T00:00:00Z", "title": "Post {number}"}}'
        for number in range(1, 41)
    ]
    headers = {"Content-Type": "application/x-ndjson"}
    for _ in range(3):
        body = "\n".join([author, *posts])
        async with session.post("/catalogue/batch", data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()


async def request_reports(address: str, key: str) -> None:
    async def ask(path: str) -> None:
        async with session.get(path) as answer:
            assert answer.status == 200, (path, await answer.text())

    async with client(address, key) as session:
        for limit in range(1, 9):
            paths = [*REPORTS, f"/sample/posts?limit={limit}", f"/engagement/{limit}"]
            await asyncio.gather(*map(ask, paths))


async def test_logins_have_the_session_settings_of_the_services(pooled: Pooled) -> None:
    async with connection_to(pooled.url("engage_api"), statement_cache_size=0) as connection:
        asked = {
            name: await connection.fetchval(f"SHOW {name}")
            for name in (
                "default_transaction_read_only", "statement_timeout", "plan_cache_mode", "jit",
            )
        }  # fmt: skip
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute("DELETE FROM posts")

    assert asked == {
        "default_transaction_read_only": "on",
        "statement_timeout": "5s",
        "plan_cache_mode": "force_custom_plan",
        "jit": "off",
    }
