"""Tests of deploy/ with the programs of Debian: `make deploy-check`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stacks import Stack, started

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CLIENT_RATE = 10
PROXY = "127.0.0.1"


def program(name: str) -> str:
    """Return the path of a program, also of a daemon outside PATH."""
    found = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    assert found, f"{name} is not installed: `make deploy-check` says how to get it"
    return found


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack behind a proxy, with two ingest processes and a small catalogue."""
    environment = {
        "ENGAGE_TRUSTED_PROXIES": PROXY,
        "ENGAGE_CLIENT_RATE_PER_SECOND": str(CLIENT_RATE),
        "ENGAGE_HSTS_SECONDS": "31536000",
    }
    folder = tmp_path_factory.mktemp("deployed")
    with started(folder, "--consumers", "2", environment=environment) as stack:
        for command in (("seed", "--posts", "200", "--users", "20"), ("db", "refresh")):
            answer = stack.engage(*command)
            assert answer.returncode == 0, answer.stderr
        yield stack
