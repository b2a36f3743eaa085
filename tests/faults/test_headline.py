"""What 202 promises, in numbers: whatever is killed, each accepted event is stored once."""

import os
import random
import time

import pytest

from tests.faults.conftest import Say
from tests.faults.oracle import until_stored, verify_all
from tests.faults.scene import Scene
from tests.processes import freeze, wake

EVENTS = int(os.environ.get("ENGAGE_TEST_FAULT_EVENTS", "100000"))
KILLS = int(os.environ.get("ENGAGE_TEST_FAULT_KILLS", "20"))
RATE = float(os.environ.get("ENGAGE_TEST_FAULT_RATE", "500"))
PLACES = {"ingest": 2, "consumer": 2, "kafka": 1, "postgres": 1}
"""What is killed, and how many of it run."""
_FELT_SECONDS = 0.5


def test_four_kills_of_anything_among_5000_events(scene: Scene, say: Say) -> None:
    say(_run(scene, events=5_000, kills=4, rate=400, say=say))


@pytest.mark.faults
def test_twenty_kills_of_anything_among_100000_events(scene: Scene, say: Say) -> None:
    say(_run(scene, events=EVENTS, kills=KILLS, rate=RATE, say=say))


def test_ten_seconds_without_postgresql_are_caught_up_with(scene: Scene, say: Say) -> None:
    say(_outage(scene, seconds=10))


@pytest.mark.faults
def test_a_minute_without_postgresql_is_caught_up_with(scene: Scene, say: Say) -> None:
    say(_outage(scene, seconds=60))


def _outage(scene: Scene, seconds: float) -> str:
    """Freeze PostgreSQL under 500 events a second, all of which are accepted meanwhile."""
    (postgres,) = scene.pids("postgres")
    with scene.load(rate_per_second=500) as load:
        time.sleep(3)
        began = time.monotonic()
        freeze(postgres)
        try:
            time.sleep(seconds)
        finally:
            wake(postgres)
        woken = time.monotonic()
        time.sleep(2)
    accepted = load.facts.accepted_between(began, woken)
    until_stored(scene, load, within_seconds=60)
    caught_up = time.monotonic() - woken
    numbers = verify_all(scene, load)

    assert load.facts.unknown_at == []
    assert accepted > 500 * seconds * 0.7
    return (
        f"{seconds:.0f} s without PostgreSQL: {accepted:,} events accepted meanwhile, all stored"
        f" {caught_up:.1f} s after its return; {numbers}; balanced"
    )


def _run(scene: Scene, *, events: int, kills: int, rate: float, say: Say) -> str:
    """Kill at random moments under load; return the line that says what came of it."""
    draw = random.Random(scene.seed)
    seconds = events / rate
    moments = sorted(draw.uniform(0.05, 0.85) * seconds for _ in range(kills))
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
    felt = facts.resends > 0 or facts.longest_answer_seconds > _FELT_SECONDS
    assert felt, "no kill was felt by a client"
    return (
        f"{events:,} events, {kills} kill -9 ({', '.join(f'{roles.count(r)} {r}' for r in PLACES)})"
        f" in {took:.0f} s, seed {scene.seed}: {numbers['accepted']:,} accepted,"
        f" {numbers['rows']:,} rows, 0 lost, 0 doubled, {numbers['refused']:,} refused,"
        f" {facts.resends:,} sent again; balanced"
    )
