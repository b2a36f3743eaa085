"""Three brokers, each also a controller, as three processes on loopback."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from engage.embedded import broker, ports
from engage.embedded.kafka import KafkaServer
from engage.embedded.postgres import PostgresServer
from engage.embedded.warmup import Warmup
from runtime.files import replace_file
from tests.e2e.stacks import started
from tests.faults.rig import DATABASE
from tests.faults.scene import Scene

BROKERS: Final = (1, 2, 3)
SETTINGS: Final = {
    "ENGAGE_TOPIC_REPLICATION_FACTOR": "3",
    "ENGAGE_TOPIC_MIN_INSYNC_REPLICAS": "2",
}
_HEAP_MB: Final = 256


class Broker(KafkaServer):
    """One of three.

    Args:
        node: its number.
        controller_ports: of all three, by number.
        cluster_id: of all three.
    """

    def __init__(
        self, folder: Path, *, node: int, controller_ports: Mapping[int, int], cluster_id: str
    ) -> None:
        super().__init__(folder / f"broker-{node}", port=ports.pick(), heap_mb=_HEAP_MB)
        self._node = node
        self._controllers = controller_ports
        self._cluster = cluster_id
        # All three begin with the same metadata.
        self._password = cluster_id

    def _prepare_folder(self, prepared: Warmup) -> None:
        data = self.folder / "data"
        if not data.exists():
            data.mkdir(parents=True)
            self._format(data, prepared)
            storage = {"version": 1, "cluster.id": self._cluster, "node.id": self._node}
            storage["directory.id"] = broker.new_id()
            replace_file(data / "meta.properties", _properties(storage))
        super()._prepare_folder(prepared)
        # What stands last counts.
        with (self.folder / "server.properties").open("ab") as settings:
            settings.write(_properties(self._settings()))

    def _settings(self) -> dict[str, object]:
        controller = f"CONTROLLER://127.0.0.1:{self._controllers[self._node]}"
        voters = (f"{node}@127.0.0.1:{port}" for node, port in self._controllers.items())
        return {
            "node.id": self._node,
            "listeners": f"CLIENTS://127.0.0.1:{self.port},{controller}",
            "controller.quorum.voters": ",".join(voters),
            "offsets.topic.replication.factor": 3,
            "offsets.topic.num.partitions": 4,
        }


def _properties(values: Mapping[str, object]) -> bytes:
    return "".join(f"{name}={value}\n" for name, value in values.items()).encode()


@contextmanager
def three_brokers(folder: Path, seed: int) -> Iterator[tuple[Scene, list[Broker]]]:
    """Yield a stack on three brokers, and the brokers; everything ends with the block."""
    controller_ports: dict[int, int] = {}
    for node in BROKERS:
        controller_ports[node] = ports.pick(avoid=controller_ports.values())
    cluster_id = broker.new_id()
    brokers = [
        Broker(folder, node=node, controller_ports=controller_ports, cluster_id=cluster_id)
        for node in BROKERS
    ]
    postgres = PostgresServer(folder, port=ports.pick())
    try:
        asyncio.run(_start(brokers, postgres))
        database_url = postgres.superuser_url.rpartition("/")[0] + f"/{DATABASE}"
        servers = ",".join(broker.bootstrap_servers for broker in brokers)
        environment = {
            "ENGAGE_KAFKA_BOOTSTRAP_SERVERS": servers,
            "ENGAGE_DATABASE_URL": database_url,
        }
        options = ("--stack", "external", "--ingest-workers", "2", "--consumers", "2")
        with started(folder / "stack", *options, environment=environment | SETTINGS) as stack:
            scene = Scene(stack, database_url, seed)
            scene.note_moves()
            yield scene, brokers
    finally:
        asyncio.run(_stop([*brokers, postgres]))


async def _start(brokers: list[Broker], postgres: PostgresServer) -> None:
    servers = [*brokers, postgres]
    await asyncio.gather(*(server.start() for server in servers))
    await asyncio.gather(*(server.wait_ready() for server in servers))
    connection = await asyncpg.connect(postgres.superuser_url)
    try:
        await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


async def _stop(servers: list[Broker | PostgresServer]) -> None:
    await asyncio.gather(*(server.stop() for server in servers))


async def in_sync(servers: str, topic: str) -> list[int]:
    """Return how many replicas of each partition have all of its events; none: unknown."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=2000)
    try:
        async with asyncio.timeout(5):
            await admin.start()
            (described,) = await admin.describe_topics([topic])
    except (KafkaError, OSError, TimeoutError):
        return []
    finally:
        await admin.close()
    return [len(partition["isr"]) for partition in described["partitions"]]


async def setting(servers: str, topic: str, name: str) -> str:
    """Return a setting of the topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        asked = ConfigResource(ConfigResourceType.TOPIC, topic, {name: None})
        (answer,) = await admin.describe_configs([asked])
    finally:
        await admin.close()
    (resource,) = answer.resources
    return next(value for found, value, *_ in resource[-1] if found == name)
