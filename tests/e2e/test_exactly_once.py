"""Each event is stored exactly once when consumers are killed repeatedly."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import POSTS
from tests.e2e.stacks import ENGAGE, Stack, eventually, started

EVENTS = int(os.environ.get("ENGAGE_TEST_KILL_EVENTS", "20000"))
RATE = 2500
KILL_EVERY_SECONDS = 0.7
LEAST_KILLS = 5


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack that only this module sends to."""
    with started(tmp_path, "--consumers", "2") as stack:
        answer = stack.engage("seed", "--posts", str(POSTS), "--users", "50")
        assert answer.returncode == 0, answer.stderr
        yield stack


def test_each_event_is_stored_once_when_consumers_are_killed_repeatedly(own_stack: Stack) -> None:
    stack = own_stack
    sizes = ("--events", str(EVENTS), "--rate", str(RATE), "--duplicates", "0.05")
    command = [
        *ENGAGE,
        "load",
        "--no-watch",
        *sizes,
        "--history-days",
        "5",
        "--dir",
        str(stack.folder),
    ]
    of_others = set(stack.folder.glob("loads/*.jsonl"))
    sending = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    kills = 0
    while sending.poll() is None:
        for pid in stack.file["processes"]["consumer"]:
            os.kill(pid, signal.SIGKILL)
            kills += 1
        time.sleep(KILL_EVERY_SECONDS)
    sending.communicate()

    assert sending.returncode == 0
    assert kills >= LEAST_KILLS
    eventually(lambda: stack.engage("status").returncode == 0, "the consumers are back")
    [journal] = set(stack.folder.glob("loads/*.jsonl")) - of_others
    compared = stack.engage(
        "load", "verify", "--journal", journal, "--posts", "0", timeout_seconds=300
    )
    assert compared.returncode == 0, compared.stdout
    rollups = stack.engage("db", "verify")
    assert rollups.returncode == 0, rollups.stdout
    ledger = stack.engage("ledger")
    assert (ledger.returncode, ledger.stdout.splitlines()[-1]) == (0, "balanced")
