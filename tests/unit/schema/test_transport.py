"""Plain text and placeholder passwords stay on the machine; certificates are always checked."""

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from schema.errors import SetupError
from schema.settings import KafkaSettings, ReplicaSettings
from schema.transport import fault_of_database, kafka_arguments, start

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
def test_kafka_on_this_machine_may_speak_plain_text(servers: str) -> None:
    assert kafka_arguments(kafka(servers)) == {
        "bootstrap_servers": servers,
        "security_protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SASL_PLAINTEXT"])
@pytest.mark.parametrize("servers", ["kafka:9092", "127.0.0.1:9092,10.0.0.7:9092", "[fd00::1]:1"])
def test_kafka_elsewhere_may_not(servers: str, protocol: Any) -> None:
    with pytest.raises(ValueError, match="ENGAGE_KAFKA_SECURITY_PROTOCOL=SASL_SSL"):
        kafka(servers, kafka_security_protocol=protocol, **SASL)


def test_plain_text_to_kafka_elsewhere_can_be_allowed() -> None:
    assert kafka("kafka:9092", allow_plaintext=True).kafka_security_protocol == "PLAINTEXT"


@pytest.mark.parametrize("missing", SASL)
def test_sasl_without_a_login_is_refused(missing: str) -> None:
    with pytest.raises(ValueError, match="SASL needs"):
        kafka("localhost:9092", kafka_security_protocol="SASL_PLAINTEXT", **SASL | {missing: None})


@pytest.mark.parametrize("password", ["changeme", "CHANGE_ME", "engage", "<your-password>"])
def test_a_placeholder_for_kafka_elsewhere_is_refused_even_over_tls(
    password: str, ca_file: str
) -> None:
    settings = SASL | {"kafka_sasl_password": SecretStr(password), "kafka_ssl_ca_file": ca_file}
    with pytest.raises(ValueError, match="placeholder"):
        kafka("kafka:9092", kafka_security_protocol="SASL_SSL", **settings)


def test_kafka_over_tls_checks_the_certificate_and_its_host_from_tls_1_2_on(ca_file: str) -> None:
    settings = kafka(
        "kafka:9093", kafka_security_protocol="SASL_SSL", kafka_ssl_ca_file=ca_file, **SASL
    )
    arguments = kafka_arguments(settings, "other:9093")

    context = arguments.pop("ssl_context")
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) == 1
    assert arguments == {
        "bootstrap_servers": "other:9093",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "engage",
        "sasl_plain_password": "R7vkq2",
    }


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_holds_none_stops_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match="ENGAGE_KAFKA_SSL_CA_FILE"):
        kafka("kafka:9093", kafka_security_protocol="SSL", kafka_ssl_ca_file=str(path))
    url = f"postgresql://u:R7vkq2@db/x?sslmode=verify-full&sslrootcert={path}"
    assert "sslrootcert" in str(fault_of_database(url, allow_plaintext=False))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:engage@127.0.0.1:5432/x",
        "postgresql://u:p@localhost/x",
        "postgresql://u:p@[::1]:5432/x",
        "postgresql:///x",
        "postgresql:///x?host=/var/run/postgresql",
        "postgresql://u:p@%2Fvar%2Frun%2Fpostgresql/x",
    ],
)
def test_postgresql_on_this_machine_may_speak_plain_text(url: str) -> None:
    assert fault_of_database(url, allow_plaintext=False) is None


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
def test_postgresql_elsewhere_needs_verify_full(url: str) -> None:
    fault = fault_of_database(url, allow_plaintext=False)

    assert "sslmode=verify-full" in str(fault)
    assert "R7vkq2" not in str(fault)
    assert fault_of_database(url, allow_plaintext=True) is None


def test_a_host_and_a_mode_that_the_environment_names_count_as_well(
    monkeypatch: pytest.MonkeyPatch, ca_file: str
) -> None:
    monkeypatch.setenv("PGHOST", "db")
    assert "verify-full" in str(fault_of_database("postgresql:///x", allow_plaintext=False))
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", ca_file)
    assert fault_of_database("postgresql:///x", allow_plaintext=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:postgres@db/x",
        "postgresql://u:Change%2DMe@db/x",
        "postgresql:///x?host=db&password=secret",
    ],
)
def test_a_placeholder_for_postgresql_elsewhere_is_refused_always(url: str) -> None:
    assert "placeholder" in str(fault_of_database(url, allow_plaintext=True))


def test_verify_full_with_a_ca_is_what_is_asked_for(ca_file: str) -> None:
    url = f"postgresql://u:R7vkq2@db/x?sslmode=verify-full&sslrootcert={ca_file}"

    assert fault_of_database(url, allow_plaintext=False) is None


@pytest.mark.parametrize("variable", ["ENGAGE_DATABASE_URL", "ENGAGE_READ_DATABASE_URL"])
@pytest.mark.parametrize("url", ["postgresql://u:Z9canary@[db/x", "postgresql://u:Z9canary@db/x"])
def test_what_is_said_of_a_faulty_url_has_no_password(
    monkeypatch: pytest.MonkeyPatch, url: str, variable: str
) -> None:
    monkeypatch.setenv(variable, url)
    with pytest.raises(SetupError) as refused:
        ReplicaSettings.load()

    assert variable in str(refused.value)
    assert "Z9canary" not in str(refused.value)


class Starting:
    """A client of Kafka that is up when it is told to be."""

    def __init__(self) -> None:
        self.began, self.answered, self.is_up = asyncio.Event(), asyncio.Event(), False

    async def start(self) -> None:
        self.began.set()
        await self.answered.wait()
        self.is_up = True


async def test_who_is_cancelled_while_a_client_starts_waits_until_it_can_be_stopped() -> None:
    client = Starting()
    starting = asyncio.create_task(start(client))
    await client.began.wait()
    starting.cancel()
    client.answered.set()
    with contextlib.suppress(asyncio.CancelledError):
        await starting

    assert starting.cancelled()
    assert client.is_up


async def test_a_client_that_never_starts_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schema.transport._START_SECONDS", 0.01)
    client = Starting()
    starting = asyncio.create_task(start(client))
    await client.began.wait()
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting

    assert starting.cancelled()
    assert not client.is_up
