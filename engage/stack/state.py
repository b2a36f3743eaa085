"""What a stack's processes are and how they fare, kept in a file for `status` and `down`."""

from pathlib import Path
from typing import Final

import msgspec

from engage.embedded.files import write_whole
from engage.embedded.processes import ProcessId

_NUMBERED: Final = ("ingest", "consumer")


class MemberState(msgspec.Struct):
    """One place of the stack and the process that fills it.

    Attributes:
        role: its kind, a key of stack.json's processes.
        slot: which of its kind, from 0.
        process: what runs in it; None while there is nothing.
        began_seconds: when that process was started, seconds since 1970.
        restarts: how often the supervisor had to start it again.
        side_port: where /readyz and /metrics are on loopback; 0: Kafka and PostgreSQL have none.
        is_looping: it ends again and again as soon as it is started.
    """

    role: str
    slot: int
    process: ProcessId | None = None
    began_seconds: float = 0.0
    restarts: int = 0
    side_port: int = 0
    is_looping: bool = False

    @property
    def name(self) -> str:
        """Its name in logs and tables."""
        return f"{self.role}-{self.slot}" if self.role in _NUMBERED else self.role


class State(msgspec.Struct):
    """A stack's processes."""

    supervisor: ProcessId
    members: list[MemberState]

    def write(self, path: Path) -> None:
        """Replace the file atomically."""
        write_whole(path, msgspec.json.encode(self))

    @classmethod
    def read(cls, path: Path) -> "State | None":
        """Return the file's content, or None when it is missing or damaged."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.MsgspecError):
            return None

    @property
    def is_running(self) -> bool:
        """Whether the supervisor lives."""
        return self.supervisor.is_running()

    def leftovers(self) -> list[ProcessId]:
        """Return the recorded processes that still run, without the supervisor."""
        return [m.process for m in self.members if m.process and m.process.is_running()]
