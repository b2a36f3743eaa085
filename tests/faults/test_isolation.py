"""One part has a fault, and the others keep working."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

import pytest

from tests.e2e.stacks import eventually, started
from tests.faults import injection
from tests.faults.disks import NOT_ALLOWED, tmpfs
from tests.faults.probes import MAX_SECONDS, POST_OF, POSTS, Probe, failures
from tests.faults.stack import RECOVERY_SECONDS, FaultStack

ALL = frozenset(MAX_SECONDS)
EXPIRY = frozenset({"drop_expired_days"})
SETTINGS = {
    "ENGAGE_REFRESH_INTERVAL_SECONDS": "1",
    "ENGAGE_MAINTENANCE_INTERVAL_SECONDS": "2",
    "ENGAGE_ANALYZE_INTERVAL_SECONDS": "2",
    "ENGAGE_HEALTH_CHECK_INTERVAL_SECONDS": "2",
    # There is always an alert for the webhook.
    "ENGAGE_MIN_FREE_DISK_PERCENT": "100",
}
EXPIRED_DAYS = "SELECT count(*) FROM engagement_partitions WHERE day < '2010-01-01'"


@dataclass(frozen=True)
class Fault:
    """A fault, the functions that it stops, and the partition whose events it stops."""

    name: str
    begin: Callable[[FaultStack], AbstractContextManager[None]]
    stops: frozenset[str] = frozenset()
    partition: int | None = None


NO_FAULT = Fault("no fault", lambda _: nullcontext())
FAULTS = (
    Fault(
        "an unreadable batch", injection.unreadable_batch, partition=injection.UNREADABLE_PARTITION
    ),
    Fault(
        "a day that cannot be created", injection.blocked_day, EXPIRY, injection.BLOCKED_PARTITION
    ),
    Fault("an endless ANALYZE", injection.blocked_analyze, EXPIRY),
    Fault(
        "a long reader of all days",
        partial(injection.transaction, statement="SELECT count(*) FROM engagements"),
        EXPIRY,
    ),
    Fault("40 clients with endless reports", injection.busy_report_pool, EXPIRY),
    Fault("100 unfinished bodies", injection.incomplete_bodies),
    Fault("100 clients that do not read", injection.unread_responses),
    Fault("an unresponsive webhook receiver", injection.unresponsive_webhook),
    Fault("a full archive disk", injection.full_archive, EXPIRY),
    Fault(
        "a frozen refresher",
        partial(injection.frozen, role="refresher"),
        EXPIRY | {"refresh_stats_view", "check_health"},
    ),
    Fault(
        "a frozen Kafka",
        partial(injection.frozen, role="kafka"),
        frozenset({"accept_events", "store_events", "show_new_events"}),
    ),
    Fault(
        "a frozen PostgreSQL",
        partial(injection.frozen, role="postgres"),
        ALL - {"accept_events", "answer_probes", "show_status"},
    ),
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultStack]:
    """A stack with two consumers, whose jobs run every few seconds."""
    folder = tmp_path_factory.mktemp("isolation")
    with tmpfs(folder / "archive", "256k", "777"):
        settings = SETTINGS | {"ENGAGE_ARCHIVE_URL": str(folder / "archive")}
        with started(folder, "--consumers", "2", environment=settings) as running:
            seeded = running.engage("seed", "--posts", str(POSTS), "--users", "10")
            assert seeded.returncode == 0, seeded.stderr
            yield FaultStack(folder, running.file["database_url"])


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(NO_FAULT, id=NO_FAULT.name),
        *(pytest.param(fault, id=fault.name, marks=pytest.mark.faults) for fault in FAULTS),
    ],
)
def test_functions_that_do_not_need_a_faulty_part_keep_working(
    stack: FaultStack, fault: Fault
) -> None:
    if fault.begin is injection.full_archive and not (stack.folder / "archive").is_mount():
        pytest.skip(NOT_ALLOWED)
    with fault.begin(stack):
        partitions = tuple(number for number in POST_OF if number != fault.partition)
        seconds = Probe(stack, partitions).measure(ALL - fault.stops)
    print(fault.name, seconds)  # noqa: T201  (shown with -s)
    assert failures(seconds) == []

    stack.until_ready()
    assert failures(Probe(stack).measure(ALL)) == []
    stack.until_drained()
    eventually(lambda: stack.value(EXPIRED_DAYS) == 0, "old days are dropped", RECOVERY_SECONDS)
    assert stack.failed_checks() == []
    assert stack.engage("ledger").stdout.endswith("balanced\n")
