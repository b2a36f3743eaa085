"""Faults of every kind, one after the other, for as long as asked: and nothing leaks."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import Say
from tests.faults.oracle import verify_all
from tests.faults.rig import Rig, every
from tests.faults.scene import resident_mb
from tests.processes import freeze, wake

pytestmark = pytest.mark.faults
SOAK_SECONDS = float(os.environ.get("ENGAGE_TEST_SOAK_SECONDS", "240"))
LASTING = ("api", "refresher", "catalogue")
"""What no fault ends."""
MOST_GROWTH_MB, MOST_MORE_FILES = 30.0, 10


def _harms(rig: Rig) -> dict[str, Callable[[], None]]:
    kill_connections = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name LIKE 'engage-%'"
    )
    return {
        "kill a consumer": lambda: _done(rig.kill("consumer", 1)),
        "kill the ingest service": lambda: _done(rig.kill("ingest")),
        "end the ingest service": lambda: _done(rig.kill("ingest", number=signal.SIGTERM)),
        "freeze a consumer": lambda: _freeze(rig.pids("consumer")[0]),
        "kill Kafka": lambda: rig.end_kafka(signal.SIGKILL),
        "kill PostgreSQL": lambda: rig.end_postgres(signal.SIGKILL),
        "kill connections to PostgreSQL": lambda: every(
            1, 5, lambda: _done(rig.value(kill_connections))
        ),
        "reset connections to Kafka": lambda: every(1, 5, rig.to_kafka.reset_all),
    }


def _done(_: object) -> None:
    """Take a harm's answer, which is not needed."""


def _freeze(pid: int) -> None:
    freeze(pid)
    time.sleep(10)
    wake(pid)


def test_f40_faults_without_end_lose_nothing_and_nothing_leaks(rig: Rig, say: Say) -> None:
    draw = random.Random(rig.seed)
    harms = _harms(rig)
    deadline = time.monotonic() + SOAK_SECONDS
    done: list[str] = []
    with rig.under_load() as load:
        began = _sizes(rig)
        while time.monotonic() < deadline:
            name = draw.choice(sorted(harms))
            with rig.fault():
                harms[name]()
                time.sleep(draw.uniform(0, 5))
            done.append(name)
            rig.until_ready()
            time.sleep(draw.uniform(2, 8))
        ended = _sizes(rig)

    assert len(done) > SOAK_SECONDS / 60
    for role in LASTING:
        grown = ended[role][0] - began[role][0]
        more_files = ended[role][1] - began[role][1]
        assert grown < MOST_GROWTH_MB, f"{role} grew by {grown:.0f} MB"
        assert more_files <= MOST_MORE_FILES, f"{role} has {more_files} more files open"
    say(f"{verify_all(rig, load)}; {len(done)} faults: {', '.join(done)}")


def _sizes(rig: Rig) -> dict[str, tuple[float, float]]:
    """Return the memory in MB and the open files of what no fault ends."""
    pids = {role: rig.pids(role)[0] for role in LASTING}
    return {
        role: (resident_mb(pid), float(len(list(Path(f"/proc/{pid}/fd").iterdir()))))
        for role, pid in pids.items()
    }
