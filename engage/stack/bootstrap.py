"""What a stack needs before its services can work: database, roles, tables, topic, keys."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from engage.database import connected
from engage.embedded.files import write_whole
from engage.stack.layout import Layout
from schema import topics
from schema.errors import SetupError, Unavailable
from schema.migrate import Connection, migrate
from schema.settings import KafkaSettings

DATABASE: Final = "engagement"
MIGRATOR: Final = "engage_migrator"
LOGINS: Final = (
    MIGRATOR,
    "engage_consumer",
    "engage_refresher",
    "engage_reader",
    "engage_editor",
)
ERASER: Final = "engage_eraser"
"""The role that `engage users` takes; nobody logs in as it."""

_OWNERS_EXTRAS: Final = ("pg_monitor", "pg_signal_backend", ERASER)
_RETENTION_MS: Final = topics.RETENTION_DAYS * 24 * 3600 * 1000


class Secrets(msgspec.Struct):
    """What was generated for a stack and must be the same at its next start."""

    passwords: dict[str, str] = {}
    keys: dict[str, str] = {}

    @classmethod
    def read(cls, path: Path) -> "Secrets":
        """Return what the file holds; a password for each login is there in any case."""
        try:
            found = msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            found = cls()
        except (OSError, msgspec.MsgspecError) as error:
            raise SetupError(
                f"{path} cannot be read ({error}): delete it to make new ones"
            ) from error
        for login in LOGINS:
            found.passwords.setdefault(login, secrets.token_urlsafe(24))
        return found

    def write(self, path: Path) -> None:
        """Replace the file, readable by its owner only."""
        write_whole(path, msgspec.json.encode(self))


def ensure_keys(layout: Layout, known: Secrets) -> None:
    """Make a key of each scope, unless the stack's key file has it. No rate limit."""
    from schema.http.keys import KeyRing, Scope, add, mint

    ring = KeyRing(layout.keys_file) if layout.keys_file.exists() else None
    for scope in Scope:
        plaintext = known.keys.get(scope.value, "")
        if ring is None or not ring.find(f"Bearer {plaintext}".encode()):
            minted = mint(scope, label="engage up")
            add(layout.keys_file, minted.entry)
            known.keys[scope.value] = minted.plaintext


async def create_database(superuser_url: str, passwords: Mapping[str, str]) -> None:
    """Create the logins and the database they use; bring their passwords up to date."""
    async with connected(superuser_url) as connection:
        # A statement that fails would be quoted in the server's log, its password with it.
        await connection.execute("SET log_min_error_statement = panic")
        for login in LOGINS:
            await _ensure_login(connection, login, passwords[login])
        if not await connection.fetchval("SELECT to_regrole($1) IS NOT NULL", ERASER):
            await connection.execute(f"CREATE ROLE {ERASER} NOLOGIN")
        for group in _OWNERS_EXTRAS:
            await connection.execute(f"GRANT {group} TO {MIGRATOR}")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {MIGRATOR}")
            await connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
        services = ", ".join(LOGINS[1:])
        await connection.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {DATABASE} TO {services}")


async def _ensure_login(connection: Connection, login: str, password: str) -> None:
    if not await connection.fetchval("SELECT to_regrole($1) IS NOT NULL", login):
        await connection.execute(f"CREATE ROLE {login}")
    # A statement like this takes no parameters; the password is ours and URL-safe.
    await connection.execute(f"ALTER ROLE {login} LOGIN PASSWORD '{password}'")


async def migrate_database(url: str) -> list[str]:
    """Apply what is missing. Returns the names applied.

    Raises:
        Unavailable: PostgreSQL does not answer.
        SetupError: the login is refused, or the database does not fit this version.
    """
    async with connected(url) as connection:
        return await migrate(connection)


async def ensure_topic(settings: KafkaSettings) -> None:
    """Create the topic; one that is there is kept as it is. Raises Unavailable, SetupError."""
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic
    from aiokafka.errors import KafkaError, for_code

    from schema.transport import kafka_arguments

    wanted = NewTopic(
        settings.topic,
        settings.topic_partitions,
        settings.topic_replication_factor,
        topic_configs={
            "retention.ms": str(_RETENTION_MS),
            "min.insync.replicas": str(settings.least_replicas),
        },
    )
    admin = AIOKafkaAdminClient(**kafka_arguments(settings))
    try:
        await admin.start()
        if settings.topic in await admin.list_topics():
            return
        made = await admin.create_topics([wanted])
    except KafkaError as error:
        raise Unavailable(
            f"Kafka at {settings.kafka_bootstrap_servers}: {type(error).__name__}"
        ) from error
    finally:
        await admin.close()
    for _, code, *detail in made.topic_errors:
        if code and for_code(code).__name__ != "TopicAlreadyExistsError":
            reason = detail[0] or for_code(code)
            raise SetupError(f"topic {settings.topic} cannot be created: {reason}")
