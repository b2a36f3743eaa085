"""Kafka and PostgreSQL of the tests: those of the environment's URLs, else those of the embedded
stack, or containers if ENGAGE_TEST_BACKEND is "containers".
"""

import asyncio
import os
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.databases import connection_to

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

BACKEND_VARIABLE = "ENGAGE_TEST_BACKEND"
KAFKA_VARIABLE = "ENGAGE_TEST_KAFKA_BOOTSTRAP_SERVERS"
DATABASE_VARIABLE = "ENGAGE_TEST_DATABASE_URL"
POSTGRES_VERSION_VARIABLE = "ENGAGE_TEST_POSTGRES_VERSION"
KAFKA_IMAGE = "apache/kafka:4.4.0"
POSTGRES_IMAGES = {"18": "postgres:18.6", "16": "postgres:16"}
WITHOUT_DURABILITY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""The tests' databases need not survive a power failure, and are created five times as fast."""


@dataclass(frozen=True)
class Backend:
    """A broker, and a server whose login may create databases and roles."""

    kafka_bootstrap_servers: str
    database_url: str


@contextmanager
def backend(folder: Path) -> Iterator[Backend]:
    """Yield running servers; what was started for it ends with the block."""
    kafka, database = os.environ.get(KAFKA_VARIABLE), os.environ.get(DATABASE_VARIABLE)
    kind = os.environ.get(BACKEND_VARIABLE, "embedded")
    if kafka and database:
        yield Backend(kafka, database)
    elif kind == "containers":
        with _containers() as found:
            yield found
    elif kind == "embedded":
        with _embedded(folder) as found:
            yield found
    else:
        raise ValueError(f"{BACKEND_VARIABLE} is embedded or containers, not {kind!r}")


@contextmanager
def _containers() -> Iterator[Backend]:
    from testcontainers.core.wait_strategies import ExecWaitStrategy, LogMessageWaitStrategy

    from engage.embedded import ports

    port = ports.pick()  # must be known before the start: Kafka advertises it to clients
    kafka = _container(KAFKA_IMAGE, port, port).with_envs(
        KAFKA_NODE_ID="1",
        KAFKA_PROCESS_ROLES="broker,controller",
        KAFKA_CONTROLLER_QUORUM_VOTERS="1@localhost:9093",
        KAFKA_CONTROLLER_LISTENER_NAMES="CONTROLLER",
        KAFKA_LISTENERS=f"PLAINTEXT://:{port},CONTROLLER://:9093",
        KAFKA_ADVERTISED_LISTENERS=f"PLAINTEXT://127.0.0.1:{port}",
        KAFKA_AUTO_CREATE_TOPICS_ENABLE="false",
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR="1",
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR="1",
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
        KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS="1000",
    )
    kafka.waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    postgres = _container(POSTGRES_IMAGES[_postgres_version()], 5432)
    postgres.with_env("POSTGRES_PASSWORD", "tests-only")
    postgres.with_command(f"postgres -c max_locks_per_transaction=512 {_options()}")
    # While the image creates the database, its server does not listen on TCP.
    postgres.waiting_for(ExecWaitStrategy(["pg_isready", "-h", "127.0.0.1"]))
    with kafka, postgres:
        address = f"127.0.0.1:{postgres.get_exposed_port(5432)}"
        yield Backend(f"127.0.0.1:{port}", f"postgresql://postgres:tests-only@{address}/postgres")


def _container(image: str, port: int, host_port: int | None = None) -> "DockerContainer":
    """Return a container with a port that is open to this machine alone."""
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(image)
    container.ports[f"{port}/tcp"] = ("127.0.0.1", host_port)
    return container


def _postgres_version() -> str:
    return os.environ.get(POSTGRES_VERSION_VARIABLE, "18")


def _options() -> str:
    return " ".join(f"-c {name}={value}" for name, value in WITHOUT_DURABILITY.items())


@contextmanager
def _embedded(folder: Path) -> Iterator[Backend]:
    from engage.embedded import ports
    from engage.embedded.kafka import KafkaServer
    from engage.embedded.postgres import PostgresServer

    kafka = KafkaServer(folder, port=ports.pick())
    postgres = PostgresServer(
        folder, port=ports.pick(), version=16 if _postgres_version() == "16" else 18
    )
    servers = (kafka, postgres)
    try:
        asyncio.run(_all(server.start() for server in servers))
        asyncio.run(_all(server.wait_ready() for server in servers))
        asyncio.run(_set_without_durability(postgres.superuser_url))
        yield Backend(kafka.bootstrap_servers, postgres.superuser_url)
    finally:
        asyncio.run(_all(server.stop() for server in servers))


async def _set_without_durability(url: str) -> None:
    async with connection_to(url) as connection:
        for name, value in WITHOUT_DURABILITY.items():
            await connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        await connection.execute("SELECT pg_reload_conf()")


async def _all(steps: Iterable[Awaitable[None]]) -> None:
    await asyncio.gather(*steps)
