"""Logins of the services."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.conftest import Database

ROLES = ("consumer", "refresher", "reader", "editor")


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the owner. Afterwards the roles cannot log in."""
    connection = await asyncpg.connect(database.url)
    yield connection
    for role in ROLES:
        await connection.execute(f"ALTER ROLE engage_{role} NOLOGIN PASSWORD NULL")
    await connection.close()


def migrate(database: Database, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "schema"],
        env={"PATH": os.defpath, "ENGAGE_DATABASE_URL": database.url} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


async def test_migration_gives_each_service_a_login_without_further_rights(
    database: Database, owner: asyncpg.Connection
) -> None:
    passwords = {role: f"of the {role}'s own" for role in ROLES}
    variables = {
        f"ENGAGE_{role.upper()}_DATABASE_PASSWORD": password for role, password in passwords.items()
    }
    for _ in range(2):  # also on a database that is migrated
        done = await asyncio.to_thread(migrate, database, variables)
        assert done.returncode == 0, done.stderr
        assert not [text for text in passwords.values() if text in done.stdout + done.stderr]
    place = urlsplit(database.url)
    for role, password in passwords.items():
        login = await asyncpg.connect(
            host=place.hostname,
            port=place.port,
            database=place.path.removeprefix("/"),
            user=f"engage_{role}",
            password=password,
        )
        try:
            assert await login.fetchval("SELECT session_user") == f"engage_{role}"
            assert not await login.fetchval(
                "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles"
                " WHERE rolname = session_user"
            )
            await login.execute("RESET ROLE")
            for statement in (
                "COPY (SELECT 1) TO PROGRAM 'true'",
                "CREATE TABLE public.planted ()",
                "SET ROLE engage_eraser",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await login.execute(statement)
        finally:
            await login.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host=place.hostname,
            port=place.port,
            database=place.path.removeprefix("/"),
            user="engage_reader",
            password=passwords["consumer"],
        )
