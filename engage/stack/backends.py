"""Kafka and PostgreSQL of a stack, embedded or external: their topic, database, logins and keys."""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from engage.embedded.broker import PeerListener
from engage.embedded.kafka import KafkaServer
from engage.embedded.ports import LOOPBACK, PortLeases, listen
from engage.embedded.postgres import PostgresServer
from engage.embedded.programs import Program
from engage.embedded.scram import Login
from engage.gateway import can_see_owners
from engage.stack.layout import Layout
from engage.stack.services import DATABASE_ROLES, Wiring, gateway, kafka_settings
from runtime.files import replace_file
from runtime.settings import KafkaSettings, ReplicaSettings
from runtime.transport import kafka_arguments
from schema import topics
from schema.errors import SetupError, Unavailable
from schema.logins import set_passwords
from schema.migrate import migrate, pending, shipped
from sql.command import connected
from web.auth import KeyRing, Scope, create_key
from web.key_file import add

DATABASE: Final = "engagement"
MIGRATOR: Final = "engage_migrator"
LOGINS: Final = (
    MIGRATOR,
    "engage_consumer",
    "engage_refresher",
    "engage_reader",
    "engage_editor",
)
_TOPIC_SECONDS: Final = 60
KAFKA: Final = "kafka"
"""The embedded broker's only login, among the passwords of the database's."""

ERASER: Final = "engage_eraser"
"""The role of `engage users`, without a login."""

NO_PASSWORDS: Final[Mapping[str, str]] = {}
_OWNERS_EXTRAS: Final = ("pg_monitor", "pg_signal_backend", ERASER)


class Secrets(msgspec.Struct):
    """Values that are generated for a stack and stay the same at its next start."""

    passwords: dict[str, str] = {}
    keys: dict[str, str] = {}
    derived_id_secret: str = ""

    @classmethod
    def read(cls, path: Path) -> "Secrets":
        """Read the file, and generate missing values."""
        try:
            found = msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            found = cls()
        except (OSError, msgspec.MsgspecError) as error:
            raise SetupError(
                f"{path} cannot be read ({error}): delete it to make new ones"
            ) from error
        for login in (*LOGINS, KAFKA):
            found.passwords.setdefault(login, secrets.token_urlsafe(24))
        found.derived_id_secret = found.derived_id_secret or secrets.token_hex(32)
        return found

    def write(self, path: Path) -> None:
        replace_file(path, msgspec.json.encode(self))


def ensure_keys(layout: Layout, known: Secrets) -> None:
    """Create a key of each scope, without rate limit, unless the stack's key file has it."""
    ring = KeyRing(layout.keys_file) if layout.keys_file.exists() else None
    for scope in Scope:
        plaintext = known.keys.get(scope.value, "")
        if ring is None or not ring.find(f"Bearer {plaintext}".encode()):
            created = create_key(scope, label="engage up")
            add(layout.keys_file, created.entry)
            known.keys[scope.value] = created.plaintext


async def create_database(superuser_url: str, passwords: Mapping[str, str]) -> None:
    """Create the logins and the database; update the passwords."""
    async with connected(superuser_url) as connection:
        for login in LOGINS:
            if not await connection.fetchval("SELECT to_regrole($1) IS NOT NULL", login):
                await connection.execute(f"CREATE ROLE {login}")
        await set_passwords(connection, {login: passwords[login] for login in LOGINS})
        if not await connection.fetchval("SELECT to_regrole($1) IS NOT NULL", ERASER):
            await connection.execute(f"CREATE ROLE {ERASER} NOLOGIN")
        for group in _OWNERS_EXTRAS:
            await connection.execute(f"GRANT {group} TO {MIGRATOR}")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {MIGRATOR}")
            await connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
        services = ", ".join(LOGINS[1:])
        await connection.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {DATABASE} TO {services}")


async def migrate_database(url: str, passwords: Mapping[str, str] = NO_PASSWORDS) -> list[str]:
    """Apply pending migrations, then set the services' passwords. Return the applied names.

    Raises:
        Unavailable: PostgreSQL does not respond.
        SetupError: the login is rejected, or the database has a newer version.
    """
    async with connected(url) as connection:
        applied = await migrate(connection)
        await set_passwords(connection, passwords)
    return applied


async def pending_migrations(url: str) -> list[str]:
    """Return the migrations that ``migrate_database`` would apply. Raises as it does."""
    async with connected(url) as connection:
        is_empty = await connection.fetchval("SELECT to_regclass('schema_migrations') IS NULL")
        history = "SELECT number, checksum FROM schema_migrations"
        rows = () if is_empty else await connection.fetch(history)
    applied = {row["number"]: row["checksum"] for row in rows}
    return [f"{each.number:04}_{each.name}" for each in pending(shipped(), applied)]


async def ensure_topic(settings: KafkaSettings) -> None:
    """Create the topic unless it exists. Raises Unavailable, SetupError."""
    wanted = NewTopic(
        settings.topic,
        settings.topic_partitions,
        settings.topic_replication_factor,
        topic_configs=topics.SETTINGS | {"min.insync.replicas": str(settings.least_replicas)},
    )
    admin = AIOKafkaAdminClient(**kafka_arguments(settings))
    try:
        async with asyncio.timeout(_TOPIC_SECONDS):
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


class EmbeddedBackend:
    """Both servers run in the stack's folder.

    Attributes:
        programs: the servers to start and supervise, by role.
        wiring: the addresses for the services, each with its own login.
        database_url: of the database for its owner.
    """

    def __init__(
        self, layout: Layout, leases: PortLeases, secrets: Secrets, held: ExitStack
    ) -> None:
        self._passwords = secrets.passwords
        login = Login(secrets.passwords[KAFKA])
        port = leases.take("kafka", usual=9092)
        peers = PeerListener(leases.take("kafka peers"), port) if can_see_owners() else None
        self._kafka = KafkaServer(
            layout.folder,
            port=leases.take("kafka broker") if peers else port,
            login=login,
            peers=peers,
        )
        self._postgres = PostgresServer(layout.folder, port=leases.take("postgres", usual=5432))
        self.programs: dict[str, Program] = {"kafka": self._kafka, "postgres": self._postgres}
        if peers:
            listener = held.enter_context(listen(port))
            self.programs["kafka-gateway"] = gateway(
                layout, listen_fd=listener.fileno(), broker_port=peers.port, login=login
            )
        # The address and login of this stack replace those of the environment.
        self._settings = kafka_settings(self._kafka.bootstrap_servers, login)
        self.database_url = self._url(MIGRATOR)
        self.wiring = Wiring(
            self._kafka.bootstrap_servers,
            {role: self._url(login) for role, login in DATABASE_ROLES.items()},
            self._settings.topic,
            kafka_login=login,
            kafka_gateway=f"{LOOPBACK}:{port}" if peers else None,
        )

    async def prepare_kafka(self) -> None:
        """Wait for the broker and create the topic. Raises StackError, Unavailable."""
        await self._kafka.wait_ready()
        await ensure_topic(self._settings)

    async def prepare_database(self) -> None:
        """Wait for PostgreSQL; create logins, database and tables. Raises like prepare_kafka."""
        await self._postgres.wait_ready()
        await create_database(self._postgres.superuser_url, self._passwords)
        await migrate_database(self.database_url)

    def _url(self, login: str) -> str:
        password = self._passwords[login]
        return self._postgres.url(user=login, password=password, database=DATABASE)


class ExternalBackend:
    """ENGAGE_KAFKA_BOOTSTRAP_SERVERS and ENGAGE_DATABASE_URL name the servers.

    Each service sets its database role after connecting.
    """

    def __init__(self) -> None:
        self.programs: dict[str, Program] = {}
        self._settings = KafkaSettings.load()
        database = ReplicaSettings.load()
        self.database_url = database.database_url.get_secret_value()
        replica = database.read_database_url
        self.wiring = Wiring(
            self._settings.kafka_bootstrap_servers,
            dict.fromkeys(DATABASE_ROLES, self.database_url),
            self._settings.topic,
            is_external=True,
            replica_url=replica.get_secret_value() if replica else None,
        )

    async def prepare_kafka(self) -> None:
        await ensure_topic(self._settings)

    async def prepare_database(self) -> None:
        await migrate_database(self.database_url)


Backend = EmbeddedBackend | ExternalBackend
