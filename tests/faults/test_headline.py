"""Each accepted event is stored exactly once, whatever is killed."""

import os
import random
import time

import pytest

from tests.e2e.stacks import eventually
from tests.faults.comparison import compare
from tests.faults.load import Outcome
from tests.faults.stack import FaultStack
from tests.processes import freeze, wake

EVENTS = int(os.environ.get("ENGAGE_TEST_FAULT_EVENTS", "100000"))
KILLS = int(os.environ.get("ENGAGE_TEST_FAULT_KILLS", "20"))
RATE = float(os.environ.get("ENGAGE_TEST_FAULT_RATE", "500"))
PROCESSES = {"ingest": 2, "consumer": 2, "kafka": 1, "postgres": 1}
"""Number of processes by role."""
NOTICEABLE_SECONDS = 0.5


@pytest.mark.parametrize(
    ("events", "kills", "rate"),
    [
        pytest.param(5_000, 4, 400.0, id="4 kills"),
        pytest.param(EVENTS, KILLS, RATE, id="20 kills", marks=pytest.mark.faults),
    ],
)
def test_each_event_is_stored_once_when_processes_are_killed_at_random(
    stack: FaultStack, events: int, kills: int, rate: float
) -> None:
    draw = random.Random(stack.seed)
    moments = sorted(draw.uniform(0.05, 0.85) * events / rate for _ in range(kills))
    roles = list(PROCESSES) + draw.choices(list(PROCESSES), k=kills - len(PROCESSES))
    draw.shuffle(roles)
    began = time.monotonic()
    with stack.load(rate_per_second=rate, events=events, batch_events=20, retries=True) as load:
        for moment, role in zip(moments, roles, strict=True):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            stack.kill(role, draw.randrange(PROCESSES[role]))
            assert load.is_running, "the load ended before the last kill"
        load.wait()

    compared = compare(stack, load)
    assert compared.differences == []
    assert compared.accepted + compared.rejected == events
    assert compared.unknown == 0
    assert load.retried > 0 or load.slowest_response_seconds > NOTICEABLE_SECONDS


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(10, id="10 seconds"),
        pytest.param(60, id="a minute", marks=pytest.mark.faults),
    ],
)
def test_events_are_accepted_while_postgresql_is_frozen_and_stored_within_a_minute(
    stack: FaultStack, seconds: int
) -> None:
    [postgres] = stack.role_pids("postgres")
    with stack.load(rate_per_second=500) as load:
        time.sleep(3)
        began = time.monotonic()
        freeze(postgres)
        try:
            time.sleep(seconds)
        finally:
            wake(postgres)
        ended = time.monotonic()
        time.sleep(2)
    ids = [event.event_id for event in load.events_with(Outcome.ACCEPTED)]
    stored = "SELECT count(*) FROM engagements WHERE event_id = ANY($1::uuid[])"
    eventually(lambda: stack.value(stored, ids) == len(ids), "all events are stored", 60)

    assert load.unknown == 0
    assert load.accepted_between(began, ended) > 500 * seconds * 0.7
    assert compare(stack, load).differences == []
