"""Imports flow one way: services -> web, sql -> runtime -> schema; no service imports another."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = {"schema", "runtime"}
MAY_IMPORT = {
    "schema": set(),
    "engagement_client": set(),
    "runtime": {"schema"},
    "web": SHARED,
    "sql": SHARED,
    "ingest_service": SHARED | {"web"},
    "consumer": SHARED | {"web", "sql"},
    "analytics_api": SHARED | {"web", "sql"},
    "refresher": SHARED | {"web", "sql", "analytics_api"},
    "catalogue_service": SHARED | {"web", "sql"},
    "loadgen": SHARED | {"web", "sql"},
    "engage": SHARED
    | {"web", "sql", "ingest_service", "consumer", "analytics_api", "refresher"}
    | {"catalogue_service", "loadgen"},
}
# Entry points only start a process.
ENTRY_POINTS = {"schema/__main__.py", "analytics_api/refresher.py"}


def imported_packages(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_package_imports_only_what_lies_below_it(package: str) -> None:
    forbidden = set(MAY_IMPORT) - MAY_IMPORT[package] - {package}
    wrong = {
        file.relative_to(ROOT).as_posix(): found
        for file in (ROOT / package).rglob("*.py")
        if file.relative_to(ROOT).as_posix() not in ENTRY_POINTS
        if (found := imported_packages(file.read_text(encoding="utf-8")) & forbidden)
    }

    assert wrong == {}
