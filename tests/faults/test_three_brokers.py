"""Three brokers with three replicas, two of which must be in sync before an event is accepted."""

import asyncio
import shutil
import signal
import time
from collections.abc import Iterator

import pytest

from tests.e2e.stacks import eventually
from tests.faults.brokers import (
    Broker,
    in_sync_replicas,
    run_three_broker_stack,
)
from tests.faults.comparison import compare
from tests.faults.proxied import send_signal, start, until_accepted
from tests.faults.stack import RECOVERY_SECONDS, FaultStack

pytestmark = pytest.mark.faults
EVENTS = 1_000


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[FaultStack, list[Broker]]]:
    with run_three_broker_stack(tmp_path_factory.mktemp("three")) as found:
        yield found


@pytest.fixture
def stack(cluster: tuple[FaultStack, list[Broker]], seed: int) -> FaultStack:
    """A ready stack on three brokers."""
    stack, _ = cluster
    stack.seed = seed
    stack.until_ready()
    return stack


@pytest.fixture
def brokers(cluster: tuple[FaultStack, list[Broker]]) -> Iterator[list[Broker]]:
    _, brokers = cluster
    yield brokers
    start(*brokers)


def kill(broker: Broker) -> None:
    send_signal(broker, signal.SIGKILL)
    eventually(lambda: broker.pid is None, "the broker is killed")


def until_in_sync(stack: FaultStack) -> None:
    servers, topic = stack.file["kafka_bootstrap_servers"], stack.file["topic"]
    eventually(
        lambda: set(asyncio.run(in_sync_replicas(servers, topic))) == {3},
        "all replicas are in sync",
        RECOVERY_SECONDS,
    )


def test_no_event_is_lost_when_each_broker_is_killed_and_one_loses_its_disk(
    stack: FaultStack, brokers: list[Broker]
) -> None:
    with stack.load(rate_per_second=300, retries=True) as load:
        until_accepted(load, EVENTS)
        for broker in brokers:
            kill(broker)
            until_accepted(load, EVENTS)
            if broker is brokers[-1]:
                shutil.rmtree(broker.folder / "data")
            start(broker)
            until_in_sync(stack)
        until_accepted(load, EVENTS)

    compared = compare(stack, load)
    assert compared.differences == []
    assert compared.unknown == 0


def test_no_event_is_accepted_while_two_of_three_brokers_are_down(
    stack: FaultStack, brokers: list[Broker]
) -> None:
    first, second, _ = brokers
    with stack.load(rate_per_second=300) as load:
        until_accepted(load, EVENTS)
        kill(first)
        kill(second)
        time.sleep(5)  # earlier requests may still be acknowledged
        began = time.monotonic()
        time.sleep(8)
        accepted = load.accepted_between(began, time.monotonic())
        start(first)
        until_accepted(load, EVENTS)
        start(second)
        until_in_sync(stack)

    assert accepted == 0
    assert load.statuses[503] > 0
    assert compare(stack, load).differences == []
