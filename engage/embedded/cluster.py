"""Finding what still runs of a PostgreSQL server whose supervisor or postmaster was killed.

Every process of a server shows ``cluster_name`` in its title, which any user can read. The name
is made from the server's folder, so a process that shows it belongs there. (A backend gives
itself a session of its own, so the postmaster's process group does not lead to it.)
"""

import hashlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engage.embedded import processes
from engage.embedded.processes import ProcessId

_PROC: Final = Path("/proc")
_GRACE_SECONDS: Final = 20.0
_ORPHAN_GRACE_SECONDS: Final = 3.0


class ClusterProcesses:
    """The processes of the server that lives in *folder*."""

    def __init__(self, folder: Path) -> None:
        self._pid_path = folder / "data" / "postmaster.pid"
        self.name = f"engage-{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]}"

    def end_earlier(self) -> None:
        """End what runs, so that a new postmaster can start. Blocks.

        A postmaster shuts down in order; backends whose postmaster is gone are told to end,
        then killed: PostgreSQL does not start while one still holds the shared memory.
        """
        postmasters = list(self._running(is_postmaster=True))
        processes.end(postmasters, first=signal.SIGINT, grace_seconds=_GRACE_SECONDS)
        processes.end(self._running(is_postmaster=False), grace_seconds=_ORPHAN_GRACE_SECONDS)
        self._remove_misleading_pid_file()

    def _running(self, *, is_postmaster: bool) -> Iterator[ProcessId]:
        backend_title = f"postgres: {self.name}: "
        for pid, title in _titles():
            ours = (
                f"cluster_name={self.name}" in title and "/postgres" in title
                if is_postmaster
                else title.startswith(backend_title)
            )
            if ours and (process := processes.identify(pid)):
                yield process

    def _remove_misleading_pid_file(self) -> None:
        """Remove a pid file that names a stranger, for which PostgreSQL would refuse to start.

        One that names no process is left alone: PostgreSQL checks its shared memory as well.
        """
        try:
            pid = int(self._pid_path.read_text(encoding="utf-8").split("\n", 1)[0])
        except (OSError, ValueError):
            return
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        except PermissionError:
            pass
        # A stranger's, or a zombie nobody has waited for.
        self._pid_path.unlink()


def _titles() -> Iterator[tuple[int, str]]:
    """Yield the pid and the command line of every process, its arguments joined by spaces."""
    if not _PROC.is_dir():
        answer = subprocess.run(
            ["/bin/ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=False
        )
        for line in answer.stdout.splitlines():
            pid, _, title = line.strip().partition(" ")
            yield int(pid), title
        return
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                raw = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            yield int(entry.name), raw.replace(b"\0", b" ").decode(errors="replace")
