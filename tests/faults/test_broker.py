"""Kafka crashes, freezes, or stands behind a bad network."""

import signal
import time

import pytest

from tests.e2e.stacks import eventually
from tests.faults.conftest import Say
from tests.faults.load import Load
from tests.faults.oracle import verify_all
from tests.faults.proxy import Mode
from tests.faults.rig import Interval, Rig, every
from tests.faults.scene import resident_mb
from tests.processes import freeze

pytestmark = pytest.mark.faults
DEADLINE_SECONDS = 5.0
SLACK_SECONDS = 3.0
"""A request may wait this long for a processor of a busy machine."""


def test_f10_a_crashing_broker_is_answered_503_and_healed_from(rig: Rig, say: Say) -> None:
    recoveries = []
    with rig.under_load() as load:
        for _ in range(5):
            with rig.fault() as fault:
                rig.end_kafka(signal.SIGKILL)
                eventually(lambda: rig.readiness("ingest") == [503], "not ready")
                time.sleep(5)
            recoveries.append(_until_accepted_after(load, fault))

    assert load.facts.statuses[503] > 50
    assert load.facts.longest_answer_seconds < DEADLINE_SECONDS + SLACK_SECONDS
    assert max(recoveries) < 30
    late = rig.metric("ingest", "engage_ingest_late_acks_total")
    say(
        f"{verify_all(rig, load)}; accepted again after at most {max(recoveries):.1f} s;"
        f" {late:.0f} acknowledged too late for their clients"
    )


def test_f12_a_broker_that_is_restarted_in_order_is_healed_from(rig: Rig, say: Say) -> None:
    recoveries = []
    with rig.under_load() as load:
        for _ in range(2):
            with rig.fault() as fault:
                rig.end_kafka(signal.SIGTERM)
                eventually(lambda: rig.readiness("ingest") == [503], "not ready")
            recoveries.append(_until_accepted_after(load, fault))

    assert load.facts.longest_answer_seconds < DEADLINE_SECONDS + SLACK_SECONDS
    assert max(recoveries) < 30
    say(f"{verify_all(rig, load)}; accepted again after at most {max(recoveries):.1f} s")


def test_f11_a_frozen_broker_costs_no_memory(rig: Rig, say: Say) -> None:
    (pid,) = rig.pids("ingest")
    with rig.under_load(rate_per_second=500) as load:
        before = resident_mb(pid)
        with rig.fault():
            freeze(rig.kafka.pid)
            eventually(lambda: rig.readiness("ingest") == [503], "not ready")
            time.sleep(15)
            grown = resident_mb(pid) - before

    assert grown < 50
    assert load.facts.longest_answer_seconds < DEADLINE_SECONDS + SLACK_SECONDS
    say(f"{verify_all(rig, load)}; {grown:.0f} MB more")


def test_f18_a_slow_network_only_slows(rig: Rig, say: Say) -> None:
    with rig.under_load() as load, rig.fault():
        rig.to_kafka.delay_seconds = 0.05  # each way
        time.sleep(10)
        rig.to_kafka.delay_seconds, rig.to_kafka.bytes_per_second = 0.0, 3_000_000 / 8
        time.sleep(10)

    assert rig.to_kafka.counts.delayed_chunks > 100
    assert load.facts.unknown_at == []
    assert load.facts.longest_answer_seconds < 1 + SLACK_SECONDS
    say(f"{verify_all(rig, load)}; longest answer {load.facts.longest_answer_seconds:.2f} s")


def test_f18_resets_and_silence_lose_nothing(rig: Rig, say: Say) -> None:
    with rig.under_load() as load:
        with rig.fault():
            every(2, 5, rig.to_kafka.reset_all)
        with rig.fault() as fault:
            rig.to_kafka.mode = Mode.BLACKHOLE
            eventually(lambda: rig.readiness("ingest") == [503], "not ready")
            time.sleep(8)
        seconds = _until_accepted_after(load, fault)

    assert rig.to_kafka.counts.resets >= 5
    assert rig.to_kafka.counts.held_chunks > 0
    assert load.facts.longest_answer_seconds < DEADLINE_SECONDS + SLACK_SECONDS
    say(f"{verify_all(rig, load)}; accepted again after {seconds:.1f} s")


def _until_accepted_after(load: Load, fault: Interval) -> float:
    """Return how long after the end of the fault the first event was accepted."""
    accepted_at = load.facts.accepted_at
    eventually(lambda: accepted_at and accepted_at[-1] > fault.ended, "events are accepted", 60)
    return float(next(at for at in accepted_at if at > fault.ended) - fault.ended)
