"""Logs and journals: private, and rotated while their processes run."""

import logging
import signal
import stat
import sys
from pathlib import Path

from engage.embedded import programs
from engage.embedded.programs import rotate_logs
from engage.stack.launch import open_log
from loadgen.journal import Journal
from tests.e2e.stacks import eventually

LIMIT = 10_000
WRITER = """
import os, sys
while True:
    os.write(1, b'x' * 999 + b'\\n')
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_log_keeps_its_size_while_its_process_writes(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "child.log"
    child = programs.spawn(
        [sys.executable, "-c", WRITER], log_path=log, folder=tmp_path, environment={}
    )

    try:
        eventually(lambda: log.stat().st_size > LIMIT, "the log grows")
        child.send_signal(signal.SIGSTOP)
        rotate_logs(log.parent, LIMIT)
        assert log.stat().st_size == 0
        assert log.with_name("child.log.1").stat().st_size > LIMIT
        child.send_signal(signal.SIGCONT)
        eventually(lambda: log.stat().st_size > 0, "the log grows again")
        assert log.read_bytes()[:1] == b"x", "it continues at the start of the emptied file"
    finally:
        programs.stop_child(child, grace_seconds=5)
    assert {path.name for path in log.parent.iterdir()} == {"child.log", "child.log.1"}


def test_small_logs_are_not_rotated(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"x" * LIMIT)
    rotate_logs(tmp_path, LIMIT)
    assert [path.name for path in tmp_path.iterdir()] == ["a.log"]


def test_logs_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    child = programs.spawn(
        [sys.executable, "-c", "print(1)"],
        log_path=folder / "child.log",
        folder=tmp_path,
        environment={},
    )
    child.wait(30)
    (folder / "old.log").write_bytes(b"x" * 100)
    (folder / "old.log").chmod(0o644)
    rotate_logs(folder, 10)

    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir() if path.name != "old.log"} == {
        "child.log": 0o600,
        "old.log.1": 0o600,
    }


def test_supervisor_log_is_private_and_can_be_rotated(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "supervisor.log"
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        open_log(log, is_verbose=False)
        logging.getLogger("engage.supervisor").warning("a" * 300)
        rotate_logs(log.parent, 100)
        assert log.stat().st_size == 0
        logging.getLogger("engage.supervisor").warning("b")
        assert log.read_bytes().startswith(b"{")
    finally:
        for handler in root.handlers:
            if isinstance(handler, logging.StreamHandler) and handler not in handlers:
                handler.stream.close()
        root.handlers[:] = handlers
        root.setLevel(level)
    assert (mode(log.parent), mode(log), mode(log.with_name("supervisor.log.1"))) == (
        0o700,
        0o600,
        0o600,
    )


def test_journal_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    with Journal(tmp_path / "loads" / "a.jsonl"):
        pass
    assert mode(tmp_path / "loads") == 0o700
    assert mode(tmp_path / "loads" / "a.jsonl") == 0o600
