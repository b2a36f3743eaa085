"""Metrics named in alert rules, the dashboard and the reference exist."""

import re
import urllib.request
from pathlib import Path

import pytest

from tests.alert_rules import expressions, names_in
from tests.e2e.stacks import Stack

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
_DERIVED = ("_created",)


@pytest.fixture(scope="module")
def exposed(stack: Stack) -> dict[str, set[str]]:
    """The metrics of each role's processes."""
    found = {}
    for role, urls in stack.file["metrics"].items():
        with urllib.request.urlopen(urls[0], timeout=10) as answer:
            names = re.findall(r"^# TYPE (\S+)", answer.read().decode(), re.MULTILINE)
        found[role] = {name for name in names if not name.endswith(_DERIVED)}
    return found


def test_every_metric_of_the_rules_and_the_dashboard_exists(exposed: dict[str, set[str]]) -> None:
    asked = {(title, name) for title, text in expressions() for name in names_in(text)}
    exist = set.union(*exposed.values())

    assert len(asked) > 50
    assert {(title, name) for title, name in asked if name not in exist} == set()


def test_reference_lists_every_metric_of_the_processes(exposed: dict[str, set[str]]) -> None:
    listed = set(re.findall(r"^\* `(engage_\w+)`", REFERENCE.read_text(), re.MULTILINE))
    exist = {name for names in exposed.values() for name in names if name.startswith("engage_")}

    assert exist
    assert exist - listed == set()
