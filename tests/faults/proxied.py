"""A stack on its own Kafka and PostgreSQL, with a proxy in front of each."""

import asyncio
import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engage.embedded import ports
from engage.embedded.kafka import KafkaServer
from engage.embedded.postgres import PostgresServer
from engage.embedded.warmup import Warmup
from tests.databases import connection_to
from tests.e2e.stacks import eventually, started
from tests.faults.load import Load
from tests.faults.proxy import Proxy
from tests.faults.stack import RECOVERY_SECONDS, FaultStack, status_of
from tests.processes import Process, process, wake

_WARM_UP_EVENTS = 500
EXIT_SECONDS = 20.0
"""The longest that a service may take to exit after SIGTERM."""


class ProxiedKafka(KafkaServer):
    """A broker that advertises the port of its proxy."""

    advertised_port = 0

    def _prepare_folder(self, prepared: Warmup) -> None:
        super()._prepare_folder(prepared)
        with (self.folder / "server.properties").open("a") as settings:
            settings.write(f"advertised.listeners=CLIENTS://127.0.0.1:{self.advertised_port}\n")


@dataclass
class Period:
    """The period of a fault, in monotonic seconds."""

    began: float
    ended: float = 0.0


@dataclass
class ProxiedStack(FaultStack):
    """A stack whose servers and whose connections to them can fail."""

    kafka: ProxiedKafka = field(kw_only=True)
    postgres: PostgresServer = field(kw_only=True)
    kafka_proxy: Proxy = field(kw_only=True)
    postgres_proxy: Proxy = field(kw_only=True)

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self.kafka_proxy.port}"

    @contextmanager
    def under_load(self, **options: Any) -> Iterator[Load]:
        """Send events from before the block until some are accepted after it."""
        with self.load(**options) as load:
            until_accepted(load, _WARM_UP_EVENTS)
            yield load
            until_accepted(load, _WARM_UP_EVENTS)

    @contextmanager
    def fault(self) -> Iterator[Period]:
        """Restore the network and the servers when the block ends."""
        period = Period(time.monotonic())
        try:
            yield period
        finally:
            self.restore()
            period.ended = time.monotonic()

    def restore(self) -> None:
        self.kafka_proxy.restore()
        self.postgres_proxy.restore()
        for server in (self.kafka, self.postgres):
            if server.pid is not None:
                wake(server.pid)
        start(self.kafka, self.postgres)

    def kill_connections(self) -> int:
        """Terminate the services' connections to PostgreSQL. Return their number."""
        return int(
            self.value(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name LIKE 'engage-%'"
            )
        )

    @contextmanager
    def ingest_process(self, folder: Path) -> Iterator[tuple[Process, str]]:
        """Run another ingest service, without keys. Yield it with its URL, once it is ready."""
        port = ports.pick()
        url = f"http://127.0.0.1:{port}"
        settings = {"KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers, "PORT": str(port)}
        with process("ingest_service", folder, settings) as service:
            eventually(lambda: send_view(url) == 202, "the service accepts events")
            yield service, url


def send_view(url: str, post_id: int = 1) -> int:
    """Send a view to an ingest service without keys. Return the status; 0 without a response."""
    body = json.dumps({"post_id": post_id, "type": "view"}).encode()
    headers = {"Content-Type": "application/json"}
    return status_of(urllib.request.Request(f"{url}/events", body, headers), timeout_seconds=10)


def until_accepted(load: Load, events: int) -> None:
    """Wait until so many more events are accepted."""
    accepted = len(load.accepted_at) + events
    eventually(
        lambda: not load.is_running or len(load.accepted_at) >= accepted,
        "events are accepted",
        RECOVERY_SECONDS,
    )
    assert load.is_running, "the load has failed"


Server = KafkaServer | PostgresServer


def send_signal(server: Server, number: signal.Signals) -> None:
    assert server.pid is not None, "the server does not run"
    os.kill(server.pid, number)


def start(*servers: Server) -> None:
    """Start the servers that do not run, and wait until all are ready."""

    async def start_all() -> None:
        await asyncio.gather(*(server.start() for server in servers if server.pid is None))
        await asyncio.gather(*(server.wait_ready() for server in servers))

    asyncio.run(start_all())


def repeat(action: Callable[[], object], times: int, interval_seconds: float) -> None:
    for _ in range(times):
        action()
        time.sleep(interval_seconds)


@contextmanager
def external_servers(brokers: Sequence[KafkaServer], postgres: PostgresServer) -> Iterator[str]:
    """Run servers. Yield the URL of an empty database."""

    async def create_database() -> None:
        async with connection_to(postgres.superuser_url) as connection:
            await connection.execute("CREATE DATABASE engagement")

    async def stop() -> None:
        await asyncio.gather(*(server.stop() for server in (*brokers, postgres)))

    try:
        start(*brokers, postgres)
        asyncio.run(create_database())
        yield postgres.superuser_url.rpartition("/")[0] + "/engagement"
    finally:
        asyncio.run(stop())


@contextmanager
def run_proxied_stack(folder: Path, *options: str) -> Iterator[ProxiedStack]:
    """Run a stack. Everything stops when the block ends.

    Args:
        options: of `engage up`.
    """
    kafka = ProxiedKafka(folder, port=ports.pick())
    postgres = PostgresServer(folder, port=ports.pick())
    with Proxy(kafka.port) as kafka_proxy, Proxy(postgres.port) as postgres_proxy:
        kafka.advertised_port = kafka_proxy.port
        with external_servers([kafka], postgres) as database_url:
            settings = {
                "ENGAGE_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka_proxy.port}",
                "ENGAGE_DATABASE_URL": proxied_url(database_url, postgres_proxy),
            }
            with started(
                folder / "stack", "--stack", "external", *options, environment=settings
            ) as running:
                stack = ProxiedStack(
                    running.folder, database_url, kafka=kafka, postgres=postgres,
                    kafka_proxy=kafka_proxy, postgres_proxy=postgres_proxy,
                )  # fmt: skip
                stack.record_offset_changes()
                try:
                    yield stack
                finally:
                    stack.restore()


def proxied_url(database_url: str, proxy: Proxy) -> str:
    return database_url.replace(f":{proxy.upstream_port}/", f":{proxy.port}/")
