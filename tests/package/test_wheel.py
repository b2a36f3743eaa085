"""What `make package` built, in an environment that has nothing else of this project."""

import json
import os
import re
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
NOT_SHIPPED = {".pyc"}
WHERE = """
import importlib, json, sys
print(json.dumps({name: importlib.import_module(name).__file__ for name in sys.argv[1:]}))
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
    lock = str(ROOT / "requirements.lock")
    for command in (
        ["venv", "--quiet", str(place)],
        ["pip", "sync", "--quiet", "--python", python, "--require-hashes", lock],
        ["pip", "install", "--quiet", "--python", python, "--no-deps", str(built(".whl"))],
        ["pip", "check", "--quiet", "--python", python],
    ):
        subprocess.run([uv(), *command], check=True)
    return place


def run(environment: Path, program: str, *arguments: str) -> str:
    """Run a program of the environment, far from the checkout."""
    inherited = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [environment / "bin" / program, *arguments],
        cwd=environment,
        env=inherited | {"PATH": os.defpath},
        check=True,
        text=True,
        capture_output=True,
    ).stdout


def test_every_package_is_imported_from_the_wheel(environment: Path) -> None:
    found = json.loads(run(environment, "python", "-c", WHERE, *PACKAGES))

    assert set(found) == set(PACKAGES)
    assert all("/site-packages/" in where for where in found.values())


def test_the_command_line_says_its_version(environment: Path) -> None:
    assert run(environment, "engage", "--version").strip() == PROJECT["project"]["version"]


def test_the_command_line_teaches_without_the_extras(environment: Path) -> None:
    assert "dead-letters" in run(environment, "engage", "--help")
    assert "--once" in run(environment, "engage", "demo", "--help")


def test_every_file_of_the_packages_is_in_the_wheel() -> None:
    shipped = set(zipfile.ZipFile(built(".whl")).namelist())
    there = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in NOT_SHIPPED
    }

    assert len(there) > 300
    assert {name for name in shipped if ".dist-info/" not in name} == there
    assert {"schema/roles.sql", "sql/engagement.sql", "engage/embedded/jgo.lock.toml"} <= there


def test_the_sdist_builds_the_same_wheel(tmp_path: Path) -> None:
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


def test_the_changes_of_this_version_are_told() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    told = re.findall(r"^## (\S+)", changes, re.MULTILINE)

    assert PROJECT["project"]["version"] in told
