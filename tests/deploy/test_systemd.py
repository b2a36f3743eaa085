"""Units of deploy/systemd are valid, and the services that they start work."""

import asyncio
import os
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg
import pytest

from engage.embedded import ports
from schema.logins import set_passwords
from tests.conftest import Database, Kafka
from tests.deploy.conftest import DEPLOY, program
from tests.integration.consumer.conftest import until
from tests.processes import text_of
from tests.serving import client, new_key
from web.auth import Scope

SYSTEMD = DEPLOY / "systemd"
PYTHON = "/opt/engagement/bin/python"
INSTANCES = re.findall(r"[\w-]+@?\w*\.service", (SYSTEMD / "engagement.target").read_text())
MOST_EXPOSED = 2.0
ROLES = ("consumer", "refresher", "reader", "editor")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A folder with the units, with the path of an existing program."""
    for unit in (*SYSTEMD.glob("*.service"), *SYSTEMD.glob("*.target")):
        (tmp_path / unit.name).write_text(unit.read_text().replace(PYTHON, "/usr/bin/env"))
    return tmp_path


def test_units_are_valid(units: Path) -> None:
    answer = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", *map(str, sorted(units.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize("name", sorted(unit.name for unit in SYSTEMD.glob("*.service")))
def test_unit_restricts_its_service(units: Path, name: str) -> None:
    path = units / name.replace("@.", "@1.")
    if path.name != name:
        (units / name).rename(path)
    answer = subprocess.run(
        [program("systemd-analyze"), "security", "--offline=true", "--no-pager", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    [exposure] = re.findall(r"exposure level for \S+: ([\d.]+)", answer.stdout)
    assert float(exposure) <= MOST_EXPOSED


def environment(name: str, places: dict[str, str], folder: Path) -> dict[str, str]:
    """Return the environment of a unit: its settings, those of its files, and credentials."""
    stem, _, instance = name.removesuffix(".service").partition("@")
    unit = SYSTEMD / (f"{stem}@.service" if instance else name)
    text = unit.read_text().replace("%i", instance)
    found = dict(re.findall(r"^Environment=(\w+)=(.*)$", text, re.MULTILINE))
    for file in re.findall(r"^EnvironmentFile=-?/etc/engagement/(.+)$", text, re.MULTILINE):
        lines = (SYSTEMD / "env" / file).read_text()
        found |= dict(re.findall(r"^(ENGAGE_\w+)=(.*)$", lines, re.MULTILINE))
    for variable in ("ENGAGE_PORT", "ENGAGE_METRICS_PORT"):
        if variable in found:
            found[variable] = str(ports.pick())
    given = folder / f"{name}-credentials"
    given.mkdir()
    for credential, file in re.findall(
        r"^LoadCredential=(\w+):/etc/engagement/secrets/(\w+)$", text, re.MULTILINE
    ):
        (given / credential).write_text(places[file])
    found = {variable: places.get(variable, value) for variable, value in found.items()}
    return {variable: value.replace("%S", str(folder)) for variable, value in found.items()} | {
        "CREDENTIALS_DIRECTORY": str(given)
    }


@contextmanager
def started(name: str, variables: dict[str, str], folder: Path) -> Iterator[None]:
    """Run the command of a unit with this environment only."""
    stem, _, instance = name.removesuffix(".service").partition("@")
    unit = SYSTEMD / (f"{stem}@.service" if instance else name)
    [command] = re.findall(rf"^ExecStart={PYTHON} (.+)$", unit.read_text(), re.MULTILINE)
    with (folder / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, *command.split()],
            env={"PATH": os.defpath} | variables,
            stdout=log,
            stderr=log,
            cwd="/",
        )
    try:
        yield
    finally:
        child.terminate()
        assert child.wait(25) == 0, f"{name} did not end in order"


@pytest.fixture
async def places(database: Database, kafka: Kafka, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """The files of /etc/engagement, for the servers of the tests."""
    passwords = {role: secrets.token_hex(32) for role in ROLES}
    place = database.url.partition("@")[2]
    owner = await asyncpg.connect(database.url)
    await set_passwords(owner, {f"engage_{role}": text for role, text in passwords.items()})
    yield {
        f"{role}_database_url": f"postgresql://engage_{role}:{password}@{place}"
        for role, password in passwords.items()
    } | {
        "kafka_sasl_password": "",
        "derived_id_secret": secrets.token_hex(32),
        "ENGAGE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "ENGAGE_API_KEYS_FILE": str(tmp_path / "api_keys.json"),
        "ENGAGE_CHART_LIBRARY": "",
    }
    for role in ROLES:
        await owner.execute(f"ALTER ROLE engage_{role} NOLOGIN PASSWORD NULL")
    await owner.close()


async def test_services_of_the_units_accept_and_store_an_event(
    places: dict[str, str], topic: str, tmp_path: Path
) -> None:
    keys = Path(places["ENGAGE_API_KEYS_FILE"])
    ingest_key, read_key = new_key(keys, Scope.INGEST), new_key(keys, Scope.READ)
    ports_of, side = {}, []
    with ExitStack() as running:
        for name in INSTANCES:
            # Each run of the tests has a topic of its own.
            variables = environment(name, places, tmp_path) | {"ENGAGE_TOPIC": topic}
            ports_of[name] = variables.get("ENGAGE_PORT", "")
            side.append(f"http://127.0.0.1:{variables['ENGAGE_METRICS_PORT']}/readyz")
            running.enter_context(started(name, variables, tmp_path))
        await until(lambda: all_ready(side), within_seconds=300)

        for name in ("engage-ingest@0.service", "engage-ingest@1.service"):
            sent = {"post_id": 1, "user_id": int(name[-9]) + 1, "type": "like"}
            async with (
                client(f"http://127.0.0.1:{ports_of[name]}", ingest_key) as session,
                session.post("/events?once=like:1d", json=sent) as answer,
            ):
                assert answer.status == 202, await answer.text()

        async def both_are_stored() -> bool:
            url = f"http://127.0.0.1:{ports_of['engage-api.service']}"
            async with client(url, read_key) as session, session.get("/ops/ledger") as answer:
                return bool((await answer.json())["totals"]["stored"] == 2)

        await until(both_are_stored, within_seconds=60)


async def all_ready(urls: list[str]) -> bool:
    return all(await asyncio.gather(*(asyncio.to_thread(text_of, url) for url in urls)))
