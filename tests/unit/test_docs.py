"""What the documents say is what there is."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import sql
from analytics_api.reports.fair.models import AGES
from engage.configuration import settings_table

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md")]
READ_API = ROOT / "analytics_api"
METRICS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
# What tells how the service fares, and no number of a report.
REPORT_PATHS = ("/engagement", "/author", "/categories", "/sample", "/analytics", "/reports")
NO_REPORTS = {"versions", "recorded_since", "external_ids_of"}


def test_the_readmes_table_has_every_setting_with_its_default() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", readme, re.DOTALL)

    assert found, "the README has no table of settings"
    assert found[1] == settings_table(), "write it anew with `engage config table`"


def test_the_tests_that_are_named_as_proof_exist() -> None:
    named = {
        (page.name, name)
        for page in PAGES
        for name in re.findall(r"`(tests/[^`]+)`", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 40
    for page, name in named:
        path, _, test = name.partition("::")
        assert (ROOT / path).exists(), f"{page} names {name}"
        source = (ROOT / path).read_text(encoding="utf-8") if test else ""
        assert not test or f"def {test}(" in source, f"{page} names {name}"


def test_every_promise_and_every_defence_names_its_proof() -> None:
    for name in ("docs/guarantees.md", "SECURITY.md"):
        page = (ROOT / name).read_text(encoding="utf-8")
        tables = re.findall(r"^\|.*\| proof \|\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
        assert tables
        for row in "".join(tables).splitlines():
            assert "`tests/" in row or "[docs/keys.md]" in row or "ruff" in row, row


def test_every_alarm_is_explained() -> None:
    page = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")
    source = (ROOT / "analytics_api" / "refresher" / "alarms.py").read_text(encoding="utf-8")
    alarms = {*re.findall(r'Alarm\("(\w+)"', source), "unwatched"}

    assert len(alarms) > 8
    assert {alarm for alarm in alarms if f"| `{alarm}` |" not in page} == set()


def test_every_fault_has_a_row_and_every_test_of_one_is_in_it() -> None:
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    rows = dict.fromkeys((f"F{number}" for number in range(1, 41)), "")
    for fault, row in re.findall(r"^\| (F\d+) \|(.*)$", page, re.MULTILINE):
        rows[fault] += row
    assert all("::test_" in row for row in rows.values())
    for path in (ROOT / "tests" / "faults").glob("test_*.py"):
        for name, number in re.findall(r"def (test_f(\d+)_\w+)", path.read_text(encoding="utf-8")):
            assert name in rows[f"F{number}"]


def asked_by(path: Path) -> set[str]:
    """The SQL files that a module of the read API names."""
    return set(re.findall(r'"(\w+)"', path.read_text(encoding="utf-8"))) & set(sql.names())


@pytest.mark.parametrize(
    "module",
    sorted(READ_API.rglob("*.py")),
    ids=lambda path: path.relative_to(READ_API).as_posix(),
)
def test_every_question_of_the_read_api_stands_in_the_metrics(module: Path) -> None:
    if module.is_relative_to(READ_API / "refresher") or module.stem == "replica":
        return  # they ask about themselves
    for name in asked_by(module) - NO_REPORTS:
        assert f"`{name}`" in METRICS, f"{module.name} asks {name}.sql"


def test_every_report_stands_in_the_metrics() -> None:
    routers = [
        import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)).router
        for path in READ_API.rglob("*routes.py")
    ]
    paths = [route.path for router in routers for route in router.routes]
    reports = [path for path in paths if path.startswith(REPORT_PATHS)]

    assert len(reports) > 20
    for path in reports:
        assert path.removesuffix(".ics").replace(":path}", "}") in METRICS, path


def test_what_the_metrics_call_sql_is_there() -> None:
    is_sql, named = False, []
    for line in METRICS.splitlines():
        if not line.startswith("|"):
            is_sql = False
        elif line.endswith("| SQL |"):
            is_sql = True
        elif is_sql:
            named += re.findall(r"`(\w+)`", line.rsplit("|", 2)[1])

    assert len(named) > 20
    assert set(named) <= set(sql.names())


def test_the_ages_are_those_of_the_database() -> None:
    migration = (ROOT / "schema" / "migrations" / "0017_first_hours.sql").read_text()
    found = re.search(r"RETURN '\{([\d, ]+)\}'::integer\[\]", migration)

    assert found
    assert tuple(map(int, found[1].split(","))) == AGES
