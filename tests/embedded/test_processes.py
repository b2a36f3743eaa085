import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engage.embedded import processes, programs
from engage.embedded.processes import ProcessId
from tests.e2e.stacks import eventually

IGNORES_SIGTERM = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
)


@pytest.fixture
def other_process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def identity(process: subprocess.Popen[bytes]) -> ProcessId:
    found = processes.identify(process.pid)
    assert found is not None
    return found


def spawn(tmp_path: Path, code: str) -> subprocess.Popen[bytes]:
    return programs.spawn(
        [sys.executable, "-c", code],
        log_path=tmp_path / "logs" / "child.log",
        folder=tmp_path,
        environment=os.environ,
    )


def read_words(log_path: Path, count: int) -> list[str]:
    """Wait until a child has printed this number of words, and return them."""
    eventually(lambda: len(log_path.read_text().split()) >= count, f"it prints {count} words")
    return log_path.read_text().split()


def test_reused_pid_is_never_signalled(other_process: subprocess.Popen[bytes]) -> None:
    recorded = replace(identity(other_process), started="earlier")

    processes.end([recorded], grace_seconds=0)
    recorded.send(signal.SIGKILL)

    assert other_process.poll() is None


def test_zombie_does_not_run(other_process: subprocess.Popen[bytes]) -> None:
    process = identity(other_process)
    other_process.kill()

    assert processes.wait_ended([process], timeout_seconds=10) == []


def test_end_kills_a_process_that_ignores_sigterm(tmp_path: Path) -> None:
    child = spawn(tmp_path, f"{IGNORES_SIGTERM}; import time; time.sleep(60)")
    read_words(tmp_path / "logs" / "child.log", 1)
    process = identity(child)

    processes.end([process], grace_seconds=0.1)

    assert not process.is_running()
    assert child.wait() == -signal.SIGKILL


def test_stop_child_also_ends_its_children(tmp_path: Path) -> None:
    fork = "import os, time; os.fork() or print(os.getpid(), flush=True); time.sleep(60)"
    child = spawn(tmp_path, f"{IGNORES_SIGTERM}; {fork}")
    [_, pid] = read_words(tmp_path / "logs" / "child.log", 2)
    grandchild = processes.identify(int(pid))

    programs.stop_child(child, grace_seconds=0.1)

    assert grandchild is not None
    assert processes.wait_ended([grandchild], timeout_seconds=5) == []


def test_end_wakes_a_stopped_process(tmp_path: Path) -> None:
    for end in (
        lambda child: programs.stop_child(child, grace_seconds=30),
        lambda child: processes.end([identity(child)], grace_seconds=30),
    ):
        child = spawn(tmp_path, "import time; time.sleep(60)")
        os.kill(child.pid, signal.SIGSTOP)
        began = time.monotonic()
        end(child)

        assert time.monotonic() - began < 10
        assert child.wait() == -signal.SIGTERM


def test_child_does_not_get_ctrl_c_of_the_terminal(tmp_path: Path) -> None:
    child = spawn(tmp_path, "import time; time.sleep(60)")

    assert os.getsid(child.pid) == child.pid
    programs.stop_child(child, grace_seconds=5)
    assert child.returncode == -signal.SIGTERM


def test_long_log_is_rotated(tmp_path: Path) -> None:
    log_path = tmp_path / "logs" / "child.log"
    log_path.parent.mkdir()
    with log_path.open("wb") as log:
        log.truncate(programs.LOG_LIMIT_BYTES + 1)

    spawn(tmp_path, "pass").wait()

    assert log_path.stat().st_size == 0
    assert log_path.with_name("child.log.1").exists()
