"""Every process of `engage up` is killed, stopped, frozen, alone and with all others."""

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
from tests.faults.conftest import Say
from tests.faults.load import Load
from tests.faults.oracle import verify_all
from tests.faults.scene import RECOVERY_SECONDS, Scene
from tests.processes import children_of, freeze, wake

pytestmark = pytest.mark.faults
ROLES = (
    "kafka",
    "kafka-gateway",
    "postgres",
    "ingest",
    "consumer",
    "refresher",
    "api",
    "catalogue",
)
SIZES = ("--ingest-workers", "2", "--consumers", "2")
FROZEN_SECONDS = 15.0
"""Longer than a consumer's session, and than a client waits."""


@contextmanager
def _under_load(scene: Scene) -> Iterator[Load]:
    """Keep up a load of clients that send again what they do not know of."""
    with scene.load(retries=True) as load:
        eventually(lambda: len(load.facts.accepted_at) > 300, "events are accepted")
        yield load
        scene.until_ready()
        _assert_all_named_live(scene)
        time.sleep(1)


def _assert_all_named_live(scene: Scene) -> None:
    """stack.json names each place's process, and it lives."""
    named = scene.stack.file["processes"]
    assert {role: len(pids) for role, pids in named.items()} == dict.fromkeys(ROLES, 1) | {
        "ingest": 2,
        "consumer": 2,
    }
    assert [pid for pids in named.values() for pid in pids if not is_alive(pid)] == []


def _everything(scene: Scene) -> list[int]:
    return [pid for role in ROLES for pid in scene.pids(role)]


def test_each_process_that_is_told_to_end_is_replaced(scene: Scene, say: Say) -> None:
    with _under_load(scene) as load:
        for role in ROLES:
            began = time.monotonic()
            scene.until_replaced(role, scene.kill(role, number=signal.SIGTERM))
            scene.until_ready()
            say(f"SIGTERM {role}: ready again after {time.monotonic() - began:.1f} s")

    say(str(verify_all(scene, load)))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_everything_at_once_comes_back(scene: Scene, say: Say, number: signal.Signals) -> None:
    with _under_load(scene) as load:
        victims = _everything(scene)
        began = time.monotonic()
        for pid in victims:
            os.kill(pid, number)
        eventually(
            lambda: not set(victims) & set(_everything(scene)), "all are new", RECOVERY_SECONDS
        )
        scene.until_ready()
        seconds = time.monotonic() - began

    say(f"{verify_all(scene, load)}; ready again after {seconds:.1f} s")


@pytest.mark.parametrize("role", ROLES)
def test_whatever_freezes_goes_on_when_it_wakes(scene: Scene, say: Say, role: str) -> None:
    with _under_load(scene) as load:
        frozen = scene.pids(role)
        for pid in frozen[:1] if role == "consumer" else frozen:
            freeze(pid)
        time.sleep(FROZEN_SECONDS)
        for pid in frozen:
            wake(pid)
        began = time.monotonic()
        scene.until_ready()
        seconds = time.monotonic() - began
        assert scene.pids(role) == frozen

    say(f"{verify_all(scene, load)}; ready {seconds:.1f} s after it woke")


@pytest.mark.parametrize("title", ["checkpointer", "walwriter", "engage_consumer"])
def test_postgresql_outlives_the_death_of_a_process_of_its_own(
    scene: Scene, say: Say, title: str
) -> None:
    (postmaster,) = scene.pids("postgres")
    with _under_load(scene) as load:
        began = time.monotonic()
        (victim, *_) = [pid for pid in children_of(postmaster) if title in _title(pid)]
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: not is_alive(victim), "it dies")
        scene.until_ready()
        seconds = time.monotonic() - began

    assert scene.pids("postgres") == [postmaster]
    assert "was terminated by signal 9" in scene.log("postgres")
    say(f"{verify_all(scene, load)}; ready again after {seconds:.1f} s")


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except FileNotFoundError:
        return ""


def test_a_killed_supervisor_is_followed_by_one_of_two_that_start_at_once(
    scene: Scene, say: Say
) -> None:
    before = scene.stack.file
    with _under_load(scene) as load:
        orphans = set(_everything(scene))
        os.kill(_supervisor(scene), signal.SIGKILL)
        assert all(is_alive(pid) for pid in orphans)
        command = [*ENGAGE, "up", "--detach", "--dir", str(scene.stack.folder), *SIZES]
        starting = [
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        said = [start.communicate()[1] for start in starting]
        assert sorted(start.returncode for start in starting) == [0, 1], said
        assert any("a stack runs in" in words for words in said)
        assert [pid for pid in orphans if is_alive(pid)] == []

    after = scene.stack.file
    assert {name for name in before if before[name] != after[name]} == {"processes"}
    say(str(verify_all(scene, load)))


def _supervisor(scene: Scene) -> int:
    return int(json.loads(scene.stack.engage("status", "--json").stdout)["supervisor_pid"])


def test_a_stack_that_is_ended_and_started_again_has_all_it_had(scene: Scene, say: Say) -> None:
    before = scene.stack.file
    with _under_load(scene) as load:
        pids = {*_everything(scene), _supervisor(scene)}
        assert scene.stack.engage("down").returncode == 0
        assert [pid for pid in pids if is_alive(pid)] == []
        command = [*ENGAGE, "up", "--detach", "--dir", str(scene.stack.folder), *SIZES]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0

    after = scene.stack.file
    assert {name for name in before if before[name] != after[name]} == {"processes"}
    say(str(verify_all(scene, load)))
