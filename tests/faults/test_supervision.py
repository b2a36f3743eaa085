"""Processes of `engage up` are killed, stopped and frozen, one at a time and all together."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.stacks import ENGAGE, eventually, is_alive
from tests.e2e.test_supervision import ROLES
from tests.faults.comparison import compare
from tests.faults.load import Load
from tests.faults.stack import RECOVERY_SECONDS, FaultStack
from tests.processes import children_of, freeze, wake

pytestmark = pytest.mark.faults
ALL_LIVING = dict.fromkeys(ROLES, 1) | {"ingest": 2, "consumer": 2}
FROZEN_SECONDS = 15.0
"""Longer than a consumer's session timeout, and than the load waits for a response."""


@contextmanager
def under_load(stack: FaultStack) -> Iterator[Load]:
    """Send events, with retries, until the stack is ready after the block."""
    with stack.load(retries=True) as load:
        eventually(lambda: len(load.accepted_at) > 300, "events are accepted")
        yield load
        stack.until_ready()
        time.sleep(1)


def living(stack: FaultStack) -> dict[str, int]:
    """Return the number of running processes that stack.json names, by role."""
    named = stack.file["processes"]
    return {role: sum(map(is_alive, pids)) for role, pids in named.items()}


def up(stack: FaultStack) -> subprocess.Popen[str]:
    sizes = ("--ingest-workers", "2", "--consumers", "2")
    command = [*ENGAGE, "up", "--detach", "--dir", str(stack.folder), *sizes]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def supervisor_pid(stack: FaultStack) -> int:
    return int(json.loads(stack.engage("status", "--json").stdout)["supervisor_pid"])


def test_each_process_is_replaced_when_it_is_stopped(stack: FaultStack) -> None:
    with under_load(stack) as load:
        for role in ROLES:
            stack.until_replaced(role, stack.kill(role, number=signal.SIGTERM))
            stack.until_ready()

    assert living(stack) == ALL_LIVING
    assert compare(stack, load).differences == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_all_processes_are_replaced_when_they_end_together(
    stack: FaultStack, number: signal.Signals
) -> None:
    with under_load(stack) as load:
        before = {pid for role in ROLES for pid in stack.role_pids(role)}
        for pid in before:
            os.kill(pid, number)
        eventually(
            lambda: before.isdisjoint(pid for role in ROLES for pid in stack.role_pids(role)),
            "all processes are replaced",
            RECOVERY_SECONDS,
        )

    assert living(stack) == ALL_LIVING
    assert compare(stack, load).differences == []


@pytest.mark.parametrize("role", ROLES)
def test_frozen_process_continues_when_it_is_resumed(stack: FaultStack, role: str) -> None:
    with under_load(stack) as load:
        pids = stack.role_pids(role)
        frozen = pids[:1] if role == "consumer" else pids
        for pid in frozen:
            freeze(pid)
        time.sleep(FROZEN_SECONDS)
        for pid in frozen:
            wake(pid)

    assert stack.role_pids(role) == pids
    assert living(stack) == ALL_LIVING
    assert compare(stack, load).differences == []


@pytest.mark.parametrize("title", ["checkpointer", "walwriter", "engage_consumer"])
def test_postgresql_recovers_when_one_of_its_processes_is_killed(
    stack: FaultStack, title: str
) -> None:
    [postmaster] = stack.role_pids("postgres")
    with under_load(stack) as load:
        pid = next(pid for pid in children_of(postmaster) if title in command_line(pid))
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not is_alive(pid), "the process is killed")

    assert stack.role_pids("postgres") == [postmaster]
    assert living(stack) == ALL_LIVING
    assert "was terminated by signal 9" in stack.log("postgres")
    assert compare(stack, load).differences == []


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except FileNotFoundError:
        return ""


def test_one_of_two_new_supervisors_replaces_a_killed_one(stack: FaultStack) -> None:
    before = stack.file
    with under_load(stack) as load:
        supervisor = supervisor_pid(stack)
        orphans = stack.pids() - {supervisor}
        os.kill(supervisor, signal.SIGKILL)
        assert all(map(is_alive, orphans))
        starting = [up(stack) for _ in range(2)]
        errors = [started.communicate()[1] for started in starting]
        assert sorted(started.returncode for started in starting) == [0, 1], errors
        assert any("a stack already runs in" in error for error in errors)
        assert not any(map(is_alive, orphans))

    assert {name for name in before if before[name] != stack.file[name]} == {"processes"}
    assert living(stack) == ALL_LIVING
    assert compare(stack, load).differences == []
