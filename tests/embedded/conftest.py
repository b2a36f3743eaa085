"""Servers of these tests' own: they are killed and restarted, which shared ones must not be."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engage.embedded import ports
from engage.embedded.kafka import KafkaServer


@pytest.fixture
def stack_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "a stack, with: odd=name"
    folder.mkdir()
    return folder


@pytest.fixture
async def kafka_server(stack_folder: Path) -> AsyncIterator[KafkaServer]:
    server = KafkaServer(stack_folder, port=ports.pick(), heap_mb=256)
    await server.start()
    await server.wait_ready()
    yield server
    await server.stop()
