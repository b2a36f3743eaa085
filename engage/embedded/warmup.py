"""Files prepared once per user, so that a broker starts in a second.

A first broker on throw-away data leaves two files in the cache folder: the JVM's ahead-of-time
cache (start-up 1.1 s instead of 2.8 s) and the metadata that Kafka's own StorageTool puts into
new storage (which saves a JVM each time a stack is made).
"""

import asyncio
import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engage.embedded import broker, ports
from engage.embedded.jars import LOCK_FILE, JarStore
from engage.embedded.machine import cache_folder, locked, staging
from engage.embedded.programs import explain_ending, spawn, stop_child, wait_until_ready
from engage.embedded.scram import PLACEHOLDER
from runtime.progress import Progress, silent

STEP: Final = "Kafka's start-up cache"
FIRST_SNAPSHOT: Final = "__cluster_metadata-0/00000000000000000000-0000000000.checkpoint"
"""The file of Kafka's storage tool with the first metadata of a new cluster."""

_HEAP_MB: Final = 256
_FORMAT_SECONDS: Final = 180
_START_SECONDS: Final = 300
_STOP_SECONDS: Final = 120
"""Writing the cache takes about 8 s on two free cores."""


@dataclass(frozen=True, slots=True)
class Warmup:
    folder: Path

    @property
    def aot_cache(self) -> Path:
        """The JVM's ahead-of-time cache."""
        return self.folder / "kafka.aot"

    @property
    def snapshot(self) -> Path:
        """The metadata that new storage begins with."""
        return self.folder / Path(FIRST_SNAPSHOT).name

    @property
    def is_complete(self) -> bool:
        return self.aot_cache.exists() and self.snapshot.exists()


def located() -> Warmup:
    """Return where the files for this runtime, these jars and flags belong, there or not."""
    runtime = (broker.java_home() / "release").read_bytes()
    flags = repr((broker.FLAGS, PLACEHOLDER)).encode()
    key = hashlib.sha256(b"\0".join((LOCK_FILE.read_bytes(), runtime, flags)))
    return Warmup(cache_folder() / f"kafka-{key.hexdigest()[:16]}")


def ensure(progress: Progress = silent) -> Warmup:
    """Return the prepared files, after creating missing ones in about 12 s. Block.

    The jars must be present. Several processes can do so concurrently.

    Raises:
        StackError: the first broker does not run on this machine.
    """
    warmup = located()
    if warmup.is_complete:
        return warmup
    progress(STEP, 0, 5, "")
    with locked(warmup.folder.parent, "warmup"):
        if not warmup.is_complete:
            _make(warmup, progress)
    progress(STEP, 5, 5, "")
    return warmup


def _make(warmup: Warmup, progress: Progress) -> None:
    class_path = JarStore().class_path()
    with staging(warmup.folder.parent) as place:
        port, controller_port = ports.pick(), ports.pick()
        (place / "tmp").mkdir()
        (place / "server.properties").write_text(broker.settings(port, controller_port))
        cluster_id = _format(place, class_path)
        # Copied before the broker runs: it may replace its snapshots.
        shutil.copyfile(place / "data" / FIRST_SNAPSHOT, place / warmup.snapshot.name)
        progress(STEP, 1, 5, "")
        _record(place, class_path, port, cluster_id, progress)
        # A JVM that could not write its cache starts without: it takes an empty one for none.
        (place / warmup.aot_cache.name).touch()
        warmup.folder.mkdir(exist_ok=True)
        for path in (warmup.snapshot, warmup.aot_cache):
            (place / path.name).replace(path)


def _format(place: Path, class_path: list[Path]) -> str:
    """Run Kafka's storage tool; return the id of the cluster it made."""
    tool = ("kafka.tools.StorageTool", "format", "-c", "server.properties", "-t")
    cluster_id = broker.new_id()
    main = (*tool, cluster_id, "--add-scram", PLACEHOLDER.argument())
    command = broker.command(class_path, heap_mb=_HEAP_MB, main=main)
    answer = subprocess.run(
        command,
        cwd=place,
        env=broker.environment(),
        capture_output=True,
        text=True,
        timeout=_FORMAT_SECONDS,
        check=False,
    )
    if answer.returncode:
        raise explain_ending("Kafka's storage tool", answer.returncode, answer.stderr)
    return cluster_id


def _record(
    place: Path, class_path: list[Path], port: int, cluster_id: str, progress: Progress
) -> None:
    """Run a broker that writes the JVM's cache when it stops."""
    log_path = place / "kafka.log"
    child = spawn(
        broker.command(
            class_path,
            heap_mb=_HEAP_MB,
            extra=["-XX:AOTCacheOutput=kafka.aot"],
            main=broker.MAIN,
        ),
        log_path=log_path,
        folder=place,
        environment=broker.environment(),
    )

    async def responds() -> bool:
        return await broker.serving_cluster(port, login=None) == cluster_id

    try:
        ready = wait_until_ready(
            child, responds, name="Kafka", log_path=log_path, timeout_seconds=_START_SECONDS
        )
        asyncio.run(ready)
        progress(STEP, 2, 5, "")
    finally:
        stop_child(child, grace_seconds=_STOP_SECONDS)
