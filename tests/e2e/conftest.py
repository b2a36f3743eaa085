"""One stack for the tests that leave it as they found it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stacks import Stack, engage, started

POSTS = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests on one worker: they share a stack, and time what it does."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("e2e"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack with two consumers and a small catalogue."""
    with started(tmp_path_factory.mktemp("shared stack"), "--consumers", "2") as stack:
        answer = engage("seed", "--posts", str(POSTS), "--users", "50", "--dir", stack.folder)
        assert answer.returncode == 0, answer.stderr
        yield stack
