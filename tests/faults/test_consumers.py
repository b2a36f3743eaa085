"""Consumers crash, freeze, start and stop."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Kafka, add_partitions
from tests.e2e.stacks import eventually
from tests.faults.comparison import compare
from tests.faults.proxied import ProxiedStack, proxied_url
from tests.faults.proxy import Action, Interception, Mode, Proxy
from tests.faults.stack import RECOVERY_SECONDS
from tests.processes import Process, process, wake

pytestmark = pytest.mark.faults
COMMIT, BEGIN, COPY = b"COMMIT\0", b"BEGIN\0", b"FROM STDIN"
"""Only the consumer's statements end without a semicolon."""
SESSION_TIMEOUT_SECONDS = 6.0
STATEMENT_TIMEOUT_SECONDS = 10.0
LOCK_WAIT_SECONDS = 9.0
"""The lock timeout of five seconds, the pause after it, and the delay of a busy machine."""
PROCESSED = "SELECT coalesce(sum(next_offset), 0)::bigint FROM consumer_offsets"


@pytest.mark.parametrize(
    ("pattern", "action"),
    [(COPY, Action.RESET_BEFORE), (COMMIT, Action.RESET_BEFORE), (COMMIT, Action.RESET_AFTER)],
    ids=["before the rows", "before the commit", "after the commit"],
)
def test_f2_each_event_is_stored_once_when_all_consumers_crash_during_a_batch(
    proxied_stack: ProxiedStack, pattern: bytes, action: Action
) -> None:
    def kill_consumers() -> None:
        for pid in proxied_stack.role_pids("consumer"):
            os.kill(pid, signal.SIGKILL)

    crashes = Interception(pattern, action, kill_consumers, remaining=10)
    with proxied_stack.under_load() as load, proxied_stack.fault():
        proxied_stack.postgres_proxy.interception = crashes
        eventually(lambda: crashes.count == 10, "consumers crash ten times", 3 * RECOVERY_SECONDS)

    assert load.unknown == 0
    assert compare(proxied_stack, load).differences == []


@contextmanager
def third_consumer(stack: ProxiedStack, folder: Path) -> Iterator[tuple[Process, Proxy]]:
    """Run a consumer in the stack's group that reaches PostgreSQL through another proxy."""
    with Proxy(stack.postgres.port) as proxy:
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
            "DATABASE_URL": proxied_url(stack.database_url, proxy),
            "DATABASE_ROLE": "engage_consumer",
        }
        with process("consumer", folder, settings) as consumer:
            consumer.until_log_has("partitions assigned")
            yield consumer, proxy


@pytest.mark.parametrize("moment", [BEGIN, COMMIT], ids=["before its lock", "before its commit"])
def test_f3_a_frozen_consumer_is_replaced_and_its_late_write_is_rolled_back(
    proxied_stack: ProxiedStack, tmp_path: Path, moment: bytes
) -> None:
    def offsets() -> list[int]:
        query = "SELECT next_offset FROM consumer_offsets ORDER BY partition"
        return [row[0] for row in proxied_stack.query(query)]

    released = threading.Event()
    with (
        proxied_stack.under_load() as load,
        third_consumer(proxied_stack, tmp_path) as (consumer, proxy),
    ):

        def freeze() -> None:
            os.kill(consumer.pid, signal.SIGSTOP)
            released.wait(120)

        proxy.interception = frozen = Interception(moment, Action.DELAY, freeze)
        try:
            eventually(lambda: frozen.count, "the consumer is frozen")
            began, before = time.monotonic(), offsets()
            eventually(
                lambda: all(now > then for now, then in zip(offsets(), before, strict=True)),
                "every partition is consumed by the others",
                RECOVERY_SECONDS,
            )
            reassigned_after = time.monotonic() - began
        finally:
            released.set()
            wake(consumer.pid)
        consumer.until_log_has("offset conflict" if moment is BEGIN else "PostgreSQL is away")

    longest = SESSION_TIMEOUT_SECONDS + STATEMENT_TIMEOUT_SECONDS + LOCK_WAIT_SECONDS
    assert reassigned_after < longest
    assert compare(proxied_stack, load).differences == []


def test_f4_a_batch_is_retried_without_a_rebalance_while_its_table_is_locked(
    proxied_stack: ProxiedStack,
) -> None:
    with proxied_stack.under_load() as load:
        rebalances = proxied_stack.log("consumer").count("partitions assigned")
        proxied_stack.execute(
            "BEGIN; LOCK TABLE engagements IN EXCLUSIVE MODE; SELECT pg_sleep(45); COMMIT"
        )

    assert load.unknown == 0
    assert "LockNotAvailableError" in proxied_stack.log("consumer")
    assert compare(proxied_stack, load).differences == []
    assert proxied_stack.log("consumer").count("partitions assigned") == rebalances


def test_f5_events_are_stored_while_consumers_start_and_stop(
    proxied_stack: ProxiedStack, tmp_path: Path
) -> None:
    with proxied_stack.under_load() as load:
        before = proxied_stack.value(PROCESSED)
        for _ in range(6):
            with third_consumer(proxied_stack, tmp_path):
                time.sleep(1)
        processed = proxied_stack.value(PROCESSED) - before
        accepted = len(load.accepted_at)

    assert processed > accepted / 4
    assert compare(proxied_stack, load).differences == []


def test_f6_consumers_that_start_while_postgresql_is_down_resume_at_the_offset_rows(
    proxied_stack: ProxiedStack,
) -> None:
    with proxied_stack.under_load() as load:
        with proxied_stack.fault():
            proxied_stack.postgres_proxy.mode = Mode.REFUSE
            proxied_stack.postgres_proxy.reset_all()
            for pid in [proxied_stack.kill("consumer", slot) for slot in (0, 1)]:
                proxied_stack.until_replaced("consumer", pid)
            proxied_stack.until_not_ready("consumer")
            time.sleep(8)
        proxied_stack.until_ready()

    assert load.unknown == 0
    assert "PostgreSQL is away" in proxied_stack.log("consumer")
    assert compare(proxied_stack, load).differences == []


def test_f33_partitions_that_are_added_under_load_are_used_from_their_start(
    proxied_stack: ProxiedStack,
) -> None:
    topic = proxied_stack.file["topic"]
    partitions = proxied_stack.value("SELECT count(*) FROM consumer_offsets")
    for slot in (0, 1):
        # A consumer that rejoins with its instance ID does not know that it leads the group.
        proxied_stack.until_replaced("consumer", proxied_stack.kill("consumer", slot))
    proxied_stack.until_ready()
    with proxied_stack.under_load() as load:
        kafka = Kafka(proxied_stack.bootstrap_servers)
        asyncio.run(add_partitions(kafka, topic, partitions + 2))
        stored = "SELECT count(*) FROM consumer_offsets WHERE partition >= $1 AND stored > 50"
        eventually(
            lambda: proxied_stack.value(stored, partitions) == 2, "the new ones are consumed", 60
        )

    assert load.unknown == 0
    nonzero = "SELECT first_offset FROM consumer_offsets WHERE first_offset <> 0"
    assert proxied_stack.query(nonzero) == []
    assert compare(proxied_stack, load).differences == []
