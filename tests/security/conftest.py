"""A CA, a broker that speaks SASL_SSL alone to clients, and one group: they share the broker."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.security.certificates import Authority
from tests.security.tls_kafka import SecureKafka


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("security"))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def kafka_password() -> str:
    return secrets.token_urlsafe(24)


@pytest.fixture(scope="session")
async def secure_kafka(
    authority: Authority, kafka_password: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SecureKafka]:
    server = SecureKafka(tmp_path_factory.mktemp("secure kafka"), authority, kafka_password)
    await server.start()
    await server.wait_ready()
    yield server
    await server.stop()
