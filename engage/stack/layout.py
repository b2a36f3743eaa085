"""What a stack is: the options it was started with, the files of its folder, its stack.json."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from engage.embedded.files import write_whole
from schema import topics
from schema.errors import SetupError, Unavailable

ROLES: Final = (
    "kafka", "postgres", "ingest", "consumer", "refresher", "api", "catalogue",
)  # fmt: skip
"""The kinds of processes, in the order they are listed in."""


class StackKind(StrEnum):
    """Where Kafka and PostgreSQL come from."""

    EMBEDDED = "embedded"
    EXTERNAL = "external"


@dataclass(frozen=True)
class StackSpec:
    """What `engage up` was asked for. A port is None for "the usual one if free", 0 for any."""

    folder: Path
    kind: StackKind = StackKind.EMBEDDED
    ingest_port: int | None = None
    api_port: int | None = None
    ingest_workers: int = 1
    consumers: int = 2


@dataclass(frozen=True)
class Layout:
    """The files of a stack's folder."""

    folder: Path

    @property
    def stack_file(self) -> Path:
        """What the outside reads: URLs, keys, pids. There only while the stack is ready."""
        return self.folder / "stack.json"

    @property
    def state_file(self) -> Path:
        """What `status` and `down` read: each process, its restarts, its supervisor."""
        return self.folder / "state.json"

    @property
    def ports_file(self) -> Path:
        """The ports of the last run, taken again by the next one."""
        return self.folder / "ports.json"

    @property
    def secrets_file(self) -> Path:
        """The database passwords and the plain keys that were generated for this stack."""
        return self.folder / "secrets.json"

    @property
    def password_file(self) -> Path:
        """The owner's database password, as libpq reads it; there once a shell asked for it."""
        return self.folder / "pgpass"

    @property
    def keys_file(self) -> Path:
        """The hashed API keys that the services read."""
        return self.folder / "api_keys.json"

    @property
    def lock_file(self) -> Path:
        """Held by the supervisor as long as it lives."""
        return self.folder / "lock"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.folder / "logs"

    def log(self, name: str) -> Path:
        """Return the log of a process."""
        return self.logs / f"{name}.log"

    @property
    def imports(self) -> Path:
        """How far imports of files went."""
        return self.folder / "imports"

    @property
    def loads(self) -> Path:
        """The journals of `engage load`."""
        return self.folder / "loads"

    @property
    def kafka(self) -> Path:
        """Kafka's data."""
        return self.folder / "kafka"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data."""
        return self.folder / "postgres"

    @property
    def everything(self) -> tuple[Path, ...]:
        """All that a stack ever puts into its folder."""
        from schema.http.last_use import folder_of

        files = (self.stack_file, self.state_file, self.ports_file, self.secrets_file)
        uses = folder_of(self.keys_file)
        passwords = (self.password_file, self.folder / "postgres.password")
        others = (self.keys_file, uses, self.lock_file, *passwords)
        return (*files, *others, self.logs, self.loads, self.imports, self.kafka, self.postgres)


class StackFile(msgspec.Struct, frozen=True):
    """The content of stack.json. Its pids are always those of living processes."""

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

    def write(self, path: Path) -> None:
        """Replace the file atomically, readable by its owner only."""
        write_whole(path, msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")

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
