"""The queries of the reports also run in plain psql, with their parameters as variables."""

import re
from pathlib import Path
from typing import Final

import sql
from tests.conftest import Database
from tests.psql import psql

BY_NAME: Final = {
    "interval": "day", "zone": "UTC", "dimension": "post", "sort": "index", "metric": "posts",
    "by": "segment", "hours": "48",
}  # fmt: skip
BY_TYPE: Final = {
    "text": "x", "int": "1", "bigint": "1", "float8": "1.5", "boolean": "true",
    "timestamptz": "2026-01-02 03:04:05+00", "date": "2026-01-02", "bytea": "\\x00",
    "uuid": "0198f2a6-3c00-7000-8000-000000000000", "engagement_type[]": "{view,like}",
}  # fmt: skip
NUMBERS = {"int", "bigint", "float8", "boolean"}
DECLARED = re.compile(r"^-- :(\w+) +(\S+) ", re.MULTILINE)


def value(source: str, name: str, kind: str) -> str:
    """Return a value plain where the file quotes the variable, else as an SQL literal."""
    if kind in BY_TYPE:
        plain = BY_NAME.get(name, BY_TYPE[kind])
    else:
        assert kind.endswith("[]"), f"{name} is of type {kind}"
        plain = "{" + BY_TYPE[kind.removesuffix("[]")] + "}"
    return plain if f":'{name}'" in source or kind in NUMBERS else f"'{plain}'"


METRICS = Path(__file__).parents[3] / "docs" / "metrics.md"
QUERIES = set(re.findall(r"`(\w+)`", METRICS.read_text(encoding="utf-8"))) & set(sql.names())


async def test_queries_of_the_reports_run_in_psql(database: Database) -> None:
    assert len(QUERIES) > 20
    for name in sorted(QUERIES):
        source = sql.source(name)
        variables = [
            f"--set={parameter}={value(source, parameter, kind)}"
            for parameter, kind in DECLARED.findall(source)
        ]
        steps = ("--command=BEGIN", "--file=-", "--command=ROLLBACK")
        await psql(database.url, source, *variables, *steps)
