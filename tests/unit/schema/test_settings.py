import pytest

from schema.errors import SetupError
from schema.http.settings import HttpSettings
from schema.settings import KafkaSettings, PooledSettings


def test_origins_and_proxies_are_read_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGE_CORS_ORIGINS", "https://A.example:443, http://b.example:81,")
    monkeypatch.setenv("ENGAGE_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8")
    settings = HttpSettings.load()

    assert settings.cors_origins == "https://a.example,http://b.example:81"
    assert settings.trusted_proxies == "127.0.0.1/32,10.0.0.0/8"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ENGAGE_CORS_ORIGINS", "*"),
        ("ENGAGE_CORS_ORIGINS", "null"),
        ("ENGAGE_TRUSTED_PROXIES", "*"),
        ("ENGAGE_CLIENT_RATE_PER_SECOND", "-1"),
        ("ENGAGE_CLIENT_RATE_PER_SECOND", "nan"),
    ],
)
def test_a_wrong_one_stops_the_start_and_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SetupError, match=variable):
        HttpSettings.load()


@pytest.mark.parametrize(("replicas", "least"), [(1, 1), (2, 2), (3, 2), (5, 3)])
def test_more_than_half_of_the_replicas_must_have_an_event(replicas: int, least: int) -> None:
    assert KafkaSettings(topic_replication_factor=replicas).least_replicas == least


def test_a_topic_that_nothing_could_be_written_to_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENGAGE_TOPIC_MIN_INSYNC_REPLICAS", "2")
    with pytest.raises(SetupError, match="ENGAGE_TOPIC_REPLICATION_FACTOR"):
        KafkaSettings.load()


def test_a_role_that_a_pooler_would_forget_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGE_DATABASE_POOLER", "true")
    assert PooledSettings.load().database_pooler

    monkeypatch.setenv("ENGAGE_DATABASE_ROLE", "engage_reader")
    with pytest.raises(SetupError, match="ENGAGE_DATABASE_ROLE cannot be taken through a pooler"):
        PooledSettings.load()
