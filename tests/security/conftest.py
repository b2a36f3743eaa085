"""A CA, and a broker that clients can reach by SASL_SSL only."""

import secrets
from collections.abc import AsyncIterator

import pytest

from tests.security.certificates import Authority
from tests.security.tls_kafka import SecureKafka


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
