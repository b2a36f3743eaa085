"""One bad thing at a time: what else keeps working, and within which time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.stacks import eventually, started
from tests.faults import troubles
from tests.faults.conftest import Say
from tests.faults.isolation import (
    BOUNDS_SECONDS,
    HEADER,
    POST_OF,
    POSTS,
    Probe,
    as_row,
    failures,
    measure,
)
from tests.faults.oracle import until_drained
from tests.faults.scene import RECOVERY_SECONDS, Scene

ALL = frozenset(BOUNDS_SECONDS)
SETTINGS = {
    "ENGAGE_REFRESH_INTERVAL_SECONDS": "1",
    "ENGAGE_MAINTENANCE_INTERVAL_SECONDS": "2",
    "ENGAGE_ANALYZE_INTERVAL_SECONDS": "2",
    "ENGAGE_HEALTH_CHECK_INTERVAL_SECONDS": "2",
    # So that there is always an alert for the webhook.
    "ENGAGE_MIN_FREE_DISK_PERCENT": "100",
}
OLD_DAYS = "SELECT count(*) FROM engagement_partitions WHERE day < '2010-01-01'"


@dataclass(frozen=True)
class Fault:
    """A bad thing, what stops working meanwhile, and which partitions do."""

    name: str
    begin: Callable[[Scene], AbstractContextManager[None]]
    stops: frozenset[str] = frozenset()
    halts: tuple[int, ...] = ()
    is_slow: bool = True


FAULTS = (
    Fault("nothing", troubles.nothing, is_slow=False),
    Fault(
        "an unreadable batch in one partition",
        troubles.unreadable_batch,
        halts=(troubles.UNREADABLE_PARTITION,),
    ),
    Fault(
        "a day that cannot be created",
        troubles.blocked_day,
        frozenset({"expiry"}),
        halts=(troubles.BLOCKED_PARTITION,),
    ),
    Fault("an ANALYZE that does not end", troubles.slow_analyze, frozenset({"expiry"})),
    Fault("a long reader of all days", troubles.long_reader, frozenset({"expiry"})),
    # Their queries read days as well.
    Fault(
        "40 clients with reports that do not end", troubles.busy_report_pool, frozenset({"expiry"})
    ),
    Fault("100 unfinished request bodies", troubles.unfinished_bodies),
    Fault("100 clients that do not read", troubles.slow_clients),
    Fault("a frozen webhook receiver", troubles.frozen_webhook),
    Fault("a full disk of the archive", troubles.full_archive, frozenset({"expiry"})),
    Fault(
        "a frozen refresher",
        troubles.frozen("refresher"),
        frozenset({"view", "expiry", "alerts"}),
    ),
    Fault(
        "a frozen Kafka",
        troubles.frozen("kafka"),
        frozenset({"accept", "store", "fresh"}),
    ),
    Fault(
        "a frozen PostgreSQL",
        troubles.frozen("postgres"),
        ALL - {"accept", "health", "status"},
    ),
)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A stack with two consumers whose jobs run every few seconds."""
    folder = tmp_path_factory.mktemp("isolation")
    with troubles.mounted(folder / "archive"):
        settings = SETTINGS | {"ENGAGE_ARCHIVE_URL": str(folder / "archive")}
        with started(folder, "--consumers", "2", environment=settings) as stack:
            seeded = stack.engage("seed", "--posts", str(POSTS), "--users", "10")
            assert seeded.returncode == 0, seeded.stderr
            yield Scene(stack, stack.file["database_url"], 0)


@pytest.fixture(scope="module")
def table() -> list[str]:
    return [HEADER]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, id=fault.name, marks=[pytest.mark.faults] if fault.is_slow else [])
        for fault in FAULTS
    ],
)
def test_fault_leaves_the_rest_working(
    scene: Scene, table: list[str], say: Say, fault: Fault
) -> None:
    is_full = fault.begin is troubles.full_archive
    if is_full and not Path(scene.stack.folder / "archive").is_mount():
        pytest.skip("a full disk needs a tmpfs, which only root may mount here")
    with fault.begin(scene):
        stored = tuple(number for number in POST_OF if number not in fault.halts)
        found = measure(Probe(scene, stored), ALL - fault.stops)
    recovered = _recovered(scene)
    table.append(as_row(fault.name, found))
    say("\n".join([*table, *failures(found)]))

    assert failures(found) == []
    assert recovered


def _recovered(scene: Scene) -> bool:
    """Wait until everything works again and adds up."""
    scene.until_ready()
    assert failures(measure(Probe(scene), ALL)) == []
    until_drained(scene)
    eventually(lambda: scene.value(OLD_DAYS) == 0, "old days are dropped", RECOVERY_SECONDS)
    scene.assert_rollups_match()
    return scene.stack.engage("ledger").stdout.endswith("balanced\n")
