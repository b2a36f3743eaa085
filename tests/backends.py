"""Kafka and PostgreSQL of the tests: those of the environment's URLs, else containers of a Docker
engine, else those of the embedded stack.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.databases import connection_to

KAFKA_VARIABLE = "ENGAGE_TEST_KAFKA_BOOTSTRAP_SERVERS"
DATABASE_VARIABLE = "ENGAGE_TEST_DATABASE_URL"
POSTGRES_VERSION_VARIABLE = "ENGAGE_TEST_POSTGRES_VERSION"
KAFKA_IMAGE = "apache/kafka:4.4.0"
POSTGRES_IMAGE = "postgres:18.6"
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
    if kafka and database:
        yield Backend(kafka, database)
    elif _is_docker_running():
        with _containers() as found:
            yield found
    else:
        with _embedded(folder) as found:
            yield found


def _is_docker_running() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    with contextlib.suppress(subprocess.TimeoutExpired):
        found = subprocess.run([docker, "info"], capture_output=True, check=False, timeout=5)
        return found.returncode == 0
    return False


@contextmanager
def _containers() -> Iterator[Backend]:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.waiting_utils import wait_for_logs

    port = 29092
    kafka = (
        DockerContainer(KAFKA_IMAGE)
        .with_bind_ports(port, port)
        .with_env("KAFKA_NODE_ID", "1")
        .with_env("KAFKA_PROCESS_ROLES", "broker,controller")
        .with_env("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093")
        .with_env("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER")
        .with_env("KAFKA_LISTENERS", f"PLAINTEXT://:{port},CONTROLLER://:9093")
        .with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://127.0.0.1:{port}")
        .with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
        .with_env("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1")
        .with_env("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1")
        .with_env("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1")
        .with_env("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0")
        .with_env("KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS", "1000")
    )
    postgres = (
        DockerContainer(POSTGRES_IMAGE)
        .with_exposed_ports(5432)
        .with_env("POSTGRES_PASSWORD", "tests-only")
        .with_command(f"postgres -c max_locks_per_transaction=512 {_options()}")
    )
    with kafka, postgres:
        wait_for_logs(kafka, "Kafka Server started")
        wait_for_logs(postgres, r"database system is ready to accept connections(?s:.*)\1?")
        address = f"127.0.0.1:{postgres.get_exposed_port(5432)}"
        yield Backend(f"127.0.0.1:{port}", f"postgresql://postgres:tests-only@{address}/postgres")


def _options() -> str:
    return " ".join(f"-c {name}={value}" for name, value in WITHOUT_DURABILITY.items())


@contextmanager
def _embedded(folder: Path) -> Iterator[Backend]:
    from engage.embedded import ports
    from engage.embedded.kafka import KafkaServer
    from engage.embedded.postgres import PostgresServer

    version = os.environ.get(POSTGRES_VERSION_VARIABLE, "18")
    kafka = KafkaServer(folder, port=ports.pick())
    postgres = PostgresServer(folder, port=ports.pick(), version=16 if version == "16" else 18)
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
