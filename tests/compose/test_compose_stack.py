"""The Compose stack keeps every event through kills, upgrades and restarts."""

import json
import os
import signal
import urllib.request
from typing import Any

from playwright.sync_api import expect, sync_playwright

from bench.browser import find_browser
from tests.compose.conftest import Compose, bash_blocks
from tests.e2e.stacks import eventually

API = f"http://127.0.0.1:{os.environ.get('API_PORT', '8001')}"
SERVICES = ("ingest", "consumer", "refresher", "api", "catalogue", "kafka", "postgres")
LOAD = (
    "docker compose run --rm --no-deps load "
    "'engage seed && engage load --dir /tmp/load --events {events} --rate 150"
    " && engage load verify --dir /tmp/load'"
)


def with_keys(compose: Compose, script: str) -> str:
    keys = f"INGEST_KEY={compose.key('ingest')} READ_KEY={compose.key('read')}"
    return f"export {keys}; {script}"


def ledger(compose: Compose) -> Any:
    headers = {"Authorization": f"Bearer {compose.key('read')}"}
    with urllib.request.urlopen(urllib.request.Request(f"{API}/ops/ledger", headers=headers)) as r:
        return json.load(r)


def test_commands_of_the_page_work(compose: Compose) -> None:
    usage = next(block for block in bash_blocks("docker.md") if "curl" in block)
    commands = "\n".join(line for line in usage.splitlines() if " down" not in line)

    output = compose.run(commands)

    assert '"event_id"' in output
    assert '"balanced"' in output
    assert compose.run("docker compose ps -q consumer").count("\n") == 2


def test_sample_load_is_stored(compose: Compose) -> None:
    command = "docker compose run --rm --no-deps load"

    compose.run(with_keys(compose, command))

    assert ledger(compose)["balanced"]


def test_no_event_is_lost_when_each_process_is_killed_under_load(compose: Compose) -> None:
    load = compose.start(with_keys(compose, LOAD.format(events=9000)))
    for service in SERVICES:
        pid = compose.pid(service)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda name=service: compose.is_healthy(name), f"{service} is healthy", 90)  # type: ignore[misc]
    output, _ = load.communicate(timeout=240)

    assert load.returncode == 0, output


def test_upgrade_under_load_loses_nothing(compose: Compose) -> None:
    load = compose.start(with_keys(compose, LOAD.format(events=6000)))

    compose.run(bash_blocks("upgrading.md", "## With Docker Compose")[0])
    output, _ = load.communicate(timeout=240)

    assert load.returncode == 0, output


def test_restored_backup_has_every_event_once(compose: Compose) -> None:
    before = ledger(compose)["totals"]["stored"]
    backup = next(block for block in bash_blocks("docker.md") if "pg_dump" in block)
    save, restore = backup.split("\n", 1)

    compose.run(save)
    compose.run(with_keys(compose, LOAD.format(events=1000)))
    compose.run(restore)
    eventually(lambda: ledger(compose)["totals"]["stored"] == before + 1000, "it is stored", 60)

    assert ledger(compose)["balanced"]


def test_numbers_are_the_same_after_down_and_up(compose: Compose) -> None:
    before = ledger(compose)["totals"]["stored"]

    compose.run("docker compose down && docker compose up --wait")

    assert before > 0
    assert ledger(compose)["totals"]["stored"] == before


def test_dashboard_shows_numbers(compose: Compose) -> None:
    options = ["--no-sandbox", "--disable-gpu"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_browser(), args=options)
        page = browser.new_page()
        page.goto(f"{API}/dashboard#key={compose.key('read')}")
        expect(page.locator(".tile").first).to_contain_text("0", timeout=30_000)
        browser.close()
