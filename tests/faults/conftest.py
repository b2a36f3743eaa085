"""Stacks that the tests of a module share, and the seed of their random choices."""

import os
import secrets
from collections.abc import Iterator

import pytest

from tests.e2e.stacks import started
from tests.faults.proxied import ProxiedStack, run_proxied_stack
from tests.faults.stack import FaultStack

SEED_VARIABLE = "ENGAGE_TEST_SEED"


@pytest.fixture
def seed() -> int:
    """The seed of a test's random choices."""
    drawn = int(os.environ.get(SEED_VARIABLE, secrets.randbelow(10**6)))
    print(f"{SEED_VARIABLE}={drawn}")  # noqa: T201  (shown when the test fails, and with -s)
    return drawn


@pytest.fixture(scope="module")
def embedded_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultStack]:
    folder = tmp_path_factory.mktemp("embedded")
    with started(folder, "--ingest-workers", "2", "--consumers", "2") as running:
        stack = FaultStack(folder, running.file["database_url"])
        stack.record_offset_changes()
        yield stack


@pytest.fixture
def stack(embedded_stack: FaultStack, seed: int) -> FaultStack:
    """A ready stack with embedded servers, two ingest workers and two consumers."""
    embedded_stack.seed = seed
    embedded_stack.until_ready()
    return embedded_stack


@pytest.fixture(scope="module")
def module_proxied_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedStack]:
    with run_proxied_stack(tmp_path_factory.mktemp("proxied"), "--consumers", "2") as stack:
        yield stack


@pytest.fixture
def proxied_stack(module_proxied_stack: ProxiedStack, seed: int) -> Iterator[ProxiedStack]:
    """A ready stack with two consumers and with proxies in front of Kafka and PostgreSQL."""
    module_proxied_stack.seed = seed
    module_proxied_stack.until_ready()
    yield module_proxied_stack
    module_proxied_stack.restore()
