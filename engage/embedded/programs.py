"""Programs of a stack: started in a session of their own, with a bounded log, and stopped."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from engage.embedded.machine import PLATFORM_FIX, StackError, explain_os_error
from runtime.files import open_append

LOG_LIMIT_BYTES: Final = 10 * 1024 * 1024
_TAIL_LINES: Final = 12
_TAIL_BYTES: Final = 8192
_POLL_SECONDS: Final = 0.05
_CLUES: Final = {
    "Address already in use": "its port is taken: choose another, or port 0",
    "No space left on device": "the disk is full: free some, or choose another --dir",
}


class Program(ABC):
    """A program that can be started repeatedly."""

    log_path: Path
    _child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self._child.poll() is None else None

    @property
    def is_leaving(self) -> bool:
        """Whether another program stopped it, and it waits for its clients without a timeout."""
        return False

    @abstractmethod
    async def start(self) -> None:
        """Start a process without waiting until it is ready.

        Raises:
            StackError: something is missing; the message names the fix.
        """

    async def stop(self, timeout_seconds: float = 20) -> None:
        """Send SIGTERM, and SIGKILL after the timeout."""
        if self._child is not None:
            await asyncio.to_thread(stop_child, self._child, grace_seconds=timeout_seconds)

    async def _wait_until(
        self, responds: Callable[[], Awaitable[bool]], name: str, timeout_seconds: float
    ) -> None:
        """Return once *responds* returns true. Raises as ``wait_until_ready`` does."""
        if self._child is None:
            raise RuntimeError("start() comes first")
        await wait_until_ready(
            self._child,
            responds,
            name=name,
            log_path=self.log_path,
            timeout_seconds=timeout_seconds,
        )


def spawn(
    command: Sequence[str | Path],
    *,
    log_path: Path,
    folder: Path,
    environment: Mapping[str, str],
    inherited_descriptors: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start *command* in *folder*, in a new session, its output appended to *log_path*.

    The new session keeps a Ctrl-C on the terminal from reaching it: the supervisor decides in
    which order processes stop.

    Raises:
        StackError: the system refuses; the message names the fix.
    """
    try:
        with open_limited_log(log_path) as log:
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


async def wait_until_ready(
    child: subprocess.Popen[bytes],
    responds: Callable[[], Awaitable[bool]],
    *,
    name: str,
    log_path: Path,
    timeout_seconds: float,
) -> None:
    """Return once *responds* returns true.

    Raises:
        StackError: the child ended, or did not respond in time; the message has the end of its log.
    """
    give_up = time.monotonic() + timeout_seconds
    while True:
        if child.poll() is not None:
            raise explain_ending(name, child.returncode, log_tail(log_path), log_path)
        if await responds():
            return
        if time.monotonic() > give_up:
            raise StackError(
                f"{name} did not respond within {timeout_seconds:.0f} s: see {log_path}\n"
                f"{log_tail(log_path)}"
            )
        await asyncio.sleep(_POLL_SECONDS)


def stop_child(
    child: subprocess.Popen[bytes],
    *,
    grace_seconds: float,
    first: signal.Signals = signal.SIGTERM,
) -> None:
    """Signal a child made by ``spawn`` to stop; after *grace_seconds* kill it and its children.

    Blocks until it has ended, and reaps it.
    """
    if child.poll() is not None:
        return
    child.send_signal(first)
    child.send_signal(signal.SIGCONT)  # a stopped process handles no signal
    try:
        child.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        # It leads its session and is not reaped, so its group has no other program's processes.
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def version_of(command: Sequence[str | Path], environment: Mapping[str, str]) -> str:
    """Return the first line that a program prints about its version. Raises StackError."""
    try:
        answer = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise StackError(f"{command[0]} does not run on this machine: {PLATFORM_FIX}") from error
    return answer.stdout.partition("\n")[0]


def explain_ending(
    program: str, code: int, output: str, log_path: Path | None = None
) -> StackError:
    """Turn the end of a program's output, before it ended with *code*, into an error."""
    place = f" (see {log_path})" if log_path else ""
    for clue, fix in _CLUES.items():
        if clue in output:
            return StackError(f"{program} ended: {fix}{place}")
    return StackError(f"{program} ended with code {code}{place}\n{output.strip()}")


def open_limited_log(path: Path) -> BinaryIO:
    """Open a log to append to; one over its limit is first renamed to ``.1``. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return open_append(path)


def log_tail(path: Path) -> str:
    """Return the last lines of a log; empty when it cannot be read."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-_TAIL_LINES:])


def rotate_logs(folder: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> None:
    """Move the content of each log over the limit to a file ``.1``, replacing an older one.

    Processes keep the file open for appending, so it is copied and then truncated. Lines
    written between the two are lost.
    """
    for path in folder.glob("*.log"):
        if path.stat().st_size > limit_bytes:
            with path.open("rb") as log, open_append(path.with_name(f"{path.name}.1")) as older:
                older.truncate(0)
                shutil.copyfileobj(log, older)
                os.truncate(path, 0)
