"""One stack for the tests that leave it as they found it."""

from collections.abc import Iterator

import pytest

from tests.e2e.stacks import Stack, engage, started

POSTS = 300


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack with two consumers and a small catalogue."""
    with started(tmp_path_factory.mktemp("shared stack"), "--consumers", "2") as stack:
        answer = engage("seed", "--posts", str(POSTS), "--users", "50", "--dir", stack.folder)
        assert answer.returncode == 0, answer.stderr
        yield stack
