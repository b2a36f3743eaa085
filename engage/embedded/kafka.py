"""A real Apache Kafka broker on loopback, its data in the stack's folder."""

import asyncio
import shutil
import subprocess
from pathlib import Path
from typing import Final

from engage.embedded import broker_settings, jars, ports, probe, processes, warmup
from engage.embedded.errors import explain_os_error
from engage.embedded.files import write_whole
from engage.embedded.java import java_environment
from engage.embedded.jvm import BROKER_MAIN, broker_command
from engage.embedded.progress import Report, silent

_RESTART_SECONDS: Final = 20.0


class KafkaServer:
    """One broker, which is its own controller. Restartable on the same folder, also after -9.

    Args:
        folder: the stack's folder; the broker keeps everything in ``kafka`` below it.
        port: where clients connect, on loopback.
        heap_mb: bound of the Java heap; the process takes about 200 MB more.
    """

    def __init__(self, folder: Path, *, port: int, heap_mb: int = 512) -> None:
        self.port = port
        self.folder = folder.absolute() / "kafka"
        self.log_path = folder.absolute() / "logs" / "kafka.log"
        self._heap_mb = heap_mb
        self._roster = processes.Roster(self.folder / "process.json")
        self._child: subprocess.Popen[bytes] | None = None
        self._cluster_id = ""

    @property
    def pid(self) -> int | None:
        """The running process, or None."""
        return self._child.pid if self._child and self._child.poll() is None else None

    @property
    def is_leaving(self) -> bool:
        """False: told to end, it does not wait for its clients."""
        return False

    @property
    def bootstrap_servers(self) -> str:
        """What clients are configured with."""
        return f"{ports.LOOPBACK}:{self.port}"

    async def start(self, report: Report = silent) -> None:
        """Start the broker, fetching and preparing what is missing; it is not ready yet.

        A broker that runs in this folder, left by this object or an earlier supervisor, is
        ended first.

        Raises:
            StackError: something is missing; the message names the fix.
        """
        await asyncio.to_thread(self._start, report)

    async def wait_ready(self, timeout_seconds: float = 60) -> None:
        """Return once the broker answers a metadata request.

        Raises:
            StackError: it ended, or did not answer in time.
        """
        await probe.wait_for_broker(
            self.port,
            self._cluster_id,
            child=self._running(),
            log_path=self.log_path,
            timeout_seconds=timeout_seconds,
        )

    async def stop(self, timeout_seconds: float = 20) -> None:
        """Stop the broker in order; kill it when it takes longer."""
        if self._child is None:
            return
        await asyncio.to_thread(processes.stop_child, self._child, grace_seconds=timeout_seconds)
        self._child = None
        self._roster.clear()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            raise RuntimeError("start() comes first")
        return self._child

    def _start(self, report: Report) -> None:
        if self._child is not None:
            processes.stop_child(self._child, grace_seconds=_RESTART_SECONDS)
        store = jars.JarStore()
        store.ensure(report)
        prepared = warmup.ensure(report)
        self._end_earlier()
        ports.require_free(self.port, "Kafka")
        try:
            self._prepare_folder(prepared)
        except OSError as error:
            raise explain_os_error(error, self.folder) from error
        self._child = processes.spawn(
            broker_command(
                store.class_path(),
                heap_mb=self._heap_mb,
                extra=[f"-XX:AOTCache={prepared.aot_cache}"],
                main=BROKER_MAIN,
            ),
            log_path=self.log_path,
            folder=self.folder,
            environment=java_environment(),
        )
        self._roster.write({"kafka": processes.identified(self._child)})

    def _end_earlier(self) -> None:
        for earlier in self._roster.read().values():
            processes.end(earlier, grace_seconds=_RESTART_SECONDS)

    def _prepare_folder(self, prepared: warmup.Warmup) -> None:
        data = self.folder / "data"
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Where native libraries are unpacked; a killed broker leaves its own behind.
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir()
        if broker_settings.read_cluster_id(data) is None:
            shutil.copyfile(prepared.bootstrap, data / warmup.BOOTSTRAP)
            # Last: with this file in place the folder counts as storage.
            write_whole(data / "meta.properties", broker_settings.storage_properties().encode())
        self._cluster_id = broker_settings.read_cluster_id(data) or ""
        controller_port = ports.pick(avoid=[self.port])
        settings = broker_settings.settings(self.port, controller_port)
        write_whole(self.folder / "server.properties", settings.encode())
