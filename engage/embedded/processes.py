"""Processes of a stack, identified and ended also by a command that did not start them.

A pid alone does not identify a process, since the system reuses it. A process is therefore known
by its pid and its start time, and only that process is ever signalled, also by a later command
that reads both from a file.
"""

import contextlib
import hashlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from runtime.files import read_regular

_PROC: Final = Path("/proc")
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_POLL_SECONDS: Final = 0.02
_SERVER_GRACE_SECONDS: Final = 20.0
_ORPHAN_GRACE_SECONDS: Final = 3.0
_DEAD_STATES: Final = ("Z", "X")


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process of this machine, distinct from a later one with the same pid.

    Attributes:
        pid: the process ID.
        started: its start time in a format of this system, only compared for equality.
    """

    pid: int
    started: str

    def is_running(self) -> bool:
        """Return whether the process runs. A zombie does not."""
        return identify(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Signal the process; do nothing when it has ended."""
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
    try:
        process = psutil.Process(pid)
        is_dead = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return None if is_dead else str(process.create_time())
    except psutil.Error:
        return None


def end(
    processes: Iterable[ProcessId],
    *,
    grace_seconds: float,
    first: signal.Signals = signal.SIGTERM,
) -> None:
    """Signal *processes* to stop, and kill those that still run after *grace_seconds*.

    Blocks until none of them runs. A child of the caller stays a zombie until it is waited for.
    """
    remaining = [process for process in processes if process.is_running()]
    for process in remaining:
        process.send(first)
        process.send(signal.SIGCONT)  # a stopped process handles no signal
    for process in wait_ended(remaining, timeout_seconds=grace_seconds):
        process.send(signal.SIGKILL)
    wait_ended(remaining, timeout_seconds=grace_seconds + 10)


def wait_ended(processes: Iterable[ProcessId], *, timeout_seconds: float) -> list[ProcessId]:
    """Block until none of *processes* runs; return those that do after *timeout_seconds*."""
    deadline = time.monotonic() + timeout_seconds
    remaining = [process for process in processes if process.is_running()]
    while remaining and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        remaining = [process for process in remaining if process.is_running()]
    return remaining


class ClusterProcesses:
    """The processes of the PostgreSQL server in *folder*, also those that outlived a supervisor.

    Each shows ``cluster_name`` in its title, which any user can read. The name is derived from the
    folder. (A backend has its own session, so the postmaster's process group does not lead to it.)
    """

    def __init__(self, folder: Path) -> None:
        self._pid_path = folder / "data" / "postmaster.pid"
        self.name = f"engage-{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]}"

    def end_all(self) -> None:
        """End all of them, so that a new postmaster can start. Blocks.

        A postmaster shuts down in order. Backends without a postmaster get SIGTERM, then SIGKILL:
        PostgreSQL does not start while one of them holds the shared memory.
        """
        postmasters = list(self._running(is_postmaster=True))
        end(postmasters, first=signal.SIGINT, grace_seconds=_SERVER_GRACE_SECONDS)
        end(self._running(is_postmaster=False), grace_seconds=_ORPHAN_GRACE_SECONDS)
        self._remove_misleading_pid_file()

    def _running(self, *, is_postmaster: bool) -> Iterator[ProcessId]:
        backend_title = f"postgres: {self.name}: "
        for found in psutil.process_iter(["cmdline"]):
            title = " ".join(found.info["cmdline"] or ())
            ours = (
                f"cluster_name={self.name}" in title and "/postgres" in title
                if is_postmaster
                else title.startswith(backend_title)
            )
            if ours and (process := identify(found.pid)):
                yield process

    def _remove_misleading_pid_file(self) -> None:
        """Remove a pid file with the pid of another program, which keeps PostgreSQL from starting.

        One that names no process is left alone: PostgreSQL checks its shared memory as well.
        """
        try:
            pid = int(read_regular(self._pid_path).split(b"\n", 1)[0])
        except (OSError, ValueError):
            return
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        except PermissionError:
            pass
        # Of another program, or a zombie that was not waited for. It is removed below an open
        # folder: the account could replace the folder by a link.
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        folder = os.open(self._pid_path.parent, flags)
        try:
            os.unlink(self._pid_path.name, dir_fd=folder)
        finally:
            os.close(folder)
