"""Faults are never injected into two stacks at once, and each test's draw can be repeated."""

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.rig import Rig, rigged

SEED_VARIABLE = "ENGAGE_TEST_SEED"
_STACKS = {"rig", "scene"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests of a whole stack on one worker, with the other such: all of them measure time."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and _STACKS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("e2e"))


Say = Callable[[str], None]


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Say:
    """A line on the terminal, at once: these tests take long."""

    def line(text: str) -> None:
        with capfd.disabled():
            sys.stderr.write(f"\n  {text}")
            sys.stderr.flush()

    return line


@pytest.fixture
def seed(say: Say) -> int:
    """What all is drawn from."""
    given = os.environ.get(SEED_VARIABLE)
    drawn = int(given) if given else secrets.randbelow(10**6)
    say(f"{SEED_VARIABLE}={drawn}")
    return drawn


@pytest.fixture(scope="module")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One rig for the tests of a module, each of which heals it."""
    with rigged(tmp_path_factory.mktemp("rig"), 0, "--consumers", "2") as rig:
        yield rig


@pytest.fixture
def rig(shared_rig: Rig, seed: int) -> Iterator[Rig]:
    """The rig, well, with this test's seed."""
    shared_rig.seed = seed
    shared_rig.until_ready()
    yield shared_rig
    shared_rig.heal()
