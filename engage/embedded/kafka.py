"""A real Apache Kafka broker on loopback, its data in the stack's folder."""

import asyncio
import contextlib
import hashlib
import secrets
import shutil
from pathlib import Path
from typing import Final

import msgspec

from engage.embedded import broker, ports, warmup
from engage.embedded.broker import PeerListener, Security, serving_cluster
from engage.embedded.jars import JarStore
from engage.embedded.machine import StackError, explain_os_error
from engage.embedded.processes import ProcessId, end, identify
from engage.embedded.programs import Program, spawn, stop_child
from engage.embedded.scram import Credential, Login, replace_placeholder
from runtime.files import replace_file

_RESTART_SECONDS: Final = 20.0


class KafkaServer(Program):
    """One broker, which is its own controller. Restartable on the same folder, also after -9.

    Args:
        folder: the stack's folder; the broker keeps everything in ``kafka`` below it.
        port: where clients connect, on loopback.
        login: of clients; None: every local user can connect.
        peers: the listener of the gateway for clients without a password.
        heap_mb: bound of the Java heap; the process takes about 200 MB more.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        login: Login | None = None,
        peers: PeerListener | None = None,
        heap_mb: int = 512,
    ) -> None:
        self.port = port
        self.login = login
        self._password = login.password if login else secrets.token_urlsafe(24)
        self._peers = peers
        self.folder = folder.absolute() / "kafka"
        self.log_path = folder.absolute() / "logs" / "kafka.log"
        self._heap_mb = heap_mb
        self._login_path = self.folder / "login.sha256"
        self._process_path = self.folder / "process.json"
        self._cluster_id = ""

    @property
    def bootstrap_servers(self) -> str:
        return f"{ports.LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Start the broker, fetching and preparing what is missing; it is not ready yet.

        A broker that runs in this folder, left by this object or an earlier supervisor, is
        ended first. Raises StackError.
        """
        await asyncio.to_thread(self._start)

    async def wait_ready(self, timeout_seconds: float = 60) -> None:
        """Return once the broker answers a metadata request. Raises StackError."""

        async def responds() -> bool:
            return await serving_cluster(self.port, self.login) == self._cluster_id

        await self._wait_until(responds, "Kafka", timeout_seconds)

    async def stop(self, timeout_seconds: float = 20) -> None:
        """Stop the broker in order; kill it when it takes longer."""
        await super().stop(timeout_seconds)
        if self._child is not None:
            self._child = None
            self._process_path.unlink(missing_ok=True)

    def _start(self) -> None:
        if self._child is not None:
            stop_child(self._child, grace_seconds=_RESTART_SECONDS)
        store = JarStore()
        store.ensure()
        prepared = warmup.ensure()
        self._end_earlier()
        ports.require_free(self.port, "Kafka")
        try:
            self._prepare_folder(prepared)
        except OSError as error:
            raise explain_os_error(error, self.folder) from error
        self._child = spawn(
            broker.command(
                store.class_path(),
                heap_mb=self._heap_mb,
                extra=[f"-XX:AOTCache={prepared.aot_cache}"],
                main=broker.MAIN,
            ),
            log_path=self.log_path,
            folder=self.folder,
            environment=broker.environment(),
        )
        replace_file(self._process_path, msgspec.json.encode(identify(self._child.pid)))

    def _end_earlier(self) -> None:
        """End the broker of a supervisor that was killed, if a file names it."""
        with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
            earlier = msgspec.json.decode(self._process_path.read_bytes(), type=ProcessId)
            end([earlier], grace_seconds=_RESTART_SECONDS)

    def _prepare_folder(self, prepared: warmup.Warmup) -> None:
        data = self.folder / "data"
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Where native libraries are unpacked; a killed broker leaves its own behind.
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir()
        if broker.read_cluster_id(data) is None:
            self._format(data, prepared)
        elif self.login and not self._is_known():
            raise StackError(
                f"{data} was made without this stack's login: bring back the secrets.json that"
                " belongs to it, or `engage down --wipe`"
            )
        self._cluster_id = broker.read_cluster_id(data) or ""
        taken = [self.port, self._peers.port] if self._peers else [self.port]
        settings = broker.settings(self.port, ports.pick(avoid=taken), self._security())
        replace_file(self.folder / "server.properties", settings.encode())

    def _format(self, data: Path, prepared: warmup.Warmup) -> None:
        """Make *data* the storage of a new cluster, whose only user is that of the login."""
        credential = Credential.derive(self._password)
        content = replace_placeholder(prepared.snapshot.read_bytes(), credential)
        snapshot = data / warmup.FIRST_SNAPSHOT
        snapshot.parent.mkdir(exist_ok=True)
        replace_file(snapshot, content)
        replace_file(self._login_path, self._fingerprint().encode())
        # Last: with this file in place the folder counts as storage.
        replace_file(data / "meta.properties", broker.storage_properties().encode())

    def _fingerprint(self) -> str:
        return hashlib.sha256(self._password.encode()).hexdigest()

    def _is_known(self) -> bool:
        try:
            return self._login_path.read_text(encoding="ascii") == self._fingerprint()
        except FileNotFoundError:
            return False

    def _security(self) -> Security | None:
        if self.login is None:
            return None
        return Security(self.login, secrets.token_urlsafe(24), self._peers)
