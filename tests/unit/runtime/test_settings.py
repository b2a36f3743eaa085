import pytest

from runtime.settings import KafkaSettings, PooledSettings
from schema.errors import SetupError
from web.settings import HttpSettings


def test_origins_and_proxies_are_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_invalid_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SetupError, match=variable):
        HttpSettings.load()


@pytest.mark.parametrize(("replicas", "least"), [(1, 1), (2, 2), (3, 2), (5, 3)])
def test_min_insync_replicas_default_to_a_majority(replicas: int, least: int) -> None:
    assert KafkaSettings(topic_replication_factor=replicas).least_replicas == least


def test_min_insync_replicas_cannot_exceed_the_replication_factor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ENGAGE_TOPIC_MIN_INSYNC_REPLICAS", "2")
    with pytest.raises(SetupError, match="ENGAGE_TOPIC_REPLICATION_FACTOR"):
        KafkaSettings.load()


def test_role_cannot_be_set_with_a_pooler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGE_DATABASE_POOLER", "true")
    assert PooledSettings.load().database_pooler

    monkeypatch.setenv("ENGAGE_DATABASE_ROLE", "engage_reader")
    with pytest.raises(SetupError, match="ENGAGE_DATABASE_ROLE does not work with a pooler"):
        PooledSettings.load()
