"""What 202 promises, in numbers: whatever is killed, each accepted event is stored once."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.stacks import started
from tests.faults.conftest import Say
from tests.faults.oracle import verify_all
from tests.faults.scene import Scene

EVENTS = int(os.environ.get("ENGAGE_TEST_FAULT_EVENTS", "100000"))
KILLS = int(os.environ.get("ENGAGE_TEST_FAULT_KILLS", "20"))
RATE = float(os.environ.get("ENGAGE_TEST_FAULT_RATE", "500"))
PLACES = {"ingest": 2, "consumer": 2, "kafka": 1, "postgres": 1}
"""What is killed, and how many of it run."""


@contextmanager
def _scene(folder: Path, seed: int) -> Iterator[Scene]:
    with started(folder, "--ingest-workers", "2", "--consumers", "2") as stack:
        scene = Scene(stack, stack.file["database_url"], seed)
        scene.note_moves()
        yield scene


def test_four_kills_of_anything_among_5000_events(tmp_path: Path, seed: int, say: Say) -> None:
    with _scene(tmp_path, seed) as scene:
        say(_run(scene, events=5_000, kills=4, rate=400, say=say))


@pytest.mark.faults
def test_twenty_kills_of_anything_among_100000_events(tmp_path: Path, seed: int, say: Say) -> None:
    with _scene(tmp_path, seed) as scene:
        say(_run(scene, events=EVENTS, kills=KILLS, rate=RATE, say=say))


def _run(scene: Scene, *, events: int, kills: int, rate: float, say: Say) -> str:
    """Kill at random moments under load; return the line that says what came of it."""
    draw = random.Random(scene.seed)
    seconds = events / rate
    moments = sorted(draw.uniform(0.05, 0.95) * seconds for _ in range(kills))
    roles = list(PLACES) + draw.choices(list(PLACES), k=kills - len(PLACES))
    draw.shuffle(roles)
    began = time.monotonic()
    with scene.load(rate_per_second=rate, events=events, batch_events=20, retries=True) as load:
        for moment, role in zip(moments, roles, strict=True):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            victim = scene.kill(role, draw.randrange(PLACES[role]))
            assert not load.is_done, "the load ended before the kills did"
            known = len(load.facts.accepted_at)
            say(f"{time.monotonic() - began:5.0f} s  kill -9 {role} {victim}; accepted {known:,}")
        load.wait()
        took = time.monotonic() - began
    facts = load.facts
    numbers = verify_all(scene, load)
    assert numbers["accepted"] + numbers["refused"] == events
    assert numbers["unknown"] == 0
    assert facts.resends > 0, "no kill was felt by a client"
    return (
        f"{events:,} events, {kills} kill -9 ({', '.join(f'{roles.count(r)} {r}' for r in PLACES)})"
        f" in {took:.0f} s, seed {scene.seed}: {numbers['accepted']:,} accepted,"
        f" {numbers['rows']:,} rows, 0 lost, 0 doubled, {numbers['refused']:,} refused,"
        f" {facts.resends:,} sent again; balanced"
    )
