from pathlib import Path

import pytest

from engage.commands.config import settings_in_force
from engage.settings import ClientSettings
from engage.target import Target
from runtime.settings import DatabaseSettings, MigrateSettings
from schema.errors import SetupError

URL = "postgresql://engage_reader:R7vkq2@127.0.0.1/engagement"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ENGAGE_DATABASE_URL", "ENGAGE_SECRETS_DIR", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "ENGAGE_DATABASE_URL").write_text(f"{URL}\n")
    return tmp_path


@pytest.mark.parametrize("variable", ["ENGAGE_SECRETS_DIR", "CREDENTIALS_DIRECTORY"])
def test_secrets_are_read_from_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(folder))
    (folder / "ENGAGE_READER_DATABASE_PASSWORD").write_text("R7vkq2\n")

    assert DatabaseSettings.load().database_url.get_secret_value() == URL
    assert MigrateSettings.load().passwords == {"engage_reader": "R7vkq2"}
    assert Target(folder, None, ClientSettings.load()).database_url == URL
    [row] = [row for row in settings_in_force() if row["variable"] == "ENGAGE_DATABASE_URL"]
    assert (row["value"], row["source"]) == ("********", "secrets folder")


def test_environment_has_precedence_and_a_missing_folder_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGAGE_SECRETS_DIR", str(folder))
    monkeypatch.setenv("ENGAGE_DATABASE_URL", "postgresql:///other")
    assert DatabaseSettings.load().database_url.get_secret_value() == "postgresql:///other"

    monkeypatch.setenv("ENGAGE_SECRETS_DIR", str(folder / "none"))
    with pytest.raises(SetupError, match="ENGAGE_SECRETS_DIR"):
        DatabaseSettings.load()
