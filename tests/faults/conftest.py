"""Stacks to harm, and draws that can be repeated."""

import os
import secrets
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from consumer.settings import ConsumerSettings
from tests.conftest import Database, Kafka
from tests.e2e.stacks import started
from tests.faults.rig import Rig, rigged
from tests.faults.scene import Scene
from tests.integration.consumer.conftest import Pipeline

SEED_VARIABLE = "ENGAGE_TEST_SEED"


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
def shared_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scene")
    with started(folder, "--ingest-workers", "2", "--consumers", "2") as stack:
        scene = Scene(stack, stack.file["database_url"], 0)
        scene.note_moves()
        yield scene


@pytest.fixture
def scene(shared_scene: Scene, seed: int) -> Scene:
    """The embedded stack, as its users start it, with this test's seed."""
    shared_scene.seed = seed
    shared_scene.until_ready()
    return shared_scene


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


@pytest.fixture
async def log(kafka: Kafka, topic: str, database: Database) -> AsyncIterator[Pipeline]:
    """A topic and a database without a consumer."""
    settings = ConsumerSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        database_url=SecretStr(database.url),
        topic=topic,
        consumer_group=f"group-{uuid.uuid4()}",
        session_timeout_seconds=3.0,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, acks="all", max_request_size=2**20
    )
    await producer.start()
    connection = await asyncpg.connect(database.url)
    yield Pipeline(settings, producer, connection)
    await connection.close()
    await producer.stop()
