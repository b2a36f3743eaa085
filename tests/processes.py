"""Services that a test runs as processes, and what it can learn of a process."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.stacks import eventually


@dataclass
class Process:
    child: subprocess.Popen[bytes]
    log_path: Path

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def until_log_has(self, *words: str, within_seconds: float = 60) -> None:
        eventually(
            lambda: all(word in self.log for word in words), f"the log has {words}", within_seconds
        )


@contextmanager
def process(
    module: str, folder: Path, settings: Mapping[str, str], name: str = ""
) -> Iterator[Process]:
    """Run a service as `python -m` with these settings only. It ends with the block."""
    log_path = folder / f"{name or module}.log"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ENGAGE_")}
    with log_path.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", module],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=environment | {f"ENGAGE_{key}": value for key, value in settings.items()},
            start_new_session=True,
        )
    try:
        yield Process(child, log_path)
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGCONT)
            child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def children_of(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def freeze(pid: int | None) -> None:
    """Stop a process and its children."""
    assert pid is not None, "the process does not run"
    _signal_all(pid, signal.SIGSTOP)


def wake(pid: int) -> None:
    """Continue a process and its children."""
    _signal_all(pid, signal.SIGCONT)


def _signal_all(pid: int, number: signal.Signals) -> None:
    for each in [pid, *children_of(pid)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, number)


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def text_of(url: str) -> str:
    """Return the response of a URL, or nothing without one."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return str(response.read().decode())
    except (OSError, http.client.HTTPException):
        return ""
