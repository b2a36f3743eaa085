"""Servers that are killed and restarted, unlike those that tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engage.embedded import ports
from engage.embedded.kafka import KafkaServer
from engage.embedded.postgres import VERSIONS, PostgresServer


@pytest.fixture
def stack_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "a stack, with: odd=name"
    folder.mkdir()
    return folder


@pytest.fixture
async def kafka_server(stack_folder: Path) -> AsyncIterator[KafkaServer]:
    server = KafkaServer(stack_folder, port=ports.pick(), heap_mb=256)
    # What a crash of the machine may leave: a start ignores it.
    server.folder.mkdir()
    (server.folder / "process.json").write_text('{"pid')
    await server.start()
    await server.wait_ready()
    yield server
    await server.stop()


@pytest.fixture(params=VERSIONS)
async def postgres_server(
    request: pytest.FixtureRequest, stack_folder: Path
) -> AsyncIterator[PostgresServer]:
    server = PostgresServer(stack_folder, port=ports.pick(), version=request.param)
    await server.start()
    await server.wait_ready()
    yield server
    await server.stop()
