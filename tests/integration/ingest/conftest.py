"""A running ingest service with two keys: one without limits and a public one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import Kafka
from tests.ingesting import Ingest, ingesting
from tests.serving import new_key
from web.auth import Scope

PAGE = "https://www.example.com"


@pytest.fixture
def public_key(tmp_path: Path) -> str:
    return new_key(tmp_path / "keys.json", Scope.INGEST, origins=(PAGE,))


@pytest.fixture
async def ingest(
    kafka: Kafka, topic: str, tmp_path: Path, public_key: str
) -> AsyncIterator[Ingest]:
    uses = str(tmp_path / "uses")
    async with ingesting(
        kafka, topic, tmp_path / "keys.json", ignored_user_ids="13", key_uses_dir=uses
    ) as running:
        yield running
