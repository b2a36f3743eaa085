"""A real PostgreSQL server on loopback, its data in the stack's folder."""

import asyncio
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import quote

from engage.embedded import account, ports, probe, processes
from engage.embedded.cluster import ClusterProcesses
from engage.embedded.errors import StackError, explain_ending, explain_os_error
from engage.embedded.files import write_whole
from engage.embedded.postgres_programs import Version, environment, programs_folder
from engage.embedded.progress import Report, silent

SUPERUSER: Final = "postgres"
_INITDB_SECONDS: Final = 120
_RESTART_SECONDS: Final = 20.0
_LEAVING: Final = "stopping"
_SETTINGS: Final = {
    "listen_addresses": ports.LOOPBACK,
    # No socket file: its path could not be longer than 107 bytes.
    "unix_socket_directories": "",
    "max_connections": 60,
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    # A query over all daily partitions locks each of them and its indexes.
    "max_locks_per_transaction": 512,
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u %a ",
    "log_checkpoints": "off",
}


class PostgresServer:
    """One server. Restartable on the same folder, also after a kill -9 of any of its processes.

    Args:
        folder: the stack's folder; the data go to ``postgres`` below it.
        port: where clients connect, on loopback, with a password.
        version: which of the two versions in the wheel.
    """

    def __init__(self, folder: Path, *, port: int, version: Version = 18) -> None:
        stack = folder.absolute()
        self.port = port
        self.version: Version = version
        self.folder = stack / "postgres"
        self.log_path = stack / "logs" / "postgres.log"
        self._data = self.folder / "data"
        self._password_path = stack / "postgres.password"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The running postmaster, or None."""
        return self._child.pid if self._child and self._child.poll() is None else None

    @property
    def is_leaving(self) -> bool:
        """Whether it lets nobody in any more: after a SIGTERM it waits until all sessions end.

        Ours never do. A postmaster writes how it fares into the last line of its pid file.
        """
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return lines[:1] == [str(self.pid)] and lines[-1].strip() == _LEAVING

    @property
    def superuser_url(self) -> str:
        """The URL of the superuser's own database."""
        password = self._password_path.read_text(encoding="ascii").strip()
        return self.url(user=SUPERUSER, password=password, database=SUPERUSER)

    def url(self, *, user: str, password: str, database: str) -> str:
        """Return a connection URL that psql and asyncpg understand."""
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"postgresql://{login}@{ports.LOOPBACK}:{self.port}/{quote(database, safe='')}"

    async def start(self, report: Report = silent) -> None:
        """Start the server, making its data first if there are none; it is not ready yet.

        What an earlier supervisor, or a killed postmaster, left running here is ended first.

        Raises:
            StackError: something is missing; the message names the fix.
        """
        await asyncio.to_thread(self._start, report)

    async def wait_ready(self, timeout_seconds: float = 60) -> None:
        """Return once the server lets the superuser in.

        Raises:
            StackError: it ended, or did not answer in time.
        """
        if self._child is None:
            raise RuntimeError("start() comes first")
        await probe.wait_for_postgres(
            self.superuser_url,
            child=self._child,
            log_path=self.log_path,
            timeout_seconds=timeout_seconds,
        )

    async def stop(self, timeout_seconds: float = 20) -> None:
        """Shut down fast: sessions are ended, data are safe; kill it when it takes longer."""
        await asyncio.to_thread(self._stop, timeout_seconds)

    def _stop(self, grace_seconds: float) -> None:
        if self._child is not None:
            processes.stop_child(self._child, grace_seconds=grace_seconds, first=signal.SIGINT)
            # A postmaster that had to be killed leaves its backends.
            ClusterProcesses(self.folder).end_earlier()
        self._child = None

    def _start(self, report: Report) -> None:
        self._stop(_RESTART_SECONDS)
        programs = programs_folder(self.version)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            cluster = ClusterProcesses(self.folder)
            cluster.end_earlier()
            who = account.choose(self._data, programs)
            who.own(self.folder)
            self._ensure_data(programs, who, report)
        except OSError as error:
            raise explain_os_error(error, self.folder) from error
        ports.require_free(self.port, "PostgreSQL")
        settings = _SETTINGS | {"port": self.port, "cluster_name": cluster.name}
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._child = processes.spawn(
            who.command([programs / "postgres", "-D", self._data, *options]),
            log_path=self.log_path,
            folder=self.folder,
            environment=environment(),
        )

    def _ensure_data(self, programs: Path, who: account.Account, report: Report) -> None:
        made_by = self._data / "PG_VERSION"
        if made_by.exists():
            if made_by.read_text(encoding="ascii").strip() != str(self.version):
                raise StackError(
                    f"{self._data} was not made by PostgreSQL {self.version}: choose another "
                    "--dir, or `engage down --wipe` this one"
                )
            return
        report("PostgreSQL's data folder", 0.0)
        self._make_data(programs, who)
        report("PostgreSQL's data folder", 1.0)

    def _make_data(self, programs: Path, who: account.Account) -> None:
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        password = secrets.token_urlsafe(24)
        write_whole(self._password_path, password.encode())
        password_copy = self.folder / "initdb.password"
        write_whole(password_copy, password.encode())
        who.own(password_copy)
        options = ["--encoding=UTF8", "--auth=scram-sha-256", f"--pwfile={password_copy}"]
        command: list[str | Path] = [
            programs / "initdb",
            "-D",
            unfinished,
            "-U",
            SUPERUSER,
            *options,
        ]
        try:
            answer = subprocess.run(
                who.command([*command, *self._locale()]),
                cwd=self.folder,
                env=environment(),
                capture_output=True,
                text=True,
                timeout=_INITDB_SECONDS,
                check=False,
            )
        finally:
            password_copy.unlink(missing_ok=True)
        if answer.returncode:
            raise explain_ending("PostgreSQL's initdb", answer.returncode, answer.stderr)
        # Only complete data are ever seen under their name.
        unfinished.rename(self._data)

    def _locale(self) -> list[str]:
        # Text sorts by code point in both; only 18 knows letter case beyond ASCII without the
        # system's locales, which may be absent.
        if self.version == 16:
            return ["--locale=C"]
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
