"""Forward-only migrations: numbered SQL files, applied once, in order, under a lock.

Each file runs in one transaction with the row that records it. A file that was edited after
it was applied stops the run, as the database would no longer be what the files say.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeAlias

import asyncpg

from schema.errors import SetupError

# Quoted: asyncpg's classes are generic in its stubs alone.
Connection: TypeAlias = "asyncpg.Connection[Any]"
_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_LOCK = 0x656E67616765  # "engage" in ASCII; any constant would do
_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number             integer PRIMARY KEY,
    name               text NOT NULL,
    checksum           text NOT NULL,
    applied_timestamp  timestamptz NOT NULL DEFAULT now()
)"""


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
    """Bring the database to this version. Returns the names applied, in order; idempotent."""
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await _ensure_roles(connection)
        await connection.execute(_HISTORY)
        rows = await connection.fetch("SELECT number, checksum FROM schema_migrations")
        todo = pending(shipped(), {row["number"]: row["checksum"] for row in rows})
        for migration in todo:
            await _apply(connection, migration)
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return [f"{migration.number:04}_{migration.name}" for migration in todo]


async def _apply(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
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
