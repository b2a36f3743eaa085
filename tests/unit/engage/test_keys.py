"""`engage keys` with a key file, without a stack."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engage.cli import app
from web.auth import KeyRing, LastUses, read_keys

runner = CliRunner()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENGAGE_API_KEYS_FILE", str(tmp_path / "keys.json"))
    monkeypatch.setenv("ENGAGE_KEY_USES_DIR", f"{tmp_path / 'api'}:{tmp_path / 'ingest'}")
    return tmp_path / "keys.json"


def listed(path: Path) -> Any:
    answer = runner.invoke(app, ["keys", "list", "-o", "json", "--dir", str(path.parent / "none")])
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def create(path: Path, *options: str) -> Any:
    return runner.invoke(app, ["keys", "create", "--dir", str(path.parent / "none"), *options])


async def test_key_is_shown_once_and_listed_with_origins_rate_and_last_use(path: Path) -> None:
    origins = ("--origin", "https://A.example:443", "--origin", "http://localhost:1")
    made = create(path, "--scope", "ingest", "--label", "web", *origins, "--rate", "2.5/s")
    assert made.exit_code == 0, made.output
    key = made.stdout.strip()
    assert KeyRing(path).find(f"Bearer {key}".encode()) is not None

    [row] = listed(path)
    assert (row["origins"], row["rate"]) == ("https://a.example http://localhost:1", "2.5/s")
    assert row["last_used_timestamp"] is None
    assert key.split("_")[3] not in json.dumps([row, *map(str, read_keys(path))])

    LastUses(path.parent / "ingest")._touch(row["key_id"])
    assert listed(path)[0]["last_used_timestamp"] >= row["created_timestamp"]


def test_list_shows_when_a_key_expires(path: Path) -> None:
    assert create(path, "--scope", "read", "--expires", "2999-12-31").exit_code == 0
    assert create(path, "--scope", "read").exit_code == 0

    expiries = [row["expires_timestamp"] for row in listed(path)]
    assert [str(each)[:10] for each in expiries] == ["3000-01-01", "None"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(["--origin", "https://a.example/x"], "without a path", id="path"),
        pytest.param(["--origin", "*"], "an origin is", id="any"),
        pytest.param(["--rate", "fast"], "such as 50/s", id="rate"),
        pytest.param(["--rate", "0/s"], "such as 50/s", id="nothing"),
        pytest.param(["--expires", "never"], "such as 30d", id="expiry"),
        pytest.param(["--expires", "2020-01-01"], "in the past", id="past"),
    ],
)
def test_invalid_options_create_no_key(path: Path, options: list[str], says: str) -> None:
    answer = create(path, "--scope", "ingest", *options)

    assert answer.exit_code == 2
    assert says in " ".join(answer.stderr.replace("│", " ").split())
    assert not path.exists()


def test_admin_key_cannot_have_origins(path: Path) -> None:
    answer = create(path, "--scope", "admin", "--origin", "https://a.example")

    assert answer.exit_code == 2
    assert not path.exists()


def test_key_without_options_has_no_origins_and_no_limit(path: Path) -> None:
    assert create(path, "--scope", "read").exit_code == 0

    [entry] = read_keys(path)
    assert (entry.origins, entry.rate_per_second) == ((), None)
    assert (listed(path)[0]["origins"], listed(path)[0]["rate"]) == (None, None)
