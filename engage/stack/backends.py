"""Where a stack's Kafka and PostgreSQL come from: started in its folder, or given by address."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

from engage.embedded.kafka import KafkaServer
from engage.embedded.postgres import PostgresServer
from engage.stack.bootstrap import (
    DATABASE,
    MIGRATOR,
    Secrets,
    create_database,
    ensure_topic,
    migrate_database,
)
from engage.stack.layout import Layout
from engage.stack.leases import PortLeases
from engage.stack.member import Program
from engage.stack.services import DATABASE_ROLES, Wiring
from schema.settings import KafkaSettings, ReplicaSettings


class Backend(Protocol):
    """A broker and a database server."""

    @property
    def programs(self) -> Mapping[str, Program]:
        """The servers to start and supervise, by role."""

    @property
    def wiring(self) -> Wiring:
        """The addresses for the services."""

    @property
    def database_url(self) -> str:
        """The URL of the database for its owner."""

    async def prepare_kafka(self) -> None:
        """Wait for the broker and make the topic. Raises StackError, Unavailable."""

    async def prepare_database(self) -> None:
        """Wait for PostgreSQL and bring the database to this version. Raises likewise."""


class EmbeddedBackend:
    """Both servers run in the stack's folder."""

    def __init__(self, layout: Layout, leases: PortLeases, secrets: Secrets) -> None:
        self._passwords = secrets.passwords
        self._kafka = KafkaServer(layout.folder, port=leases.take("kafka", usual=9092))
        self._postgres = PostgresServer(layout.folder, port=leases.take("postgres", usual=5432))
        # On loopback, in plain text, wherever else the environment may lead.
        place = {"kafka_bootstrap_servers": self._kafka.bootstrap_servers}
        self._settings = KafkaSettings.load().model_copy(
            update=place | {"kafka_security_protocol": "PLAINTEXT"}
        )

    @property
    def programs(self) -> Mapping[str, Program]:
        """The servers to start and supervise, by role."""
        return {"kafka": self._kafka, "postgres": self._postgres}

    @property
    def wiring(self) -> Wiring:
        """The addresses for the services, each with a login of its own."""
        urls = {role: self._url(login) for role, login in DATABASE_ROLES.items()}
        return Wiring(self._kafka.bootstrap_servers, urls, self._settings.topic)

    @property
    def database_url(self) -> str:
        """The URL of the database for its owner."""
        return self._url(MIGRATOR)

    async def prepare_kafka(self) -> None:
        """Wait for the broker and make the topic."""
        await self._kafka.wait_ready()
        await _ensure_topic(self._settings)

    async def prepare_database(self) -> None:
        """Wait for PostgreSQL; make logins, database and tables."""
        await self._postgres.wait_ready()
        await create_database(self._postgres.superuser_url, self._passwords)
        await migrate_database(self.database_url)

    def _url(self, login: str) -> str:
        password = self._passwords[login]
        return self._postgres.url(user=login, password=password, database=DATABASE)


class ExternalBackend:
    """Both servers are given by ENGAGE_KAFKA_BOOTSTRAP_SERVERS and ENGAGE_DATABASE_URL."""

    programs: Mapping[str, Program] = {}

    def __init__(self) -> None:
        self._kafka = KafkaSettings.load()
        self._database = ReplicaSettings.load()

    @property
    def wiring(self) -> Wiring:
        """The addresses for the services; each takes its database role after connecting."""
        urls = dict.fromkeys(DATABASE_ROLES, self.database_url)
        servers = self._kafka.kafka_bootstrap_servers
        replica = self._database.read_database_url
        return Wiring(
            servers,
            urls,
            self._kafka.topic,
            is_external=True,
            replica_url=replica.get_secret_value() if replica else None,
        )

    @property
    def database_url(self) -> str:
        """The URL that was given."""
        return self._database.database_url.get_secret_value()

    async def prepare_kafka(self) -> None:
        """Make the topic."""
        await _ensure_topic(self._kafka)

    async def prepare_database(self) -> None:
        """Bring the database to this version."""
        await migrate_database(self.database_url)


async def _ensure_topic(settings: KafkaSettings) -> None:
    async with asyncio.timeout(60):
        await ensure_topic(settings)
