"""A stack on three brokers, each of which is a process on loopback and also a controller."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from engage.embedded import broker, ports
from engage.embedded.kafka import KafkaServer
from engage.embedded.postgres import PostgresServer
from engage.embedded.warmup import Warmup
from runtime.files import replace_file
from tests.e2e.stacks import started
from tests.faults.proxied import external_servers
from tests.faults.stack import FaultStack

NODES: Final = (1, 2, 3)
HEAP_MB: Final = 256


class Broker(KafkaServer):
    """One of three brokers.

    Args:
        controller_ports: of all three, by node.
        cluster_id: of all three.
    """

    def __init__(
        self, folder: Path, *, node: int, controller_ports: Mapping[int, int], cluster_id: str
    ) -> None:
        super().__init__(folder / f"broker-{node}", port=ports.pick(), heap_mb=HEAP_MB)
        self._node = node
        self._controllers = controller_ports
        self._cluster = cluster_id
        # All three must be formatted with the same metadata.
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
        # The last value of a repeated setting applies.
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
def run_three_broker_stack(folder: Path) -> Iterator[tuple[FaultStack, list[Broker]]]:
    """Run a stack and its brokers. Everything stops when the block ends."""
    controller_ports: dict[int, int] = {}
    for node in NODES:
        controller_ports[node] = ports.pick(avoid=controller_ports.values())
    cluster_id = broker.new_id()
    brokers = [
        Broker(folder, node=node, controller_ports=controller_ports, cluster_id=cluster_id)
        for node in NODES
    ]
    with external_servers(brokers, PostgresServer(folder, port=ports.pick())) as database_url:
        settings = {
            "ENGAGE_KAFKA_BOOTSTRAP_SERVERS": ",".join(b.bootstrap_servers for b in brokers),
            "ENGAGE_DATABASE_URL": database_url,
            "ENGAGE_TOPIC_REPLICATION_FACTOR": "3",
            "ENGAGE_TOPIC_MIN_INSYNC_REPLICAS": "2",
        }
        options = ("--stack", "external", "--ingest-workers", "2", "--consumers", "2")
        with started(folder / "stack", *options, environment=settings) as running:
            stack = FaultStack(running.folder, database_url)
            stack.record_offset_changes()
            yield stack, brokers


async def in_sync_replicas(bootstrap_servers: str, topic: str) -> list[int]:
    """Return the number of in-sync replicas of each partition; empty if it is unknown."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=2000)
    try:
        async with asyncio.timeout(5):
            await admin.start()
            [described] = await admin.describe_topics([topic])
    except (KafkaError, OSError, TimeoutError):
        return []
    finally:
        await admin.close()
    return [len(partition["isr"]) for partition in described["partitions"]]
