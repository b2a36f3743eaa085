"""What each service learns from its environment, and what it does not."""

from dataclasses import replace
from pathlib import Path

import pytest

from engage.stack.layout import Layout
from engage.stack.services import Wiring, service
from engage.stack.state import MemberState

WIRING = Wiring(
    kafka_bootstrap_servers="127.0.0.1:9092",
    database_urls={"consumer": "pg://c", "refresher": "pg://r", "api": "pg://a"},
    topic="engagement.events",
)


def environment(role: str, wiring: Wiring = WIRING, listen_fd: int | None = None) -> dict[str, str]:
    place = MemberState(role, 1, side_port=4711)
    made = service(place, wiring=wiring, layout=Layout(Path("/s")), listen_fd=listen_fd)
    return dict(made.environment)


def test_the_ingest_service_never_learns_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGE_DATABASE_URL", "pg://owner")

    assert [name for name in environment("ingest", listen_fd=9) if "DATABASE" in name] == []


@pytest.mark.parametrize("role", ["consumer", "refresher", "api"])
def test_each_other_service_has_a_login_of_its_own(role: str) -> None:
    assert environment(role)["ENGAGE_DATABASE_URL"] == WIRING.database_urls[role]
    assert "ENGAGE_DATABASE_ROLE" not in environment(role)


def test_with_one_login_for_all_each_takes_its_role() -> None:
    shared = Wiring("k", dict.fromkeys(WIRING.database_urls, "pg://all"), "t", is_external=True)

    assert environment("api", shared)["ENGAGE_DATABASE_ROLE"] == "engage_reader"


def test_the_replica_is_told_to_the_read_api_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGE_READ_DATABASE_URL", "pg://replica")
    wiring = replace(WIRING, is_external=True, replica_url="pg://replica")

    assert environment("api", wiring)["ENGAGE_READ_DATABASE_URL"] == "pg://replica"
    for role in ("ingest", "consumer", "refresher", "catalogue"):
        assert "ENGAGE_READ_DATABASE_URL" not in environment(role, wiring)
    assert "ENGAGE_READ_DATABASE_URL" not in environment("api"), "the embedded one has none"


def test_the_way_to_an_external_kafka_is_told_to_those_alone_who_go_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENGAGE_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("ENGAGE_KAFKA_SASL_PASSWORD", "R7vkq2")
    external = Wiring("k", WIRING.database_urls, "t", is_external=True)

    assert environment("consumer", external)["ENGAGE_KAFKA_SASL_PASSWORD"] == "R7vkq2"
    assert environment("consumer", external)["ENGAGE_KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
    assert not [name for name in environment("catalogue", external) if "KAFKA" in name]


def test_the_embedded_kafka_is_reached_in_plain_text_wherever_else_the_environment_leads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENGAGE_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")

    assert environment("consumer")["ENGAGE_KAFKA_SECURITY_PROTOCOL"] == "PLAINTEXT"


def test_consumers_are_static_members() -> None:
    assert environment("consumer")["ENGAGE_CONSUMER_INSTANCE_ID"] == "engage-consumer-1"


def test_settings_of_the_caller_are_passed_on_but_not_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENGAGE_TIME_ZONE", "Europe/Vienna")
    monkeypatch.setenv("ENGAGE_READ_KEY", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    found = environment("api")

    assert found["ENGAGE_TIME_ZONE"] == "Europe/Vienna"
    assert "secret" not in found.values()


def test_http_services_inherit_their_socket_and_demand_keys() -> None:
    found = environment("api", listen_fd=9)

    assert found["ENGAGE_LISTEN_FD"] == "9"
    assert found["ENGAGE_API_KEYS_FILE"] == "/s/api_keys.json"


def test_services_learn_where_traces_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")

    assert environment("consumer")["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"


def test_the_way_to_an_object_store_is_told_to_the_refresher_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "R7vkq2")
    monkeypatch.setenv("ENGAGE_ARCHIVE_URL", "s3://bucket/events")

    assert environment("refresher")["AWS_SECRET_ACCESS_KEY"] == "R7vkq2"
    assert environment("refresher")["ENGAGE_ARCHIVE_URL"] == "s3://bucket/events"
    assert "AWS_SECRET_ACCESS_KEY" not in environment("consumer")
