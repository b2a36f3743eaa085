"""PostgreSQL crashes or does not respond, and its connections are lost, also during a commit."""

import signal
import time

import pytest

from tests.e2e.stacks import eventually
from tests.faults.comparison import compare
from tests.faults.proxied import ProxiedStack, send_signal
from tests.faults.proxy import Action, Interception, Mode
from tests.faults.stack import RECOVERY_SECONDS, FaultStack

pytestmark = pytest.mark.faults
COMMIT = b"COMMIT\0"
REPORT_SECONDS = 2.0
SLACK_SECONDS = 3.0
STORED = "SELECT count(*) FROM engagements"


def report(stack: FaultStack, path: str) -> tuple[int, float]:
    """Return the status of a report and the seconds that it took."""
    began = time.monotonic()
    status, _ = stack.get(path)
    return status, time.monotonic() - began


def reports_during(stack: FaultStack, seconds: float) -> list[tuple[int, float]]:
    found = []
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        found.append(report(stack, "/categories/top"))
        time.sleep(0.3)
    return found


def seconds_until_stored(stack: FaultStack) -> float:
    """Wait until another event is stored."""
    began = time.monotonic()
    before = stack.value(STORED)
    eventually(lambda: stack.value(STORED) > before, "events are stored", RECOVERY_SECONDS)
    return time.monotonic() - began


def test_f13_events_are_stored_once_when_the_response_to_a_commit_is_lost(
    proxied_stack: ProxiedStack,
) -> None:
    lost = Interception(COMMIT, Action.RESET_AFTER, remaining=50, every_nth=3)
    with proxied_stack.under_load() as load, proxied_stack.fault():
        proxied_stack.postgres_proxy.interception = lost
        eventually(lambda: lost.count == 50, "50 responses are lost", 2 * RECOVERY_SECONDS)
        assert proxied_stack.failed_checks() == []

    assert load.unknown == 0
    assert compare(proxied_stack, load).differences == []


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGQUIT, signal.SIGINT], ids=["crash", "immediate", "fast"]
)
def test_f15_events_are_accepted_and_reports_get_503_while_postgresql_is_down(
    proxied_stack: ProxiedStack, number: signal.Signals
) -> None:
    with proxied_stack.under_load() as load:
        with proxied_stack.fault() as fault:
            send_signal(proxied_stack.postgres, number)
            eventually(lambda: proxied_stack.postgres.pid is None, "PostgreSQL exits")
            # Until it is not ready, the read API may serve cached responses.
            eventually(lambda: 200 not in proxied_stack.readiness("api"), "the API is not ready", 2)
            reports = reports_during(proxied_stack, seconds=6)
        recovered_after = seconds_until_stored(proxied_stack)

    assert load.unknown == 0
    assert load.accepted_between(fault.began, fault.ended) > 1_000
    assert {status for status, _ in reports} == {503}
    assert max(seconds for _, seconds in reports) < REPORT_SECONDS + SLACK_SECONDS
    assert recovered_after < 15
    assert compare(proxied_stack, load).differences == []


def test_f17_every_report_gets_a_response_while_postgresql_does_not_respond(
    proxied_stack: ProxiedStack,
) -> None:
    with proxied_stack.under_load() as load:
        with proxied_stack.fault() as fault:
            proxied_stack.postgres_proxy.mode = Mode.BLACKHOLE
            reports = reports_during(proxied_stack, seconds=30)
            proxied_stack.until_not_ready("consumer")
        recovered_after = seconds_until_stored(proxied_stack)

    assert load.unknown == 0
    assert load.accepted_between(fault.began, fault.ended) > 1_000
    assert {status for status, _ in reports} <= {200, 503}
    assert reports[-1][0] == 503
    assert max(seconds for _, seconds in reports) < 10
    assert recovered_after < 15
    assert compare(proxied_stack, load).differences == []
