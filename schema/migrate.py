"""Forward-only migrations: numbered SQL files, applied once, in order, under a lock.

Each file runs in one transaction with the row that records it. A file that was changed after it
was applied is an error, because the database would differ from what the files describe.

Migrations run while the previous version uses the tables. A lock that is not granted immediately
is requested again later, because other statements would queue behind a waiting request.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, TypeAlias

import asyncpg
import structlog

from schema.errors import SetupError

# Quoted: asyncpg's classes are generic in its stubs alone.
Connection: TypeAlias = "asyncpg.Connection[Any]"
_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_LOCK = 0x656E67616765  # "engage" in ASCII; any constant would do
# Below PostgreSQL's deadlock_timeout, so that a deadlock aborts the migration, not a service.
_LOCK_TIMEOUT: Final = "300ms"
_RETRY_SECONDS: Final = 1.0
_RETRY_TIMEOUT_SECONDS: Final = 300.0
_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number             integer PRIMARY KEY,
    name               text NOT NULL,
    checksum           text NOT NULL,
    applied_timestamp  timestamptz NOT NULL DEFAULT now()
)"""

logger = structlog.get_logger("engage.migrate")


@dataclass(frozen=True)
class Migration:
    """One file of schema/migrations."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file's text, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def shipped() -> list[Migration]:
    """Return the migrations of this version, in order."""
    files = resources.files("schema").joinpath("migrations").iterdir()
    named = [(match, file) for file in files if (match := _NAME.fullmatch(file.name))]
    return sorted(
        (Migration(int(m[1]), m[2], file.read_text(encoding="utf-8")) for m, file in named),
        key=lambda migration: migration.number,
    )


def pending(shipped: Iterable[Migration], applied: Mapping[int, str]) -> list[Migration]:
    """Return the migrations that are not applied yet.

    Raises:
        SetupError: an applied file was changed, or the database is newer than this version.
    """
    files = {migration.number: migration for migration in shipped}
    for number, checksum in applied.items():
        if number not in files:
            raise SetupError(
                f"the database has migration {number:04}, which this version does not have: "
                "run the version that applied it, or a newer one"
            )
        if files[number].checksum != checksum:
            raise SetupError(
                f"migration {number:04}_{files[number].name}.sql was changed after it was applied: "
                "restore the file and put the change into a new migration"
            )
    return [migration for number, migration in sorted(files.items()) if number not in applied]


async def migrate(connection: Connection) -> list[str]:
    """Apply the pending migrations and return their names, in order.

    Raises:
        SetupError: the database is incompatible with this version, or its tables are locked.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await _ensure_roles(connection)
        await connection.execute(_HISTORY)
        rows = await connection.fetch("SELECT number, checksum FROM schema_migrations")
        todo = pending(shipped(), {row["number"]: row["checksum"] for row in rows})
        for migration in todo:
            await _apply_with_retries(connection, migration)
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return [f"{migration.number:04}_{migration.name}" for migration in todo]


async def _apply_with_retries(connection: Connection, migration: Migration) -> None:
    """Apply a migration, and retry while its tables are locked.

    Raises:
        SetupError: they were locked for five minutes.
    """
    deadline = time.monotonic() + _RETRY_TIMEOUT_SECONDS
    while True:
        try:
            await _apply(connection, migration)
        except asyncpg.LockNotAvailableError:
            if time.monotonic() > deadline:
                raise SetupError(
                    f"migration {migration.number:04}_{migration.name} cannot lock its tables: "
                    "end the sessions that hold them (see pg_stat_activity), then run it again"
                ) from None
            logger.warning("tables are locked; retrying", migration=migration.name)
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return


async def _apply(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        await connection.execute(migration.text, timeout=None)
        await connection.execute(
            "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)",
            migration.number,
            migration.name,
            migration.checksum,
        )


async def _ensure_roles(connection: Connection) -> None:
    text = resources.files("schema").joinpath("roles.sql").read_text(encoding="utf-8")
    try:
        await connection.execute(text)
    except asyncpg.InsufficientPrivilegeError as error:
        raise SetupError(
            "the roles of the services are missing, and this login may not create them: "
            "run schema/roles.sql as a role with CREATEROLE"
        ) from error
