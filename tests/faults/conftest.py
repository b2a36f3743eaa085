"""Faults are never injected into two stacks at once, and each test's draw can be repeated."""

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SEED_VARIABLE = "ENGAGE_TEST_SEED"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests on one worker, with those of the whole stack: all of them measure time."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
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
