"""TLS to PostgreSQL and Kafka: only a valid certificate and login are accepted."""

import asyncio
import socket
import ssl
import struct
import warnings
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from pydantic import SecretStr

from runtime.settings import DatabaseSettings, KafkaSettings
from runtime.transport import kafka_arguments
from schema.errors import Unavailable
from sql.pool import connect
from tests.backends import Backend
from tests.security.certificates import Authority, Kind, server_context
from tests.security.tls_kafka import USER, SecureKafka
from tests.security.tls_postgres import behind_tls

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
WRONG = [kind for kind in Kind if kind is not Kind.RIGHT]
REASONS = {
    Kind.WRONG_HOST: "Hostname mismatch",
    Kind.EXPIRED: "certificate has expired",
    Kind.UNKNOWN_CA: "unable to get local issuer certificate",
}


async def query_postgresql(url: str, authority: Authority) -> Any:
    verified = f"{url}?sslmode=verify-full&sslrootcert={authority.ca_file}"
    connection = await connect(DatabaseSettings(database_url=SecretStr(verified)), "test")
    try:
        return await connection.fetchval("SELECT repeat('a', 1000000)")
    finally:
        await connection.close()


async def test_postgresql_with_a_valid_certificate_is_queried_over_tls(
    servers: Backend, authority: Authority
) -> None:
    context = server_context(authority.issue(Kind.RIGHT))
    async with behind_tls(servers.database_url, context) as url:
        assert await query_postgresql(url, authority) == "a" * 1_000_000


@pytest.mark.parametrize("kind", WRONG)
async def test_postgresql_with_an_invalid_certificate_is_rejected(
    servers: Backend, authority: Authority, kind: Kind
) -> None:
    async with behind_tls(servers.database_url, server_context(authority.issue(kind))) as url:
        with pytest.raises(Unavailable, match="SSLCertVerificationError") as caught:
            await query_postgresql(url, authority)

    assert REASONS[kind] in str(caught.value.__cause__)


async def test_postgresql_without_tls_gets_no_password(
    servers: Backend, authority: Authority
) -> None:
    with pytest.raises(Unavailable, match="ConnectionError") as caught:
        await query_postgresql(servers.database_url, authority)

    assert "rejected SSL upgrade" in str(caught.value.__cause__)


async def test_postgresql_with_tls_before_1_2_is_rejected(
    servers: Backend, authority: Authority
) -> None:
    context = only_1_1(server_context(authority.issue(Kind.RIGHT)))
    lenient = only_1_1(ssl.create_default_context(cafile=authority.ca_file))
    async with behind_tls(servers.database_url, context) as url:
        assert await asyncio.to_thread(version_spoken, urlsplit(url).port, lenient) == "TLSv1.1"

        with pytest.raises(Unavailable):
            await query_postgresql(url, authority)


def only_1_1(context: ssl.SSLContext) -> ssl.SSLContext:
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def version_spoken(port: int | None, context: ssl.SSLContext) -> str | None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        plain.sendall(SSL_REQUEST)
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname="localhost") as encrypted:
            return encrypted.version()


async def topics_of(servers: str, authority: Authority, password: str) -> set[str]:
    settings = KafkaSettings(
        kafka_bootstrap_servers=servers,
        kafka_security_protocol="SASL_SSL",
        kafka_ssl_ca_file=str(authority.ca_file),
        kafka_sasl_username=USER,
        kafka_sasl_password=SecretStr(password),
    )
    admin = AIOKafkaAdminClient(**kafka_arguments(settings))
    try:
        async with asyncio.timeout(20):
            await admin.start()
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def test_kafka_with_a_valid_certificate_accepts_the_password(
    secure_kafka: SecureKafka, authority: Authority, kafka_password: str
) -> None:
    address = secure_kafka.address(Kind.RIGHT)

    assert isinstance(await topics_of(address, authority, kafka_password), set)


@pytest.mark.parametrize("kind", WRONG)
async def test_kafka_with_an_invalid_certificate_is_rejected(
    secure_kafka: SecureKafka,
    authority: Authority,
    kafka_password: str,
    kind: Kind,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(KafkaConnectionError):
        await topics_of(secure_kafka.address(kind), authority, kafka_password)

    assert REASONS[kind] in caplog.text


async def test_kafka_in_plain_text_is_rejected(
    secure_kafka: SecureKafka, authority: Authority, kafka_password: str
) -> None:
    with pytest.raises(KafkaError):
        await topics_of(secure_kafka.bootstrap_servers, authority, kafka_password)


async def test_wrong_password_is_rejected_by_kafka_and_not_logged(
    secure_kafka: SecureKafka, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KafkaConnectionError):
        await topics_of(secure_kafka.address(Kind.RIGHT), authority, "R7vkq2-wrong")

    assert "SaslAuthenticationFailed" in caplog.text
    assert "R7vkq2-wrong" not in caplog.text
