"""PostgreSQL crashes, goes silent, or is cut off in the very moment of a commit."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.stacks import eventually
from tests.faults.conftest import Say
from tests.faults.oracle import verify_all
from tests.faults.proxy import Mode, Spring, Trap
from tests.faults.rig import Rig, every
from tests.faults.scene import RECOVERY_SECONDS

pytestmark = pytest.mark.faults
COMMIT = b"COMMIT\0"
REPORT_SECONDS = 2.0
LONGEST_REPORT_SECONDS = 8.0
SLACK_SECONDS = 3.0
_STORED = "SELECT count(*) FROM engagements"


def test_f13_a_commit_whose_answer_is_lost_is_neither_repeated_nor_forgotten(
    rig: Rig, say: Say
) -> None:
    trap = Trap(COMMIT, Spring.AFTER, left=50, every=3)
    with rig.under_load() as load, rig.fault():
        rig.to_postgres.trap = trap
        eventually(lambda: trap.sprung == 50, "fifty answers were lost", 2 * RECOVERY_SECONDS)
        rig.assert_rollups_match()

    assert load.facts.unknown_at == []
    say(str(verify_all(rig, load)))


def test_f14_connections_that_are_killed_lose_nothing(rig: Rig, say: Say) -> None:
    kill = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name LIKE 'engage-%'"
    )
    killed = []
    with rig.under_load() as load:
        every(0.7, 30, lambda: killed.append(rig.value(kill)))
        rig.assert_rollups_match()

    assert sum(killed) > 60
    assert load.facts.unknown_at == []
    say(f"{verify_all(rig, load)}; {sum(killed)} connections killed")


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, signal.SIGQUIT, signal.SIGINT], ids=["crash", "immediate", "fast"]
)
def test_f15_without_postgresql_events_are_accepted_and_reports_say_so(
    rig: Rig, say: Say, how: signal.Signals
) -> None:
    with rig.under_load() as load:
        with rig.fault() as fault:
            rig.end_postgres(how)
            eventually(lambda: rig.postgres.pid is None, "it is gone")
            # Until then it may tell what it knows.
            eventually(lambda: 200 not in rig.readiness("api"), "the read API knows", 2)
            reports = _reports_for(rig, seconds=6)
        recovered = _stored_again_after(rig)

    assert load.facts.unknown_at == []
    assert load.facts.accepted_between(fault.began, fault.ended) > 1_000
    assert {status for status, _ in reports} == {503}
    assert max(seconds for _, seconds in reports) < REPORT_SECONDS + SLACK_SECONDS
    assert recovered < 15
    say(f"{verify_all(rig, load)}; stored again after {recovered:.1f} s")


def test_f17_a_silent_postgresql_holds_nobody_for_ever(rig: Rig, say: Say) -> None:
    with rig.under_load() as load:
        with rig.fault() as fault:
            rig.to_postgres.mode = Mode.BLACKHOLE
            reports = _reports_for(rig, seconds=30)
            eventually(lambda: 200 not in rig.readiness("consumer"), "consumers are not ready")
        recovered = _stored_again_after(rig)

    assert load.facts.unknown_at == []
    assert load.facts.accepted_between(fault.began, fault.ended) > 1_000
    assert {status for status, _ in reports} <= {200, 503}
    assert reports[-1][0] == 503
    assert max(seconds for _, seconds in reports) < 10
    assert recovered < 15
    slowest = max(seconds for _, seconds in reports)
    say(f"{verify_all(rig, load)}; stored again after {recovered:.1f} s, reports {slowest:.1f} s")


def test_f34_reports_that_have_to_wait_hold_up_neither_events_nor_their_storing(
    rig: Rig, say: Say
) -> None:
    lock = "BEGIN; LOCK TABLE posts IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(15); COMMIT"
    with rig.under_load() as load, ThreadPoolExecutor(200) as readers, rig.fault():
        locked = readers.submit(rig.execute, lock)
        time.sleep(0.5)
        began, before = time.monotonic(), rig.value(_STORED)
        answers = [readers.submit(_report_on, rig, post) for post in range(199)]
        reports = [answer.result() for answer in answers]
        stored, seconds = rig.value(_STORED) - before, time.monotonic() - began
        locked.result()

    assert 503 in {status for status, _ in reports}
    assert max(waited for _, waited in reports) < LONGEST_REPORT_SECONDS + SLACK_SECONDS
    assert load.facts.unknown_at == []
    assert load.facts.longest_answer_seconds < 1 + SLACK_SECONDS
    assert stored > 100 * seconds
    say(f"{verify_all(rig, load)}; {stored:,} stored meanwhile")


def _report_on(rig: Rig, post_id: int) -> tuple[int, float]:
    began = time.monotonic()
    status, _ = rig.get(f"/engagement/{post_id + 1}")
    return status, time.monotonic() - began


def test_a_minute_without_postgresql_is_caught_up_with_within_a_minute(rig: Rig, say: Say) -> None:
    with rig.under_load(rate_per_second=500) as load:
        with rig.fault() as fault:
            rig.end_postgres(signal.SIGKILL)
            time.sleep(60)
        waiting = load.facts.accepted_between(fault.began, fault.ended)
        stored = rig.value(_STORED)
        eventually(lambda: rig.value(_STORED) >= stored + waiting, "all is stored", 60)
        seconds = time.monotonic() - fault.ended

    assert load.facts.unknown_at == []
    assert waiting > 60 * 500 * 0.7
    say(f"{verify_all(rig, load)}; {waiting:,} came in that minute, stored after {seconds:.1f} s")


def _reports_for(rig: Rig, seconds: float) -> list[tuple[int, float]]:
    """Ask for reports for a while; return each status and how long the answer took."""
    found = []
    ended = time.monotonic() + seconds
    while time.monotonic() < ended:
        began = time.monotonic()
        status, _ = rig.get("/categories/top")
        found.append((status, time.monotonic() - began))
        time.sleep(0.3)
    return found


def _stored_again_after(rig: Rig) -> float:
    began = time.monotonic()
    before = rig.value(_STORED)
    eventually(lambda: rig.value(_STORED) > before, "events are stored", RECOVERY_SECONDS)
    return time.monotonic() - began
