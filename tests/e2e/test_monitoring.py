"""What is watched exists: names in alert rules, dashboard and docs against the real processes."""

import re
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.stacks import Stack
from tests.monitored import expressions, names_in

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"
_DERIVED = ("_created",)


@pytest.fixture(scope="module")
def told(stack: Stack) -> dict[str, set[str]]:
    """The metrics of each role's processes."""
    found = {}
    for role, urls in stack.file["metrics"].items():
        with urllib.request.urlopen(urls[0], timeout=10) as answer:
            names = re.findall(r"^# TYPE (\S+)", answer.read().decode(), re.MULTILINE)
        found[role] = {name for name in names if not name.endswith(_DERIVED)}
    return found


def test_every_metric_of_the_rules_and_the_dashboard_exists(told: dict[str, set[str]]) -> None:
    asked = {(title, name) for title, text in expressions() for name in names_in(text)}
    exist = set.union(*told.values())

    assert len(asked) > 50
    assert {(title, name) for title, name in asked if name not in exist} == set()


def test_the_docs_list_every_metric_where_it_is(told: dict[str, set[str]]) -> None:
    rows = re.findall(r"^\| `(engage_\w+)[^|]*\| ([\w, ]+) \|", PAGE.read_text(), re.MULTILINE)
    listed = {(role, name) for name, roles in rows for role in roles.split(", ")}
    exist = {
        (role, name) for role, names in told.items() for name in names if name.startswith("engage_")
    }

    assert listed == exist
