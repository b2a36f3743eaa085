from datetime import timedelta

import pytest
from pydantic import SecretStr

from ingest_service.settings import IngestSettings
from schema.errors import SetupError


def test_secret_of_derived_ids_is_needed_unless_only_this_machine_is_served() -> None:
    on_loopback = IngestSettings()
    assert on_loopback.derived_id_key == IngestSettings().derived_id_key
    assert on_loopback.derived_id_key is not None

    assert IngestSettings(api_keys_file="keys.json").derived_id_key is None
    assert IngestSettings(allow_anonymous=True).derived_id_key is None
    given = IngestSettings(api_keys_file="keys.json", derived_id_secret=SecretStr("s" * 32))
    assert given.derived_id_key == b"s" * 32


def test_short_secret_of_derived_ids_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGE_DERIVED_ID_SECRET", "R7vkq2")

    with pytest.raises(SetupError, match="ENGAGE_DERIVED_ID_SECRET") as caught:
        IngestSettings.load()
    assert "R7vkq2" not in str(caught.value)


def test_public_window_is_never_wider_than_that_of_other_keys() -> None:
    assert IngestSettings().public_window.past == timedelta(hours=48)
    assert IngestSettings(retention_days=1).public_window.past == timedelta(days=1)
    assert IngestSettings(public_key_max_age_seconds=60).public_window.past.seconds == 60
