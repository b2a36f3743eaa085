"""The files of a stack: its options, state.json, stack.json and the layout of its folder."""

import os
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from engage.embedded.machine import StackError, explain_os_error
from engage.embedded.processes import ProcessId
from runtime.files import replace_file
from schema import topics
from schema.errors import SetupError, Unavailable

_NUMBERED: Final = ("ingest", "consumer")


class MemberState(msgspec.Struct):
    """A member of the stack and its process.

    Attributes:
        role: its kind, a key of stack.json's processes.
        slot: number among its kind, from 0.
        process: its process; None while none runs.
        began_seconds: start time of the process in seconds since 1970.
        restarts: number of restarts by the supervisor.
        metrics_port: where /readyz and /metrics are on loopback; 0: Kafka and PostgreSQL have none.
        is_looping: it is in a crash loop.
    """

    role: str
    slot: int
    process: ProcessId | None = None
    began_seconds: float = 0.0
    restarts: int = 0
    metrics_port: int = 0
    is_looping: bool = False

    @property
    def name(self) -> str:
        return f"{self.role}-{self.slot}" if self.role in _NUMBERED else self.role


class State(msgspec.Struct):
    supervisor: ProcessId
    members: list[MemberState]

    def write(self, path: Path) -> None:
        replace_file(path, msgspec.json.encode(self))

    @classmethod
    def read(cls, path: Path) -> "State | None":
        """Return the file's content, or None when it is missing or damaged."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.MsgspecError):
            return None

    @property
    def is_running(self) -> bool:
        return self.supervisor.is_running()

    def leftovers(self) -> list[ProcessId]:
        """Return the recorded processes that still run, without the supervisor."""
        return [m.process for m in self.members if m.process and m.process.is_running()]


ROLES: Final = (
    "kafka", "kafka-gateway", "postgres", "ingest", "consumer", "refresher", "api", "catalogue",
)  # fmt: skip
"""The kinds of processes, in the order they are listed in."""


class StackKind(StrEnum):
    EMBEDDED = "embedded"
    EXTERNAL = "external"


@dataclass(frozen=True)
class StackSpec:
    """The options of `engage up`. A port of None is the usual one if free, 0 any free one."""

    folder: Path
    kind: StackKind = StackKind.EMBEDDED
    ingest_port: int | None = None
    api_port: int | None = None
    ingest_workers: int = 1
    consumers: int = 2


class Layout:
    """The paths in the folder of a stack.

    Attributes:
        stack_file: URLs, keys and pids for other programs; it exists only while the stack is ready.
        state_file: processes and their restarts, for `status` and `down`.
        ports_file: the ports of the last run, which the next one prefers.
        secrets_file: the generated database passwords and plain keys.
        password_file: the owner's database password for libpq, written by `engage env`.
        keys_file: the hashed API keys that the services read.
        key_uses: when each key was last used, one file per process.
        lock_file: the lock that the supervisor holds while it runs.
        logs: one log per process.
        imports: restart points of imports.
        loads: journals of `engage load`.
        history: files of sealed days.
        everything: all paths that a stack may create.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack_file = folder / "stack.json"
        self.state_file = folder / "state.json"
        self.ports_file = folder / "ports.json"
        self.secrets_file = folder / "secrets.json"
        self.password_file = folder / "pgpass"
        self.keys_file = folder / "api_keys.json"
        self.key_uses = folder / "key_uses"
        self.lock_file = folder / "lock"
        self.logs = folder / "logs"
        self.imports = folder / "imports"
        self.loads = folder / "loads"
        self.postgres = folder / "postgres"
        self.history = folder / "history"
        self.everything = (
            *(self.stack_file, self.state_file, self.ports_file, self.secrets_file),
            *(self.password_file, self.keys_file, folder / "api_keys.json.lock", self.key_uses),
            *(self.lock_file, folder / "postgres.password", self.logs, self.imports, self.loads),
            *(folder / "kafka", self.postgres, self.history),
        )

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def prepare_folder(self) -> None:
        """Create the folder if it is missing, and check that it is the caller's.

        Raises:
            StackError: it cannot be created, or root would work in a folder of other users, who
                could lead it to any file, or name any process to be ended.
        """
        try:
            self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            for private in (self.logs, self.history):
                private.mkdir(mode=0o700, exist_ok=True)
                private.chmod(0o700)
        except OSError as error:
            raise explain_os_error(error, self.folder) from error
        self.require_own_folder()

    def require_own_folder(self) -> None:
        """Raise StackError where root would work in a folder that other users may change."""
        if os.geteuid() != 0 or not self.folder.is_dir():
            return
        found = self.folder.stat()
        if found.st_uid != 0:
            raise StackError(
                f"{self.folder} belongs to the user with the id {found.st_uid}, and root must not"
                f" trust what is in it: run this as that user, `chown root {self.folder}`, or"
                " choose another --dir"
            )
        if found.st_mode & stat.S_IWOTH:
            raise StackError(
                f"every user may write into {self.folder}, and root must not trust what is in it:"
                f" `chmod o-w {self.folder}`, or choose another --dir"
            )


class StackFile(msgspec.Struct, frozen=True):
    """The content of stack.json. Its pids are always those of running processes.

    ``kafka_bootstrap_servers`` needs no password where this system shows the owners of
    connections: it admits the stack's owner and root. ``kafka_sasl_*`` name the same broker for
    clients that log in; they are null when the broker is not the stack's own.
    """

    ingest_url: str
    api_url: str
    kafka_bootstrap_servers: str
    database_url: str
    ingest_key: str
    read_key: str
    processes: dict[str, list[int]]
    metrics: dict[str, list[str]]
    catalogue_url: str
    admin_key: str
    topic: str = topics.EVENTS_TOPIC
    kafka_sasl_bootstrap_servers: str | None = None
    kafka_sasl_mechanism: str | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: str | None = None

    def write(self, path: Path) -> None:
        replace_file(path, msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")

    @classmethod
    def read(cls, path: Path) -> "StackFile":
        """Read the file.

        Raises:
            Unavailable: it is missing, as nothing runs.
            SetupError: it is damaged.
        """
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except FileNotFoundError:
            raise Unavailable(
                f"no stack runs in {path.parent}: start one with `engage up --dir {path.parent}`"
            ) from None
        except (OSError, msgspec.MsgspecError) as error:
            raise SetupError(f"{path} cannot be read: {error}") from error
