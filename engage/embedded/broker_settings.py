"""The broker's settings file and the two files that make a folder Kafka storage."""

import base64
import uuid
from pathlib import Path
from typing import Final

from engage.embedded.ports import LOOPBACK

NODE_ID: Final = 1

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


def settings(port: int, controller_port: int) -> str:
    """Return the settings file of a broker on loopback, as Java properties."""
    listeners = f"PLAINTEXT://{LOOPBACK}:{port}"
    values = _SETTINGS | {
        "listeners": f"{listeners},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": listeners,
        "controller.quorum.voters": f"{NODE_ID}@{LOOPBACK}:{controller_port}",
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def storage_properties() -> str:
    """Return what marks a folder as the storage of a new cluster: its meta.properties."""
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
