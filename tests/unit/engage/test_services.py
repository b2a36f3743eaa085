"""The environment of each service, and of a shell."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from engage.embedded.scram import Login
from engage.stack.layout import Layout, MemberState
from engage.stack.services import Wiring, _instance_id, service, variables
from tests.unit.engage.test_stack import FILE

ROLES = ("ingest", "consumer", "refresher", "api", "catalogue")
WIRING = Wiring(
    kafka_bootstrap_servers="127.0.0.1:9092",
    database_urls={"consumer": "pg://c", "refresher": "pg://r", "api": "pg://a"},
    topic="engagement.events",
)
EXTERNAL = Wiring("k", dict.fromkeys(WIRING.database_urls, "pg://all"), "t", is_external=True)
STACK_SECRET = "of the stack" * 3
SECRET = "R7vkq2"


def environment(role: str, wiring: Wiring = WIRING, listen_fd: int | None = None) -> dict[str, str]:
    program = service(
        MemberState(role, 1, metrics_port=4711),
        wiring=wiring,
        layout=Layout(Path("/s")),
        derived_id_secret=STACK_SECRET,
        listen_fd=listen_fd,
    )
    return dict(program.environment)


@pytest.mark.parametrize(
    ("variable", "readers", "wiring"),
    [
        ("ENGAGE_KAFKA_SASL_PASSWORD", {"ingest", "consumer", "refresher", "api"}, EXTERNAL),
        ("ENGAGE_ARCHIVE_URL", {"refresher"}, WIRING),
        ("ENGAGE_HISTORY_URL", {"refresher", "api"}, WIRING),
        ("AWS_SECRET_ACCESS_KEY", {"refresher"}, WIRING),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", set(ROLES), WIRING),
        ("ENGAGE_DERIVED_ID_SECRET", {"ingest"}, WIRING),
        ("ENGAGE_WEBHOOK_SECRET", set(), WIRING),
        ("ENGAGE_ADMIN_KEY", set(), WIRING),
        ("ENGAGE_READ_KEY", set(), WIRING),
        ("ENGAGE_LOGIN_PASSWORD", set(), WIRING),
    ],
)
def test_variable_is_passed_only_to_services_that_read_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, readers: set[str], wiring: Wiring
) -> None:
    monkeypatch.setenv(variable, SECRET)

    assert {role for role in ROLES if SECRET in environment(role, wiring).values()} == readers


def test_ingest_gets_no_database_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGE_DATABASE_URL", "pg://owner")

    assert [name for name in environment("ingest", listen_fd=9) if "DATABASE" in name] == []


@pytest.mark.parametrize("role", ["consumer", "refresher", "api"])
def test_service_has_its_own_login_on_embedded_servers(role: str) -> None:
    assert environment(role)["ENGAGE_DATABASE_URL"] == WIRING.database_urls[role]
    assert "ENGAGE_DATABASE_ROLE" not in environment(role)


def test_service_sets_its_role_on_external_servers() -> None:
    assert environment("api", EXTERNAL)["ENGAGE_DATABASE_ROLE"] == "engage_reader"


def test_replica_is_used_by_the_read_api_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGE_READ_DATABASE_URL", "pg://replica")
    wiring = replace(WIRING, is_external=True, replica_url="pg://replica")

    assert [r for r in ROLES if "ENGAGE_READ_DATABASE_URL" in environment(r, wiring)] == ["api"]
    assert "ENGAGE_READ_DATABASE_URL" not in environment("api"), "the embedded one has none"


def test_login_of_the_embedded_kafka_replaces_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENGAGE_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("ENGAGE_KAFKA_SASL_USERNAME", "another")
    wiring = replace(WIRING, kafka_login=Login(SECRET))

    assert (
        environment("consumer", wiring).items()
        >= {
            "ENGAGE_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
            "ENGAGE_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "ENGAGE_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "ENGAGE_KAFKA_SASL_USERNAME": "engage",
            "ENGAGE_KAFKA_SASL_PASSWORD": SECRET,
        }.items()
    )
    assert SECRET not in environment("catalogue", wiring).values()


def test_consumer_has_a_static_id_of_its_host_and_its_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def instance_id(host: str, folder: Path) -> str:
        monkeypatch.setattr("socket.gethostname", lambda: host)
        return _instance_id(folder, 1)

    here = instance_id("news-1.example", Path("/srv/a"))
    assert here == instance_id("news-1.example", Path("/srv/a"))
    assert here.startswith("engage-news-1.example-")
    assert here.endswith("-consumer-1")
    assert len({here, instance_id("news-2", Path("/srv/a")), instance_id("x", Path("/b"))}) == 3
    assert instance_id("réd action", Path("/srv/a")).startswith("engage-r-d-action-")
    assert environment("consumer")["ENGAGE_CONSUMER_INSTANCE_ID"].endswith("-consumer-1")


def test_http_service_inherits_its_socket_and_requires_keys() -> None:
    found = environment("api", listen_fd=9)

    assert found["ENGAGE_LISTEN_FD"] == "9"
    assert found["ENGAGE_API_KEYS_FILE"] == "/s/api_keys.json"


def test_derived_id_secret_is_that_of_the_stack_unless_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert environment("ingest")["ENGAGE_DERIVED_ID_SECRET"] == STACK_SECRET
    monkeypatch.setenv("ENGAGE_DERIVED_ID_SECRET", "of several hosts")

    assert environment("ingest")["ENGAGE_DERIVED_ID_SECRET"] == "of several hosts"


def test_database_url_of_the_shell_names_a_password_file(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "a stack's folder")
    layout.folder.mkdir()
    processes = {"kafka": [1], "postgres": [2]}
    msgspec.structs.replace(FILE, processes=processes).write(layout.stack_file)
    url = variables(layout)["ENGAGE_DATABASE_URL"]

    assert url == f"postgresql://u@127.0.0.1:4/d?passfile={quote(str(layout.password_file))}"
    assert layout.password_file.read_text() == "127.0.0.1:4:*:u:p\n"


def test_shell_gets_no_url_of_an_external_database(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    msgspec.structs.replace(FILE, processes={"postgres": []}).write(layout.stack_file)

    assert "ENGAGE_DATABASE_URL" not in variables(layout)
    assert not layout.password_file.exists()


def test_shell_gets_the_kafka_login_without_a_gateway(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    servers = "127.0.0.1:3"
    stack = msgspec.structs.replace(
        FILE,
        processes={"kafka": [1], "postgres": [2]},
        kafka_bootstrap_servers=servers,
        kafka_sasl_bootstrap_servers=servers,
        kafka_sasl_username="engage",
        kafka_sasl_password="p",
    )
    stack.write(layout.stack_file)
    found = variables(layout)

    assert found["ENGAGE_KAFKA_SECURITY_PROTOCOL"] == "SASL_PLAINTEXT"
    assert found["ENGAGE_KAFKA_SASL_PASSWORD"] == "p"
    msgspec.structs.replace(stack, kafka_sasl_bootstrap_servers="127.0.0.1:4").write(
        layout.stack_file
    )
    assert "ENGAGE_KAFKA_SASL_PASSWORD" not in variables(layout)


def test_read_api_alone_gets_the_urls_of_other_services() -> None:
    urls = {"ingest_url": "http://127.0.0.1:1"}
    for role in ROLES:
        program = service(
            MemberState(role, 0),
            wiring=WIRING,
            layout=Layout(Path("/s")),
            derived_id_secret=STACK_SECRET,
            urls=urls,
        )
        assert ("ENGAGE_INGEST_URL" in program.environment) == (role == "api")


@pytest.mark.parametrize("chosen", [None, "ENGAGE_HISTORY_URL", "ENGAGE_HISTORY_ENGINE"])
def test_embedded_stack_has_sealed_days_unless_the_environment_chooses(
    monkeypatch: pytest.MonkeyPatch, chosen: str | None
) -> None:
    if chosen:
        monkeypatch.setenv(chosen, "")
    found = {role: environment(role, WIRING) for role in ("refresher", "api")}

    expected = None if chosen else "/s/history"
    engine = found["api"].get("ENGAGE_HISTORY_ENGINE") or None
    assert (found["refresher"].get("ENGAGE_HISTORY_URL") or None) == expected
    assert engine == (None if chosen else "duckdb:")
    assert not environment("api", EXTERNAL).get("ENGAGE_HISTORY_ENGINE")
