"""The logins of a deployment, made on an empty server as the scripts of deploy/ make them."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from engage.embedded.postgres import SUPERUSER, PostgresServer, programs_folder
from tests.databases import connection_to

OWNER_SCRIPT = Path(__file__).parents[2] / "deploy" / "docker" / "postgres" / "owner.sh"
OWNER, OWNER_PASSWORD = "engage_migrator", "it's the owner's"
PASSWORDS = {
    f"ENGAGE_{role}_DATABASE_PASSWORD": f"of {role}"
    for role in ("CONSUMER", "REFRESHER", "READER", "EDITOR")
}


def run(command: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    path = f"{programs_folder(18)}:{os.defpath}"
    return subprocess.run(
        command, env={"PATH": path} | variables, capture_output=True, text=True, check=False
    )


async def test_owner_without_superuser_rights_migrates_and_creates_the_services_logins(
    postgres_server: PostgresServer,
) -> None:
    password = urlsplit(postgres_server.superuser_url).password or ""
    variables = {
        "PGHOST": "127.0.0.1", "PGPORT": str(postgres_server.port), "POSTGRES_USER": SUPERUSER,
        "PGPASSWORD": password, "OWNER_PASSWORD": OWNER_PASSWORD,
    }  # fmt: skip
    created = await asyncio.to_thread(run, ["/bin/sh", str(OWNER_SCRIPT)], variables)
    assert created.returncode == 0, created.stderr

    def url(login: str, password: str) -> str:
        return postgres_server.url(user=login, password=password, database="engagement")

    settings = {"ENGAGE_DATABASE_URL": url(OWNER, OWNER_PASSWORD)} | PASSWORDS
    changed = settings | {"ENGAGE_READER_DATABASE_PASSWORD": "another"}
    for given in (settings, settings, changed):
        migrated = await asyncio.to_thread(run, [sys.executable, "-m", "schema"], given)
        assert migrated.returncode == 0, migrated.stderr

    for login, password in (
        (OWNER, OWNER_PASSWORD),
        ("engage_consumer", "of CONSUMER"),
        ("engage_refresher", "of REFRESHER"),
        ("engage_reader", "another"),
        ("engage_editor", "of EDITOR"),
    ):
        async with connection_to(url(login, password)) as connection:
            assert await connection.fetchval("SELECT count(*) FROM posts") == 0
            assert not await connection.fetchval(
                "SELECT rolsuper FROM pg_roles WHERE rolname = session_user"
            )
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(url("engage_reader", "of READER"))
    log = postgres_server.log_path.read_text()
    assert [text for text in (OWNER_PASSWORD, *PASSWORDS.values(), "another") if text in log] == []
