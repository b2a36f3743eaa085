"""Starting processes that outlive a Ctrl-C, and ending exactly those later.

A pid alone is not a process: the system gives it to another one after the first has ended. So
a process is known by its pid together with the moment it started, and only that one is ever
signalled, also by a later command that reads both from a file.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from engage.embedded.errors import explain_os_error
from engage.embedded.files import write_whole

LOG_LIMIT_BYTES: Final = 10 * 1024 * 1024
_PROC: Final = Path("/proc")
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_LOOK_SECONDS: Final = 0.02
_DEAD_STATES: Final = ("Z", "X")


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process of this machine, never mistaken for a later one with the same pid.

    Attributes:
        pid: what the system calls it.
        started: when it started, in the words of this system; only compared for equality.
    """

    pid: int
    started: str

    def is_running(self) -> bool:
        """Return whether this very process runs (a zombie does not)."""
        return identify(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Signal this very process; nothing happens when it has ended."""
        if self.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def identify(pid: int) -> ProcessId | None:
    """Return the running process *pid*, or None if there is none."""
    started = _started_linux(pid) if _BOOT.exists() else _started_elsewhere(pid)
    return None if started is None else ProcessId(pid, started)


def _started_linux(pid: int) -> str | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets, and may contain anything.
    fields = stat[stat.rindex(")") + 2 :].split()
    if fields[0] in _DEAD_STATES:
        return None
    return f"{_BOOT.read_text().strip()}/{fields[19]}"


def _started_elsewhere(pid: int) -> str | None:
    command = ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    state, _, started = answer.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith(_DEAD_STATES) else None


def spawn(
    command: Sequence[str | Path],
    *,
    log_path: Path,
    folder: Path,
    environment: Mapping[str, str],
    inherited_descriptors: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start *command* in *folder*, in a session of its own, its output appended to *log_path*.

    A session of its own keeps a Ctrl-C on the terminal from reaching it: its supervisor decides
    the order in which things stop.

    Raises:
        StackError: the system refuses; the message names the fix.
    """
    try:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        if log_path.exists() and log_path.stat().st_size > LOG_LIMIT_BYTES:
            log_path.replace(log_path.with_name(f"{log_path.name}.1"))
        with log_path.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=tuple(inherited_descriptors),
            )
    except OSError as error:
        raise explain_os_error(error, Path(error.filename or folder)) from error


def identified(child: subprocess.Popen[bytes]) -> list[ProcessId]:
    """Return a child for a roster; nothing when it has ended already."""
    process = identify(child.pid)
    return [] if process is None else [process]


def end(
    processes: Iterable[ProcessId],
    *,
    grace_seconds: float,
    first: signal.Signals = signal.SIGTERM,
) -> None:
    """Ask *processes* to stop, and kill those that still run after *grace_seconds*.

    Blocks until none of them runs. A child of the caller stays a zombie until it is waited for.
    """
    remaining = [process for process in processes if process.is_running()]
    for process in remaining:
        process.send(first)
        process.send(signal.SIGCONT)  # one that was frozen hears nothing
    for process in wait_ended(remaining, timeout_seconds=grace_seconds):
        process.send(signal.SIGKILL)
    wait_ended(remaining, timeout_seconds=grace_seconds + 10)


def stop_child(
    child: subprocess.Popen[bytes],
    *,
    grace_seconds: float,
    first: signal.Signals = signal.SIGTERM,
) -> None:
    """Ask a child made by ``spawn`` to stop; past *grace_seconds* kill it and what it forked.

    Blocks until it has ended, and reaps it.
    """
    if child.poll() is not None:
        return
    child.send_signal(first)
    child.send_signal(signal.SIGCONT)
    try:
        child.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        # It leads its own session, and is not reaped: the group cannot be a stranger's.
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def wait_ended(processes: Iterable[ProcessId], *, timeout_seconds: float) -> list[ProcessId]:
    """Block until none of *processes* runs; return those that do after *timeout_seconds*."""
    deadline = time.monotonic() + timeout_seconds
    remaining = [process for process in processes if process.is_running()]
    while remaining and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        remaining = [process for process in remaining if process.is_running()]
    return remaining


class Roster:
    """The file that says which processes belong to a stack, for whoever has to end them later.

    It maps a name, such as ``kafka``, to its processes, and is replaced as a whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, processes: Mapping[str, Sequence[ProcessId]]) -> None:
        """Replace what the file says."""
        write_whole(self._path, msgspec.json.encode(processes))

    def read(self) -> dict[str, list[ProcessId]]:
        """Return the processes that still run; a missing or damaged file names none."""
        try:
            known = msgspec.json.decode(self._path.read_bytes(), type=dict[str, list[ProcessId]])
        except (OSError, msgspec.MsgspecError):
            return {}
        return {name: [one for one in some if one.is_running()] for name, some in known.items()}

    def clear(self) -> None:
        """Forget everything."""
        self._path.unlink(missing_ok=True)
