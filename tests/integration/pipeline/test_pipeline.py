import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.backends import Backend
from tests.integration.pipeline.harness import Harness
from tests.integration.pipeline.machine import POSTS, PipelineMachine

MINUTES_VARIABLE = "ENGAGE_TEST_PIPELINE_MINUTES"
SEED_VARIABLE = "ENGAGE_TEST_SEED"
SHORT = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(SHORT, derandomize=False, max_examples=20, stateful_step_count=40)


@pytest.fixture
def machine(
    servers: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[PipelineMachine]]:
    """The state machine, with a pipeline."""
    monkeypatch.setattr("consumer.assignment._HALT_CHECK_SECONDS", 0.05)
    driven = Harness(servers, tmp_path, POSTS)

    class Machine(PipelineMachine):
        harness = driven

    yield Machine
    driven.close()


def test_pipeline_counts_each_event_once_in_any_order_of_operations(
    machine: type[PipelineMachine],
) -> None:
    run_state_machine_as_test(machine, settings=SHORT)


@pytest.mark.faults
def test_pipeline_counts_each_event_once_in_random_orders_for_minutes(
    machine: type[PipelineMachine], capfd: pytest.CaptureFixture[str]
) -> None:
    """The seed that fails is printed last: ENGAGE_TEST_SEED repeats it."""
    given = os.environ.get(SEED_VARIABLE)
    ends_at = time.monotonic() + 60 * float(os.environ.get(MINUTES_VARIABLE, "10"))
    while True:
        drawn = int(given) if given else secrets.randbelow(10**6)
        with capfd.disabled():
            sys.stderr.write(f"\n  {SEED_VARIABLE}={drawn}")
        run_state_machine_as_test(seed(drawn)(machine), settings=LONG)
        if given or time.monotonic() > ends_at:
            return
