import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engage.embedded import processes
from engage.embedded.processes import ProcessId, Roster

IGNORES_SIGTERM = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
)


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def identity(process: subprocess.Popen[bytes]) -> ProcessId:
    found = processes.identify(process.pid)
    assert found is not None
    return found


def spawn(tmp_path: Path, code: str) -> subprocess.Popen[bytes]:
    return processes.spawn(
        [sys.executable, "-c", code],
        log_path=tmp_path / "logs" / "child.log",
        folder=tmp_path,
        environment=os.environ,
    )


def wait_for_output(log_path: Path) -> None:
    deadline = time.monotonic() + 10
    while not log_path.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_reused_pid_is_never_signalled(stranger: subprocess.Popen[bytes], tmp_path: Path) -> None:
    recorded = replace(identity(stranger), started="an earlier life")
    roster = Roster(tmp_path / "processes.json")
    roster.write({"kafka": [recorded]})

    processes.end([recorded], grace_seconds=0)
    recorded.send(signal.SIGKILL)

    assert roster.read() == {"kafka": []}
    assert stranger.poll() is None


def test_a_roster_gives_back_what_runs(stranger: subprocess.Popen[bytes], tmp_path: Path) -> None:
    roster = Roster(tmp_path / "processes.json")
    roster.write({"kafka": [identity(stranger)]})

    assert roster.read() == {"kafka": [identity(stranger)]}
    roster.clear()
    assert roster.read() == {}


def test_a_damaged_roster_names_nobody(tmp_path: Path) -> None:
    path = tmp_path / "processes.json"
    path.write_text('{"kafka": [{"pid"')

    assert Roster(path).read() == {}


def test_a_zombie_does_not_run(stranger: subprocess.Popen[bytes]) -> None:
    process = identity(stranger)
    stranger.kill()

    assert processes.wait_ended([process], timeout_seconds=10) == []


def test_end_kills_what_does_not_listen(tmp_path: Path) -> None:
    child = spawn(tmp_path, f"{IGNORES_SIGTERM}; import time; time.sleep(60)")
    wait_for_output(tmp_path / "logs" / "child.log")
    process = identity(child)

    processes.end([process], grace_seconds=0.1)

    assert not process.is_running()
    assert child.wait() == -signal.SIGKILL


def test_stop_child_also_ends_what_the_child_forked(tmp_path: Path) -> None:
    fork = "import os, time; os.fork() or print(os.getpid(), flush=True); time.sleep(60)"
    child = spawn(tmp_path, f"{IGNORES_SIGTERM}; {fork}")
    log_path = tmp_path / "logs" / "child.log"
    deadline = time.monotonic() + 10
    while len(lines := log_path.read_text().split()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    grandchild = processes.identify(int(lines[-1]))

    processes.stop_child(child, grace_seconds=0.1)

    assert grandchild is not None
    assert processes.wait_ended([grandchild], timeout_seconds=5) == []


def test_what_is_frozen_ends_at_once_when_told_to(tmp_path: Path) -> None:
    for end in (
        lambda child: processes.stop_child(child, grace_seconds=30),
        lambda child: processes.end([identity(child)], grace_seconds=30),
    ):
        child = spawn(tmp_path, "import time; time.sleep(60)")
        os.kill(child.pid, signal.SIGSTOP)
        began = time.monotonic()
        end(child)

        assert time.monotonic() - began < 10
        assert child.wait() == -signal.SIGTERM


def test_a_child_is_out_of_reach_of_the_terminals_ctrl_c(tmp_path: Path) -> None:
    child = spawn(tmp_path, "import time; time.sleep(60)")

    assert os.getsid(child.pid) == child.pid
    processes.stop_child(child, grace_seconds=5)
    assert child.returncode == -signal.SIGTERM


def test_a_long_log_is_set_aside(tmp_path: Path) -> None:
    log_path = tmp_path / "logs" / "child.log"
    log_path.parent.mkdir()
    with log_path.open("wb") as log:
        log.truncate(processes.LOG_LIMIT_BYTES + 1)

    spawn(tmp_path, "pass").wait()

    assert log_path.stat().st_size == 0
    assert log_path.with_name("child.log.1").exists()
