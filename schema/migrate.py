"""Forward-only migrations: numbered SQL files, applied once, in order, under a lock.

Each file runs in one transaction with the row that records it. A file that was edited after
it was applied stops the run, as the database would no longer be what the files say.

They run while the version before still works on the tables. A lock that is not to be had at once
is given up and asked for again: whoever wants the table would queue behind the one that waits.
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

from schema.errors import SetupError
from schema.telemetry import get_logger

# Quoted: asyncpg's classes are generic in its stubs alone.
Connection: TypeAlias = "asyncpg.Connection[Any]"
_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_LOCK = 0x656E67616765  # "engage" in ASCII; any constant would do
# Below PostgreSQL's deadlock_timeout, so that it is the migration that gives way, not the service.
_LOCK_TIMEOUT: Final = "300ms"
_RETRY_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 300.0
_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number             integer PRIMARY KEY,
    name               text NOT NULL,
    checksum           text NOT NULL,
    applied_timestamp  timestamptz NOT NULL DEFAULT now()
)"""

logger = get_logger("migrate")


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
    """Return what is still to be applied.

    Raises:
        SetupError: an applied file was edited, or the database is newer than this version.
    """
    files = {migration.number: migration for migration in shipped}
    for number, checksum in applied.items():
        if number not in files:
            raise SetupError(
                f"the database has migration {number:04}, which this version does not know: "
                "run the version that applied it, or a newer one"
            )
        if files[number].checksum != checksum:
            raise SetupError(
                f"migration {number:04}_{files[number].name}.sql was changed after it was applied: "
                "restore the file and put the change into a new migration"
            )
    return [migration for number, migration in sorted(files.items()) if number not in applied]


async def migrate(connection: Connection) -> list[str]:
    """Bring the database to this version. Returns the names applied, in order; idempotent.

    Raises:
        SetupError: the database does not fit this version, or its tables cannot be locked.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await _ensure_roles(connection)
        await connection.execute(_HISTORY)
        rows = await connection.fetch("SELECT number, checksum FROM schema_migrations")
        todo = pending(shipped(), {row["number"]: row["checksum"] for row in rows})
        for migration in todo:
            await _apply_patiently(connection, migration)
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return [f"{migration.number:04}_{migration.name}" for migration in todo]


async def _apply_patiently(connection: Connection, migration: Migration) -> None:
    """Apply a migration as soon as its tables can be locked.

    Raises:
        SetupError: they could not be for five minutes.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            await _apply(connection, migration)
        except asyncpg.LockNotAvailableError:
            if time.monotonic() > deadline:
                raise SetupError(
                    f"migration {migration.number:04}_{migration.name} cannot lock its tables: "
                    "end what holds them, see pg_stat_activity, then run it again"
                ) from None
            logger.warning("tables are in use, trying again", migration=migration.name)
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
            "the roles of the services are missing and this login may not create them: "
            "run schema/roles.sql as a role with CREATEROLE"
        ) from error
