"""Imports flow one way: services -> sql -> schema; no service imports another."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "schema": set(),
    "engagement_client": set(),
    "sql": {"schema"},
    "ingest_service": {"schema"},
    "consumer": {"schema", "sql"},
    "analytics_api": {"schema", "sql"},
    "catalogue_service": {"schema", "sql"},
    "loadgen": {"schema", "sql"},
    "engage": {
        "schema",
        "sql",
        "ingest_service",
        "consumer",
        "analytics_api",
        "catalogue_service",
        "loadgen",
    },
}


def imported_packages(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    forbidden = set(MAY_IMPORT) - MAY_IMPORT[package] - {package}
    wrong = {
        file.relative_to(ROOT).as_posix(): found
        for file in (ROOT / package).rglob("*.py")
        if (found := imported_packages(file.read_text(encoding="utf-8")) & forbidden)
    }

    assert wrong == {}
