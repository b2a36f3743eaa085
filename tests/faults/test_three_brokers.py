"""Three brokers, three copies of each event, two of which must be there before it is accepted."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Iterator

import pytest

from tests.e2e.stacks import eventually
from tests.faults.brokers import Broker, in_sync, setting, three_brokers
from tests.faults.conftest import Say
from tests.faults.load import Load
from tests.faults.oracle import verify_all
from tests.faults.scene import RECOVERY_SECONDS, Scene

pytestmark = pytest.mark.faults
ALONE_SECONDS = 8.0
MORE_EVENTS = 1_000


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, list[Broker]]]:
    with three_brokers(tmp_path_factory.mktemp("three"), 0) as found:
        yield found


@pytest.fixture
def scene(shared: tuple[Scene, list[Broker]], seed: int) -> Scene:
    scene, _ = shared
    scene.seed = seed
    scene.until_ready()
    return scene


@pytest.fixture
def brokers(shared: tuple[Scene, list[Broker]]) -> Iterator[list[Broker]]:
    _, brokers = shared
    yield brokers
    _start(*(broker for broker in brokers if broker.pid is None))


def test_each_broker_is_killed_in_turn_and_one_loses_its_disk_but_nothing_is_lost(
    scene: Scene, brokers: list[Broker], say: Say
) -> None:
    gaps = []
    with scene.load(rate_per_second=300, retries=True) as load:
        _until_more_accepted(load)
        for broker in brokers:
            began = time.monotonic()
            _kill(broker)
            _until_more_accepted(load)
            gaps.append(load.facts.longest_gap_seconds(began, time.monotonic()))
            if broker is brokers[-1]:
                shutil.rmtree(broker.folder / "data")
            _start(broker)
            _until_copied(scene, 3)
        _until_more_accepted(load)

    servers, topic = _address(scene)
    assert asyncio.run(setting(servers, topic, "min.insync.replicas")) == "2"
    numbers = verify_all(scene, load)
    assert numbers["unknown"] == 0
    longest = max(gaps)
    say(f"{numbers}; {load.facts.resends} sent again; {longest:.1f} s at most without a 202")


def test_with_one_broker_of_three_nothing_is_accepted_that_could_be_lost(
    scene: Scene, brokers: list[Broker], say: Say
) -> None:
    first, second, _ = brokers
    with scene.load(rate_per_second=300) as load:
        _until_more_accepted(load)
        _kill(first)
        _kill(second)
        time.sleep(5)  # a request of before may still be acknowledged
        began = time.monotonic()
        time.sleep(ALONE_SECONDS)
        alone = load.facts.accepted_between(began, time.monotonic())
        _start(first)
        _until_more_accepted(load)
        _start(second)
        _until_copied(scene, 3)

    assert alone == 0
    assert load.facts.statuses[503] > 0
    say(f"{verify_all(scene, load)}; {load.facts.statuses[503]} answers of 503")


def _kill(broker: Broker) -> None:
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    eventually(lambda: broker.pid is None, "it is dead")


def _start(*brokers: Broker) -> None:
    async def start() -> None:
        await asyncio.gather(*(broker.start() for broker in brokers))
        await asyncio.gather(*(broker.wait_ready() for broker in brokers))

    asyncio.run(start())


def _until_copied(scene: Scene, replicas: int) -> None:
    servers, topic = _address(scene)

    def all_are() -> bool:
        found = asyncio.run(in_sync(servers, topic))
        return bool(found) and set(found) == {replicas}

    eventually(all_are, f"{replicas} replicas have everything", RECOVERY_SECONDS)


def _until_more_accepted(load: Load) -> None:
    wanted = len(load.facts.accepted_at) + MORE_EVENTS
    eventually(
        lambda: load.is_done or len(load.facts.accepted_at) >= wanted,
        "events are accepted",
        RECOVERY_SECONDS,
    )
    assert not load.is_done, "the load has failed"


def _address(scene: Scene) -> tuple[str, str]:
    return scene.stack.file["kafka_bootstrap_servers"], scene.stack.file["topic"]
