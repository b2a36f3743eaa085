"""Services exit and start while Kafka and PostgreSQL do not respond, and survive random faults."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.stacks import eventually, is_alive
from tests.faults.comparison import compare
from tests.faults.proxied import EXIT_SECONDS, ProxiedStack, repeat, send_signal
from tests.faults.proxy import Mode
from tests.faults.stack import RECOVERY_SECONDS
from tests.processes import freeze, resident_mb, wake

pytestmark = pytest.mark.faults
SERVICES = ("ingest", "consumer", "refresher", "api", "catalogue")
RANDOM_FAULTS_SECONDS = float(os.environ.get("ENGAGE_TEST_SOAK_SECONDS", "240"))
NEVER_KILLED = ("api", "refresher", "catalogue")
MAX_GROWTH_MB, MAX_MORE_FILES = 30.0, 10


@pytest.mark.parametrize("proxy", ["kafka_proxy", "postgres_proxy"])
def test_every_service_exits_in_time_while_a_server_does_not_respond(
    proxied_stack: ProxiedStack, proxy: str
) -> None:
    with proxied_stack.under_load(retries=True) as load, proxied_stack.fault():
        getattr(proxied_stack, proxy).mode = Mode.BLACKHOLE
        time.sleep(1)
        began = time.monotonic()
        stopped = [proxied_stack.kill(role, number=signal.SIGTERM) for role in SERVICES]
        eventually(lambda: not any(map(is_alive, stopped)), "all services exit", EXIT_SECONDS)
        assert time.monotonic() - began < EXIT_SECONDS
    proxied_stack.until_ready()

    assert compare(proxied_stack, load).differences == []


def test_services_that_start_before_kafka_and_postgresql_become_ready_with_them(
    proxied_stack: ProxiedStack,
) -> None:
    with proxied_stack.load(retries=True) as load:
        eventually(lambda: load.accepted_at, "events are accepted")
        with proxied_stack.fault():
            for proxy in (proxied_stack.kafka_proxy, proxied_stack.postgres_proxy):
                proxy.mode = Mode.REFUSE
                proxy.reset_all()
            for role in SERVICES:
                proxied_stack.until_replaced(role, proxied_stack.kill(role))
            for role in SERVICES:
                proxied_stack.until_not_ready(role, RECOVERY_SECONDS)
            before = {role: proxied_stack.role_pids(role) for role in SERVICES}
        proxied_stack.until_ready()

    assert {role: proxied_stack.role_pids(role) for role in SERVICES} == before
    assert compare(proxied_stack, load).differences == []


def faults(stack: ProxiedStack) -> dict[str, Callable[[], object]]:
    def freeze_consumer() -> None:
        pid = stack.role_pids("consumer")[0]
        freeze(pid)
        time.sleep(10)
        wake(pid)

    return {
        "kill a consumer": lambda: stack.kill("consumer", 1),
        "kill the ingest service": lambda: stack.kill("ingest"),
        "stop the ingest service": lambda: stack.kill("ingest", number=signal.SIGTERM),
        "freeze a consumer": freeze_consumer,
        "kill Kafka": lambda: send_signal(stack.kafka, signal.SIGKILL),
        "kill PostgreSQL": lambda: send_signal(stack.postgres, signal.SIGKILL),
        "kill connections to PostgreSQL": lambda: repeat(
            stack.kill_connections, 5, interval_seconds=1
        ),
        "reset connections to Kafka": lambda: repeat(
            stack.kafka_proxy.reset_all, 5, interval_seconds=1
        ),
    }


def memory_and_files(stack: ProxiedStack, role: str) -> tuple[float, int]:
    """Return the resident memory in MB and the number of open files."""
    [pid] = stack.role_pids(role)
    return resident_mb(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_f40_no_event_is_lost_and_no_resource_leaks_during_random_faults(
    proxied_stack: ProxiedStack,
) -> None:
    draw = random.Random(proxied_stack.seed)
    known = faults(proxied_stack)
    ends_at = time.monotonic() + RANDOM_FAULTS_SECONDS
    caused: list[str] = []
    with proxied_stack.under_load() as load:
        before = {role: memory_and_files(proxied_stack, role) for role in NEVER_KILLED}
        while time.monotonic() < ends_at:
            caused.append(draw.choice(sorted(known)))
            with proxied_stack.fault():
                known[caused[-1]]()
                time.sleep(draw.uniform(0, 5))
            proxied_stack.until_ready()
            time.sleep(draw.uniform(2, 8))
        after = {role: memory_and_files(proxied_stack, role) for role in NEVER_KILLED}

    assert len(caused) > RANDOM_FAULTS_SECONDS / 60
    for role in NEVER_KILLED:
        assert after[role][0] - before[role][0] < MAX_GROWTH_MB, (role, caused)
        assert after[role][1] - before[role][1] <= MAX_MORE_FILES, (role, caused)
    assert compare(proxied_stack, load).differences == []
