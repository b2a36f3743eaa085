"""What the documents say is what there is."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import sql
from analytics_api.fair_models import AGES
from engage.configuration import settings_table

ROOT = Path(__file__).parents[2]
METRICS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
# What tells how the service fares, and no number of a report.
REPORT_PATHS = ("/engagement", "/author", "/categories", "/sample", "/analytics", "/reports")
NO_REPORTS = {"versions", "recorded_since"}


def test_the_readmes_table_has_every_setting_with_its_default() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", readme, re.DOTALL)

    assert found, "the README has no table of settings"
    assert found[1] == settings_table(), "write it anew with `engage config table`"


def test_links_to_files_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def asked_by(path: Path) -> set[str]:
    """The SQL files that a module of the read API names."""
    return set(re.findall(r'"(\w+)"', path.read_text(encoding="utf-8"))) & set(sql.names())


@pytest.mark.parametrize(
    "module", sorted((ROOT / "analytics_api").glob("*.py")), ids=lambda path: path.stem
)
def test_every_question_of_the_read_api_stands_in_the_metrics(module: Path) -> None:
    if module.stem in {"refresher", "watch", "lane"}:
        return  # they ask about themselves
    for name in asked_by(module) - NO_REPORTS:
        assert f"`{name}`" in METRICS, f"{module.name} asks {name}.sql"


def test_every_report_stands_in_the_metrics() -> None:
    routers = [
        import_module(f"analytics_api.{path.stem}").router
        for path in (ROOT / "analytics_api").glob("*routes.py")
    ]
    paths = [route.path for router in routers for route in router.routes]
    reports = [path for path in paths if path.startswith(REPORT_PATHS)]

    assert len(reports) > 20
    for path in reports:
        assert path.removesuffix(".ics") in METRICS, path


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
    migration = (ROOT / "schema" / "migrations" / "0016_first_hours.sql").read_text()
    found = re.search(r"RETURN '\{([\d, ]+)\}'::integer\[\]", migration)

    assert found
    assert tuple(map(int, found[1].split(","))) == AGES
