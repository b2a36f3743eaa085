"""A stack whose every byte to Kafka and PostgreSQL passes a proxy, on servers of the rig's own."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from engage.embedded import ports
from engage.embedded.kafka import KafkaServer
from engage.embedded.postgres import PostgresServer
from engage.embedded.warmup import Warmup
from tests.e2e.stacks import eventually, started
from tests.faults.load import Load
from tests.faults.proxy import Proxy
from tests.faults.scene import RECOVERY_SECONDS, Scene
from tests.processes import wake

DATABASE = "engagement"
_WARM_EVENTS = 500


class ProxiedKafka(KafkaServer):
    """A broker that tells its clients to come to the proxy's port."""

    advertised_port = 0

    def _prepare_folder(self, prepared: Warmup) -> None:
        super()._prepare_folder(prepared)
        with (self.folder / "server.properties").open("a") as settings:
            settings.write(f"advertised.listeners=CLIENTS://127.0.0.1:{self.advertised_port}\n")


@dataclass
class Interval:
    """When a fault was on, by the monotonic clock."""

    began: float = 0.0
    ended: float = 0.0


@dataclass
class Rig(Scene):
    """A scene whose servers and network can be harmed."""

    kafka: ProxiedKafka = field(kw_only=True)
    postgres: PostgresServer = field(kw_only=True)
    to_kafka: Proxy = field(kw_only=True)
    to_postgres: Proxy = field(kw_only=True)

    @contextmanager
    def under_load(self, **options: Any) -> Iterator[Load]:
        """Keep a load up from before the block until events are accepted again after it."""
        with self.load(**options) as load:
            _until_accepted(load, _WARM_EVENTS)
            yield load
            _until_accepted(load, len(load.facts.accepted_at) + _WARM_EVENTS)

    @contextmanager
    def fault(self) -> Iterator[Interval]:
        """Heal the network, wake what sleeps and start what is down, when the block ends."""
        interval = Interval(time.monotonic())
        try:
            yield interval
        finally:
            self.heal()
            interval.ended = time.monotonic()

    def heal(self) -> None:
        self.to_kafka.heal()
        self.to_postgres.heal()
        for server in (self.kafka, self.postgres):
            if server.pid is not None:
                wake(server.pid)
            else:
                asyncio.run(server.start())
        for server in (self.kafka, self.postgres):
            asyncio.run(server.wait_ready())

    def end_kafka(self, number: signal.Signals) -> None:
        """SIGKILL: a crash; SIGTERM: in order."""
        _end(self.kafka.pid, number)

    def end_postgres(self, number: signal.Signals) -> None:
        """SIGKILL: a crash; SIGQUIT: shut down at once; SIGINT: fast."""
        _end(self.postgres.pid, number)

    def proxied_database_url(self, proxy: Proxy) -> str:
        return self.database_url.replace(f":{self.postgres.port}/", f":{proxy.port}/")


def _until_accepted(load: Load, events: int) -> None:
    eventually(
        lambda: load.is_done or len(load.facts.accepted_at) >= events,
        "events are accepted",
        RECOVERY_SECONDS,
    )
    assert not load.is_done, "the load has failed"


def _end(pid: int | None, number: signal.Signals) -> None:
    assert pid is not None, "it does not run"
    os.kill(pid, number)


@contextmanager
def rigged(
    folder: Path, seed: int, *options: str, settings: Mapping[str, str] | None = None
) -> Iterator[Rig]:
    """Yield a running rig; everything ends with the block.

    Args:
        options: of `engage up`.
        settings: of the services, with their prefix.
    """
    kafka = ProxiedKafka(folder, port=ports.pick())
    postgres = PostgresServer(folder, port=ports.pick())
    with Proxy(kafka.port) as to_kafka, Proxy(postgres.port) as to_postgres:
        kafka.advertised_port = to_kafka.port
        try:
            asyncio.run(_start(kafka, postgres))
            database_url = postgres.superuser_url.rpartition("/")[0] + f"/{DATABASE}"
            environment = {
                "ENGAGE_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{to_kafka.port}",
                "ENGAGE_DATABASE_URL": database_url.replace(
                    f":{postgres.port}/", f":{to_postgres.port}/"
                ),
            }
            asked = environment | dict(settings or {})
            with started(
                folder / "stack", "--stack", "external", *options, environment=asked
            ) as stack:
                rig = Rig(
                    stack, database_url, seed,
                    kafka=kafka, postgres=postgres, to_kafka=to_kafka, to_postgres=to_postgres,
                )  # fmt: skip
                rig.note_moves()
                try:
                    yield rig
                finally:
                    rig.heal()
        finally:
            asyncio.run(_stop(kafka, postgres))


async def _start(kafka: KafkaServer, postgres: PostgresServer) -> None:
    await asyncio.gather(kafka.start(), postgres.start())
    await asyncio.gather(kafka.wait_ready(), postgres.wait_ready())
    connection = await asyncpg.connect(postgres.superuser_url)
    try:
        await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


async def _stop(kafka: KafkaServer, postgres: PostgresServer) -> None:
    await asyncio.gather(kafka.stop(), postgres.stop())


def every(seconds: float, times: int, harm: Callable[[], None]) -> None:
    """Do harm so many times, at this pace."""
    for _ in range(times):
        harm()
        time.sleep(seconds)
