"""Prometheus evaluates every rule and every panel on a running stack."""

import contextlib
import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from engage.embedded import ports
from tests.alert_rules import RULES, expressions, names_in, rules
from tests.deploy.conftest import DEPLOY, program
from tests.deploy.programs import running
from tests.e2e.stacks import Stack, eventually

FOLDER = DEPLOY / "prometheus"
# Metrics with labels that have no series before something goes wrong.
_WITHOUT_SERIES = {
    "engage_rate_limited_total",
    "engage_consumer_dead_letters_total",
    "engage_consumer_halted",
    "engage_refresher_job_errors_total",
}


@pytest.fixture(scope="module")
def prometheus(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prometheus that scrapes the stack."""
    folder, port = tmp_path_factory.mktemp("prometheus"), ports.pick()
    jobs = [
        {
            "job_name": f"engage-{role}",
            "static_configs": [{"targets": [urlsplit(url).netloc for url in urls]}],
        }
        for role, urls in stack.file["metrics"].items()
    ]
    timing = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings = {"global": timing, "rule_files": [str(RULES)], "scrape_configs": jobs}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    command = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(command, folder / "prometheus.log"):
        url = f"http://127.0.0.1:{port}"
        expected = sum(len(urls) for urls in stack.file["metrics"].values())
        eventually(lambda: len(ask(url, "up == 1")) == expected, "all are scraped", 60)
        yield url


def ask(url: str, expression: str) -> list[Any]:
    """Return the result of an expression; empty before Prometheus responds. Fail if it is wrong."""
    query = urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=10) as answer:
            return list(json.load(answer)["data"]["result"])
    except urllib.error.HTTPError as error:
        if error.code != 503:
            pytest.fail(f"{expression}: {error.read().decode()}")
    except OSError:
        pass  # not there yet
    return []


def test_every_panel_shows_something(stack: Stack, prometheus: str) -> None:
    for number in range(3):
        assert stack.post({"post_id": number + 1, "type": "view"})[0] == 202
        assert stack.get("/sample/posts")[0] == 200
        assert stack.get("/live")[0] == 200
        assert stack.post({"post_id": number + 1, "type": "glance"})[0] == 422
    waiting = {
        expression.replace("$__rate_interval", "1m")
        for title, expression in expressions()
        if "Engage" not in title
    }
    assert len(waiting) > 40

    def all_have_a_result() -> bool:
        for expression in tuple(waiting):
            if ask(prometheus, expression) or names_in(expression) <= _WITHOUT_SERIES:
                waiting.remove(expression)
        return not waiting

    with contextlib.suppress(AssertionError):
        eventually(all_have_a_result, "every panel shows something", 60)
    assert not waiting


def test_every_rule_is_evaluated_and_a_stack_in_order_raises_none(prometheus: str) -> None:
    with urllib.request.urlopen(f"{prometheus}/api/v1/rules", timeout=10) as answer:
        [group] = json.load(answer)["data"]["groups"]

    assert {rule["name"] for rule in group["rules"]} == {rule["alert"] for rule in rules()}
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
    firing = {rule["name"] for rule in group["rules"] if rule["state"] == "firing"}
    assert firing == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "config", "one-host.yml"),
        ("test", "rules", "alerts.test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing_wrong(arguments: tuple[str, ...]) -> None:
    answer = subprocess.run(
        [program("promtool"), *arguments], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
