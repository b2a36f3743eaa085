"""Kafka crashes, freezes and restarts, and its network is slow or loses data."""

import signal
import time

import pytest

from tests.e2e.stacks import eventually
from tests.faults.comparison import compare
from tests.faults.load import Load
from tests.faults.proxied import Period, ProxiedStack, repeat, send_signal
from tests.faults.proxy import Mode
from tests.processes import freeze, resident_mb

pytestmark = pytest.mark.faults
RESPONSE_SECONDS = 5.0
SLACK_SECONDS = 3.0
"""The time that a busy machine may add to a response."""


def recovery_seconds(load: Load, fault: Period) -> float:
    """Wait for the first event that is accepted after the fault. Return the time until it was."""
    accepted_at = load.accepted_at
    eventually(lambda: accepted_at and accepted_at[-1] > fault.ended, "events are accepted", 60)
    return next(at for at in accepted_at if at > fault.ended) - fault.ended


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["crash", "restart"])
def test_f10_ingest_answers_503_while_the_broker_is_down_and_recovers(
    proxied_stack: ProxiedStack, number: signal.Signals
) -> None:
    recoveries = []
    with proxied_stack.under_load() as load:
        for _ in range(5):
            with proxied_stack.fault() as fault:
                send_signal(proxied_stack.kafka, number)
                proxied_stack.until_not_ready("ingest")
                time.sleep(5)
            recoveries.append(recovery_seconds(load, fault))

    assert load.statuses[503] > 50
    assert load.slowest_response_seconds < RESPONSE_SECONDS + SLACK_SECONDS
    assert max(recoveries) < 30
    assert compare(proxied_stack, load).differences == []


def test_f11_memory_of_ingest_is_bounded_while_the_broker_is_frozen(
    proxied_stack: ProxiedStack,
) -> None:
    [pid] = proxied_stack.role_pids("ingest")
    with proxied_stack.under_load(rate_per_second=500) as load:
        before = resident_mb(pid)
        with proxied_stack.fault():
            freeze(proxied_stack.kafka.pid)
            proxied_stack.until_not_ready("ingest")
            time.sleep(15)
            growth_mb = resident_mb(pid) - before

    assert growth_mb < 50
    assert load.slowest_response_seconds < RESPONSE_SECONDS + SLACK_SECONDS
    assert compare(proxied_stack, load).differences == []


def test_f18_events_are_accepted_over_a_slow_network(proxied_stack: ProxiedStack) -> None:
    with proxied_stack.under_load() as load, proxied_stack.fault():
        proxied_stack.kafka_proxy.delay_seconds = 0.05  # each way
        time.sleep(10)
        proxied_stack.kafka_proxy.delay_seconds = 0.0
        proxied_stack.kafka_proxy.bytes_per_second = 3_000_000 / 8
        time.sleep(10)

    assert proxied_stack.kafka_proxy.delayed_chunks > 100
    assert load.unknown == 0
    assert load.slowest_response_seconds < 1 + SLACK_SECONDS
    assert compare(proxied_stack, load).differences == []


def test_f18_no_event_is_lost_when_connections_are_reset_or_packets_dropped(
    proxied_stack: ProxiedStack,
) -> None:
    proxy = proxied_stack.kafka_proxy
    with proxied_stack.under_load() as load:
        repeat(proxy.reset_all, 5, interval_seconds=2)
        with proxied_stack.fault() as fault:
            proxy.mode = Mode.BLACKHOLE
            proxied_stack.until_not_ready("ingest")
            time.sleep(8)
        recovery_seconds(load, fault)

    assert proxy.resets >= 5
    assert proxy.blocked_chunks > 0
    assert load.slowest_response_seconds < RESPONSE_SECONDS + SLACK_SECONDS
    assert compare(proxied_stack, load).differences == []
