"""The wheel and the sdist of `make package`, in an environment without the checkout."""

import json
import os
import subprocess
import tarfile
import tomllib
import uuid
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backends import Backend
from tests.conftest import Database, Kafka, database_url
from tests.databases import execute

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WHEEL = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
PUBLIC = {"engagement_analytics", "engagement_client"}
FIND = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name)]))
"""


def built(ending: str) -> Path:
    found = list((ROOT / "dist").glob(f"*{ending}"))
    assert len(found) == 1, "build it with `make package`"
    return found[0]


def uv() -> str:
    private = ROOT / ".uv" / "bin" / "uv"
    return str(private) if private.exists() else "uv"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the locked dependencies and the wheel."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    python = str(place / "bin" / "python")
    lock = str(ROOT / "requirements/base.lock")
    for command in (
        ["venv", "--quiet", str(place)],
        ["pip", "sync", "--quiet", "--python", python, "--require-hashes", lock],
        ["pip", "install", "--quiet", "--python", python, "--no-deps", str(built(".whl"))],
        ["pip", "check", "--quiet", "--python", python],
    ):
        subprocess.run([uv(), *command], check=True)
    return place


def run(environment: Path, program: str, *arguments: str, **settings: str) -> str:
    """Run a program of the environment, far from the checkout."""
    inherited = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [environment / "bin" / program, *arguments],
        cwd=environment,
        env=inherited | {"PATH": os.defpath} | settings,
        check=True,
        text=True,
        capture_output=True,
    ).stdout


def test_others_can_import_only_the_public_packages(environment: Path) -> None:
    found = json.loads(run(environment, "python", "-c", FIND, *WHEEL["packages"]))

    assert set(found) == PUBLIC


@pytest.fixture
async def empty_database(servers: Backend) -> AsyncIterator[Database]:
    """A database without any table."""
    name = f"empty_{uuid.uuid4().hex}"
    await execute(servers.database_url, f"CREATE DATABASE {name}")
    yield Database(database_url(servers, name))
    await execute(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)")


async def test_installed_wheel_migrates_and_runs_every_service(
    environment: Path, tmp_path: Path, kafka: Kafka, topic: str, empty_database: Database
) -> None:
    settings = {
        "ENGAGE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "ENGAGE_DATABASE_URL": empty_database.url,
        "ENGAGE_TOPIC": topic,
    }
    folder = ("--dir", str(tmp_path))
    ports = ("--ingest-port", "0", "--api-port", "0")
    run(environment, "python", "-P", "-m", "engagement_analytics", "schema", **settings)
    try:
        run(
            environment, "engage", "up", "--detach", "--stack=external", *folder, *ports, **settings
        )
        checked = run(environment, "engage", "db", "verify", *folder)
    finally:
        run(environment, "engage", "down", *folder)
    assert "ok" in checked


def test_command_line_prints_its_version(environment: Path) -> None:
    assert run(environment, "engage", "--version").strip() == PROJECT["project"]["version"]


def test_command_line_teaches_without_the_extras(environment: Path) -> None:
    assert "dead-letters" in run(environment, "engage", "--help")
    assert "--once" in run(environment, "engage", "demo", "--help")


def test_every_file_of_the_packages_is_in_the_wheel() -> None:
    shipped = set(zipfile.ZipFile(built(".whl")).namelist())
    there = {
        (Path(WHEEL["sources"].get(package, package)) / path.relative_to(ROOT / package)).as_posix()
        for package in WHEEL["packages"]
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    assert len(there) > 300
    assert {name for name in shipped if ".dist-info/" not in name} == there
    assert {name.split("/")[0] for name in there} == PUBLIC


def test_sdist_builds_the_same_wheel(tmp_path: Path) -> None:
    with tarfile.open(built(".tar.gz")) as archive:
        archive.extractall(tmp_path, filter="data")
    [source] = tmp_path.iterdir()
    python = str(ROOT / ".venv" / "bin" / "python")
    subprocess.run(
        [python, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    [again] = tmp_path.glob("*.whl")

    assert again.read_bytes() == built(".whl").read_bytes()
