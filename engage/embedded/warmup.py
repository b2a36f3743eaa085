"""What is prepared once for each user so that a broker starts in a second.

A first broker on throw-away data leaves two files in the cache folder: the JVM's ahead-of-time
cache (start-up 1.1 s instead of 2.8 s) and the metadata that Kafka's own StorageTool puts into
new storage (which saves a JVM each time a stack is made).
"""

import asyncio
import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engage.embedded import broker_settings, jars, ports, probe, processes
from engage.embedded.cache import cache_folder, locked
from engage.embedded.errors import explain_ending
from engage.embedded.files import staging
from engage.embedded.jar_lock import LOCK_FILE
from engage.embedded.java import java_environment, java_home
from engage.embedded.jvm import BROKER_MAIN, FLAGS, broker_command
from engage.embedded.progress import Report, silent

STEP: Final = "Kafka's start-up cache"
BOOTSTRAP: Final = "bootstrap.checkpoint"
_HEAP_MB: Final = 256
_FORMAT_SECONDS: Final = 60
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 120
"""Writing the cache takes about 8 s on two free cores."""


@dataclass(frozen=True, slots=True)
class Warmup:
    """Where the prepared files are."""

    folder: Path

    @property
    def aot_cache(self) -> Path:
        """The JVM's ahead-of-time cache."""
        return self.folder / "kafka.aot"

    @property
    def bootstrap(self) -> Path:
        """The metadata that new storage begins with."""
        return self.folder / BOOTSTRAP

    @property
    def is_complete(self) -> bool:
        """Whether both files are there."""
        return self.aot_cache.exists() and self.bootstrap.exists()


def located() -> Warmup:
    """Return where the files for this runtime, these jars and flags belong, there or not."""
    runtime = (java_home() / "release").read_bytes()
    key = hashlib.sha256(b"\0".join((LOCK_FILE.read_bytes(), runtime, repr(FLAGS).encode())))
    return Warmup(cache_folder() / f"kafka-{key.hexdigest()[:16]}")


def ensure(report: Report = silent) -> Warmup:
    """Return the prepared files, making them first if need be. Blocks; about 12 s when it does.

    The jars must be there. Safe when several processes do it at once.

    Raises:
        ServerFailed: the first broker does not run on this machine.
    """
    warmup = located()
    if warmup.is_complete:
        return warmup
    report(STEP, 0.0)
    with locked(warmup.folder.parent, "warmup"):
        if not warmup.is_complete:
            _make(warmup, report)
    report(STEP, 1.0)
    return warmup


def _make(warmup: Warmup, report: Report) -> None:
    class_path = jars.JarStore().class_path()
    with staging(warmup.folder.parent) as place:
        port, controller_port = ports.pick(), ports.pick()
        (place / "tmp").mkdir()
        (place / "server.properties").write_text(broker_settings.settings(port, controller_port))
        cluster_id = _format(place, class_path)
        report(STEP, 0.2)
        _record(place, class_path, port, cluster_id, report)
        (place / "data" / BOOTSTRAP).replace(place / BOOTSTRAP)
        # A JVM that could not write its cache starts without: it takes an empty one for none.
        (place / warmup.aot_cache.name).touch()
        warmup.folder.mkdir(exist_ok=True)
        for path in (warmup.bootstrap, warmup.aot_cache):
            (place / path.name).replace(path)


def _format(place: Path, class_path: list[Path]) -> str:
    """Run Kafka's storage tool; return the id of the cluster it made."""
    tool = ("kafka.tools.StorageTool", "format", "-c", "server.properties", "-t")
    cluster_id = broker_settings.new_id()
    main = (*tool, cluster_id)
    command = broker_command(class_path, heap_mb=_HEAP_MB, main=main)
    answer = subprocess.run(
        command,
        cwd=place,
        env=java_environment(),
        capture_output=True,
        text=True,
        timeout=_FORMAT_SECONDS,
        check=False,
    )
    if answer.returncode:
        raise explain_ending("Kafka's storage tool", answer.returncode, answer.stderr)
    return cluster_id


def _record(
    place: Path, class_path: list[Path], port: int, cluster_id: str, report: Report
) -> None:
    """Run a broker that writes the JVM's cache when it is told to stop."""
    log_path = place / "kafka.log"
    child = processes.spawn(
        broker_command(
            class_path,
            heap_mb=_HEAP_MB,
            extra=["-XX:AOTCacheOutput=kafka.aot"],
            main=BROKER_MAIN,
        ),
        log_path=log_path,
        folder=place,
        environment=java_environment(),
    )
    try:
        asyncio.run(
            probe.wait_for_broker(
                port, cluster_id, child=child, log_path=log_path, timeout_seconds=_START_SECONDS
            )
        )
        report(STEP, 0.4)
    finally:
        processes.stop_child(child, grace_seconds=_STOP_SECONDS)
