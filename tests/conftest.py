"""Servers of the run, and a topic and a database for each test.

The run's first process starts the servers and hands their addresses to the parallel workers.
"""

import asyncio
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from schema import topics
from schema.migrate import migrate
from tests.backends import Backend, backend
from tests.databases import connection_to, execute

_STARTED = pytest.StashKey[ExitStack]()
_BACKEND = pytest.StashKey[Backend]()
_WITHOUT_SERVERS = ("unit",)
_STACKS = (
    "tests/e2e/",
    "tests/deploy/",
    "tests/faults/test_headline.py",
    "tests/faults/test_upgrade.py",
    "tests/security/test_tls_stack.py",
)


@dataclass(frozen=True)
class Kafka:
    bootstrap_servers: str


@dataclass(frozen=True)
class Database:
    url: str


def _needs_servers(config: pytest.Config) -> bool:
    roots = [Path(__file__).parent / name for name in _WITHOUT_SERVERS]
    given = [Path(str(argument).split("::")[0]).resolve() for argument in config.args]
    return not all(any(path.is_relative_to(root) for root in roots) for path in given)


def pytest_configure() -> None:
    """Ignore the stack that a shell's variables name, and let examples take any time.

    Properties are tested with the same examples in each run, so that a change makes a test fail,
    not chance; ENGAGE_TEST_RANDOM=1 tries others.
    """
    is_random = os.environ.get("ENGAGE_TEST_RANDOM") == "1"
    settings.register_profile("untimed", deadline=None, derandomize=not is_random)
    settings.load_profile("untimed")
    for name in [*os.environ]:
        if name.startswith("ENGAGE_") and not name.startswith("ENGAGE_TEST_"):
            del os.environ[name]


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if hasattr(config, "workerinput"):
        config.stash[_BACKEND] = Backend(*config.workerinput["backend"])
    elif _needs_servers(config) and not config.option.collectonly:
        config.stash[_STARTED] = started = ExitStack()
        folder = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="engage tests ")))
        config.stash[_BACKEND] = started.enter_context(backend(folder))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if started := session.config.stash.get(_STARTED, None):
        started.close()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    found = node.config.stash.get(_BACKEND, Backend("", ""))
    node.workerinput["backend"] = (found.kafka_bootstrap_servers, found.database_url)


class StacksTogether(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each test to a free worker, and tests of whole stacks to one worker.

    They share a stack, and time what it does. (xdist's own groups are lost on pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return _STACKS[0] if nodeid.startswith(_STACKS) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> StacksTogether:
    return StacksTogether(config, log)


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Backend:
    return pytestconfig.stash[_BACKEND]


@pytest.fixture(scope="session")
def kafka(servers: Backend) -> Kafka:
    """The broker of this run."""
    return Kafka(servers.kafka_bootstrap_servers)


@pytest.fixture
async def topic(kafka: Kafka) -> str:
    """A new topic with the default number of partitions."""
    return await new_topic(kafka)


async def new_topic(kafka: Kafka) -> str:
    name = f"{topics.EVENTS_TOPIC}.{uuid.uuid4()}"
    await create_topic(kafka, name, topics.PARTITIONS)
    return name


async def create_topic(kafka: Kafka, name: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=topics.SETTINGS)])
    finally:
        await admin.close()


async def add_partitions(kafka: Kafka, name: str, total: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_partitions({name: NewPartitions(total)})
    finally:
        await admin.close()


@pytest.fixture(scope="session")
def template_database(servers: Backend) -> str:
    """The name of a migrated database that tests are copied from."""
    name = f"template_{uuid.uuid4().hex}"

    async def make() -> None:
        await execute(servers.database_url, f"CREATE DATABASE {name}")
        async with connection_to(database_url(servers, name)) as connection:
            await migrate(connection)

    _run(make())
    return name


@asynccontextmanager
async def new_database(servers: Backend, template: str) -> AsyncIterator[Database]:
    """Create a migrated database, which is dropped after the block."""
    name = f"test_{uuid.uuid4().hex}"
    create = f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"
    await execute(servers.database_url, create)
    yield Database(database_url(servers, name))
    await execute(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(servers: Backend, template_database: str) -> AsyncIterator[Database]:
    """A new migrated database; its URL is that of a superuser."""
    async with new_database(servers, template_database) as database:
        yield database


def database_url(servers: Backend, name: str) -> str:
    return servers.database_url.rpartition("/")[0] + f"/{name}"


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run outside the tests' loop, which session fixtures must not depend on."""
    with asyncio.Runner() as runner:
        runner.run(coroutine)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
