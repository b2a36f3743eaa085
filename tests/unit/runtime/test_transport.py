"""Plain text and placeholder passwords are for loopback only; certificates are checked."""

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from runtime.settings import KafkaSettings, ReplicaSettings
from runtime.transport import database_problem, kafka_arguments, start
from schema.errors import SetupError

SASL = {"kafka_sasl_username": "engage", "kafka_sasl_password": SecretStr("R7vkq2")}


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGHOST", "PGSSLMODE", "PGSSLROOTCERT"):
        monkeypatch.delenv(name, raising=False)


def kafka(servers: str, **settings: Any) -> KafkaSettings:
    return KafkaSettings(kafka_bootstrap_servers=servers, **settings)


@pytest.mark.parametrize(
    "servers", ["127.0.0.1:9092", "localhost:9092,[::1]:9093", "127.1.2.3:9092"]
)
def test_plain_text_to_kafka_is_allowed_on_loopback(servers: str) -> None:
    assert kafka_arguments(kafka(servers)) == {
        "bootstrap_servers": servers,
        "security_protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SASL_PLAINTEXT"])
@pytest.mark.parametrize("servers", ["kafka:9092", "127.0.0.1:9092,10.0.0.7:9092", "[fd00::1]:1"])
def test_plain_text_to_kafka_is_rejected_beyond_loopback(servers: str, protocol: Any) -> None:
    with pytest.raises(ValueError, match="ENGAGE_KAFKA_SECURITY_PROTOCOL=SASL_SSL"):
        kafka(servers, kafka_security_protocol=protocol, **SASL)
    assert kafka(servers, kafka_security_protocol=protocol, allow_plaintext=True, **SASL)


@pytest.mark.parametrize("missing", SASL)
def test_sasl_needs_a_login(missing: str) -> None:
    with pytest.raises(ValueError, match="SASL needs"):
        kafka("localhost:9092", kafka_security_protocol="SASL_PLAINTEXT", **SASL | {missing: None})


@pytest.mark.parametrize("password", ["changeme", "CHANGE_ME", "engage", "<your-password>"])
def test_placeholder_password_of_kafka_is_rejected_beyond_loopback(
    password: str, ca_file: str
) -> None:
    settings = SASL | {"kafka_sasl_password": SecretStr(password), "kafka_ssl_ca_file": ca_file}
    with pytest.raises(ValueError, match="placeholder"):
        kafka("kafka:9092", kafka_security_protocol="SASL_SSL", **settings)


def test_tls_to_kafka_verifies_certificate_and_host(ca_file: str) -> None:
    settings = kafka(
        "kafka:9093", kafka_security_protocol="SASL_SSL", kafka_ssl_ca_file=ca_file, **SASL
    )
    arguments = kafka_arguments(settings)

    context = arguments.pop("ssl_context")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) == 1
    assert arguments == {
        "bootstrap_servers": "kafka:9093",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "engage",
        "sasl_plain_password": "R7vkq2",
    }


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_invalid_ca_file_is_an_error(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match="ENGAGE_KAFKA_SSL_CA_FILE"):
        kafka("kafka:9093", kafka_security_protocol="SSL", kafka_ssl_ca_file=str(path))
    url = f"postgresql://u:R7vkq2@db/x?sslmode=verify-full&sslrootcert={path}"
    assert "sslrootcert" in str(database_problem(url, allow_plaintext=False))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:engage@127.0.0.1:5432/x",
        "postgresql://u:p@localhost/x",
        "postgresql://u:p@[::1]:5432/x",
        "postgresql:///x",
        "postgresql:///x?host=/var/run/postgresql",
        "postgresql://u:p@%2Fvar%2Frun%2Fpostgresql/x",
        "postgresql://u:R7vkq2@db/x?sslmode=verify-full&sslrootcert={ca_file}",
    ],
)
def test_plain_text_to_postgresql_on_loopback_and_verified_tls_are_allowed(
    url: str, ca_file: str
) -> None:
    assert database_problem(url.format(ca_file=ca_file), allow_plaintext=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:R7vkq2@db/x",
        "postgresql://u:R7vkq2@127.0.0.1:5432,db:5432/x",
        "postgresql://u:R7vkq2@[fd00::1]/x",
        "postgresql:///x?host=db&password=R7vkq2",
        "postgresql:///x?host=127.0.0.1,db",
        "postgresql://u:R7vkq2@db/x?sslmode=require",
        "postgresql://u:R7vkq2@db/x?sslmode=verify-ca",
    ],
)
def test_postgresql_beyond_loopback_needs_verify_full(url: str) -> None:
    problem = database_problem(url, allow_plaintext=False)

    assert "sslmode=verify-full" in str(problem)
    assert "R7vkq2" not in str(problem)
    assert database_problem(url, allow_plaintext=True) is None


def test_host_and_mode_of_the_environment_are_checked(
    monkeypatch: pytest.MonkeyPatch, ca_file: str
) -> None:
    monkeypatch.setenv("PGHOST", "db")
    assert "verify-full" in str(database_problem("postgresql:///x", allow_plaintext=False))
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", ca_file)
    assert database_problem("postgresql:///x", allow_plaintext=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:postgres@db/x",
        "postgresql://u:Change%2DMe@db/x",
        "postgresql:///x?host=db&password=secret",
    ],
)
def test_placeholder_password_of_postgresql_is_rejected_beyond_loopback(url: str) -> None:
    assert "placeholder" in str(database_problem(url, allow_plaintext=True))


@pytest.mark.parametrize("variable", ["ENGAGE_DATABASE_URL", "ENGAGE_READ_DATABASE_URL"])
@pytest.mark.parametrize("url", ["postgresql://u:Z9canary@[db/x", "postgresql://u:Z9canary@db/x"])
def test_error_about_a_url_has_no_password(
    monkeypatch: pytest.MonkeyPatch, url: str, variable: str
) -> None:
    monkeypatch.setenv(variable, url)
    with pytest.raises(SetupError) as caught:
        ReplicaSettings.load()

    assert variable in str(caught.value)
    assert "Z9canary" not in str(caught.value)


class StartingClient:
    """A Kafka client whose start is controlled by the test."""

    def __init__(self) -> None:
        self.began, self.responds, self.is_up = asyncio.Event(), asyncio.Event(), False

    async def start(self) -> None:
        self.began.set()
        await self.responds.wait()
        self.is_up = True


@pytest.mark.parametrize("responds", [True, False])
async def test_cancelled_start_waits_with_a_timeout_until_the_client_has_started(
    monkeypatch: pytest.MonkeyPatch, responds: bool
) -> None:
    monkeypatch.setattr("runtime.transport._START_SECONDS", 10 if responds else 0.01)
    client = StartingClient()
    starting = asyncio.create_task(start(client))
    await client.began.wait()
    starting.cancel()
    if responds:
        client.responds.set()
    with contextlib.suppress(asyncio.CancelledError):
        await starting

    assert starting.cancelled()
    assert client.is_up is responds
