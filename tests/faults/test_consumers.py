"""Consumers crash, freeze and come and go."""

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
from tests.faults.conftest import Say
from tests.faults.oracle import verify_all
from tests.faults.proxy import Mode, Proxy, Spring, Trap
from tests.faults.rig import Rig
from tests.faults.scene import RECOVERY_SECONDS
from tests.processes import Process, process, wake

pytestmark = pytest.mark.faults
COMMIT, BEGIN, COPY = b"COMMIT\0", b"BEGIN\0", b"FROM STDIN"
"""What the consumer says, and none of the other services: theirs end in a semicolon."""
SESSION_SECONDS = 6.0
_LONGEST_SILENCE_SECONDS = 10.0
_LONGEST_LOCK_WAIT_SECONDS = 9.0
"""Five seconds, the pause after them, and a slow machine."""
_ACCOUNTED = "SELECT coalesce(sum(next_offset), 0)::bigint FROM consumer_offsets"


def test_f1_while_one_crashes_again_and_again_the_other_goes_on(rig: Rig, say: Say) -> None:
    longest = 0.0
    with rig.under_load() as load:
        for crash in range(5):
            before, began = rig.value(_ACCOUNTED), time.monotonic()
            victim = rig.kill("consumer", crash % 2)
            eventually(lambda b=before: rig.value(_ACCOUNTED) > b + 100, "events are stored")
            longest = max(longest, time.monotonic() - began)
            rig.until_replaced("consumer", victim)
            time.sleep(3)

    assert longest < 15
    assert load.facts.unknown_at == []
    say(f"{verify_all(rig, load)}; at most {longest:.1f} s until 100 more were stored")


@pytest.mark.parametrize(
    ("pattern", "spring"),
    [(COPY, Spring.BEFORE), (COMMIT, Spring.BEFORE), (COMMIT, Spring.AFTER)],
    ids=["before the rows", "before the commit", "after the commit"],
)
def test_f2_all_crash_in_the_middle_of_a_batch(
    rig: Rig, say: Say, pattern: bytes, spring: Spring
) -> None:
    def kill_all() -> None:
        for pid in rig.pids("consumer"):
            os.kill(pid, signal.SIGKILL)

    trap = Trap(pattern, spring, kill_all, left=10)
    with rig.under_load() as load, rig.fault():
        rig.to_postgres.trap = trap
        eventually(lambda: trap.sprung == 10, "they crashed ten times", 3 * RECOVERY_SECONDS)

    assert load.facts.unknown_at == []
    say(str(verify_all(rig, load)))


@contextmanager
def third_consumer(rig: Rig, folder: Path) -> Iterator[tuple[Process, Proxy]]:
    """Yield a consumer in the group that reaches PostgreSQL by a proxy of its own."""
    with Proxy(rig.postgres.port) as proxy:
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{rig.to_kafka.port}",
            "DATABASE_URL": rig.proxied_database_url(proxy),
            "DATABASE_ROLE": "engage_consumer",
        }
        with process("consumer", folder, settings) as consumer:
            consumer.until_log_has("partitions assigned")
            yield consumer, proxy


@pytest.mark.parametrize("moment", [BEGIN, COMMIT], ids=["before its fence", "behind its fence"])
def test_f3_a_frozen_one_is_replaced_and_writes_nothing_when_it_wakes(
    rig: Rig, say: Say, tmp_path: Path, moment: bytes
) -> None:
    released = threading.Event()
    with rig.under_load() as load, third_consumer(rig, tmp_path) as (zombie, proxy):

        def freeze_and_wait() -> None:
            os.kill(zombie.pid, signal.SIGSTOP)
            released.wait(120)

        proxy.trap = trap = Trap(moment, Spring.BESIDE, freeze_and_wait)
        try:
            eventually(lambda: trap.sprung, "it froze")
            began = time.monotonic()
            standing = _standing(rig)
            eventually(
                lambda: all(now > then for now, then in zip(_standing(rig), standing, strict=True)),
                "every partition goes on without it",
                RECOVERY_SECONDS,
            )
            moved_after = time.monotonic() - began
        finally:
            released.set()
            wake(zombie.pid)
        zombie.until_log_has("offset conflict" if moment is BEGIN else "PostgreSQL is away")

    numbers = verify_all(rig, load)
    assert moved_after < SESSION_SECONDS + _LONGEST_SILENCE_SECONDS + _LONGEST_LOCK_WAIT_SECONDS
    say(f"{numbers}; all partitions went on after {moved_after:.1f} s")


def _standing(rig: Rig) -> list[int]:
    rows = rig.query("SELECT next_offset FROM consumer_offsets ORDER BY partition")
    return [row[0] for row in rows]


def test_f4_a_locked_table_is_waited_for_without_leaving_the_group(rig: Rig, say: Say) -> None:
    with rig.under_load() as load, rig.fault() as fault:
        rebalances = rig.log("consumer").count("partitions assigned")
        before = rig.value("SELECT count(*) FROM engagements")
        rig.execute("BEGIN; LOCK TABLE engagements IN EXCLUSIVE MODE; SELECT pg_sleep(45); COMMIT")
        assert rig.value("SELECT count(*) FROM engagements") >= before

    assert load.facts.unknown_at == []
    assert fault.ended - fault.began > 45
    assert "LockNotAvailableError" in rig.log("consumer")
    numbers = verify_all(rig, load)
    assert rig.log("consumer").count("partitions assigned") == rebalances
    say(str(numbers))


def test_f5_members_that_come_and_go_do_not_stop_the_others(
    rig: Rig, say: Say, tmp_path: Path
) -> None:
    with rig.under_load() as load:
        before = rig.value(_ACCOUNTED)
        for _ in range(6):
            with third_consumer(rig, tmp_path):
                time.sleep(1)
        stored = rig.value(_ACCOUNTED) - before
        accepted = len(load.facts.accepted_at)

    assert stored > accepted / 4
    say(f"{verify_all(rig, load)}; {stored:,} stored meanwhile")


def test_f6_started_without_postgresql_they_begin_where_the_rows_stand(rig: Rig, say: Say) -> None:
    with rig.under_load() as load:
        with rig.fault():
            rig.to_postgres.mode = Mode.REFUSE
            rig.to_postgres.reset_all()
            victims = [rig.kill("consumer", slot) for slot in (0, 1)]
            for victim in victims:
                rig.until_replaced("consumer", victim)
            eventually(lambda: rig.readiness("consumer") == [503, 503], "they wait")
            time.sleep(8)
        rig.until_ready()

    assert load.facts.unknown_at == []
    assert "PostgreSQL is away" in rig.log("consumer")
    say(str(verify_all(rig, load)))


def test_f33_partitions_that_are_added_under_load_are_written_to_and_read(
    rig: Rig, say: Say
) -> None:
    topic = rig.stack.file["topic"]
    partitions = rig.value("SELECT count(*) FROM consumer_offsets")
    for slot in (0, 1):
        # One that came back by its name does not know that it leads the group.
        rig.until_replaced("consumer", rig.kill("consumer", slot))
    rig.until_ready()
    with rig.under_load() as load:
        kafka = Kafka(f"127.0.0.1:{rig.to_kafka.port}")
        asyncio.run(add_partitions(kafka, topic, partitions + 2))
        for added in (partitions, partitions + 1):
            stored = f"SELECT sum(stored) FROM consumer_offsets WHERE partition = {added}"
            eventually(lambda s=stored: (rig.value(s) or 0) > 50, "the new ones are in use", 60)

    assert load.facts.unknown_at == []
    assert rig.query("SELECT first_offset FROM consumer_offsets WHERE first_offset <> 0") == []
    say(str(verify_all(rig, load)))
