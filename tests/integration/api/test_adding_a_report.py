"""docs/adding-a-report.md, carried out: its SQL file and module are all that a report needs."""

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

import sql
from analytics_api.report import REPORTS
from engage.cli import app as engage
from tests.conftest import Database, Kafka
from tests.integration.api.conftest import Api, row, serving
from tests.psql import psql

PAGE = Path(__file__).parents[3] / "docs" / "adding-a-report.md"


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The SQL file and the module of the page, in the folders of the package."""
    blocks = re.findall(r"```(sql|python)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    query, module = (tmp_path / name for name in ("languages.sql", "languages.py"))
    for file, (_, text) in zip((query, module), blocks, strict=True):
        file.write_text(text, encoding="utf-8")
    files = {**sql._files(), "languages": query}
    monkeypatch.setattr(sql, "_files", lambda: files)
    spec = spec_from_file_location("languages", module)
    assert spec is not None
    assert spec.loader is not None
    loaded = module_from_spec(spec)
    spec.loader.exec_module(loaded)
    yield loaded
    del REPORTS["languages"]
    sql.load.cache_clear()


@pytest.fixture
async def reporting(
    api: Api, database: Database, kafka: Kafka, report: ModuleType
) -> AsyncIterator[Api]:
    """A read API that has the report, and posts in two languages."""
    assert report.languages
    await api.connection.execute(
        "INSERT INTO post_metadata (post_id, language) VALUES (1, 'de'), (2, 'de'), (3, 'fr')"
    )
    await api.store([row(post) for post in (1, 2, 3, 3, 3)])
    await api.connection.execute("SELECT refresh_engagement_stats()")
    async with serving(api.connection, database, kafka, api.topic, api.keys) as other:
        yield other


async def test_declared_report_has_json_csv_sql_openapi_and_a_command(
    reporting: Api, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await reporting.json("/reports/languages?limit=2")
    assert found == [
        {"language": "fr", "posts": 1, "total_engagements": 3},
        {"language": "de", "posts": 2, "total_engagements": 2},
    ]
    as_text = [{name: str(value) for name, value in row.items()} for row in found]

    table = await (await reporting.get("/reports/languages?limit=2&format=csv")).text()
    assert list(csv.DictReader(io.StringIO(table))) == as_text

    script = await (await reporting.get("/reports/languages?limit=2&format=sql")).text()
    rows = csv.DictReader(io.StringIO(await psql(database.url, script)))
    assert list(rows) == as_text

    operation = (await reporting.json("/openapi.json"))["paths"]["/reports/languages"]["get"]
    assert operation["description"] == "How much engagement is there with posts of each language?"
    assert [each["name"] for each in operation["parameters"]] == ["limit"]
    for wrong, code in (("limit=0", "invalid_parameter"), ("page=1", "unknown_parameter")):
        answer = await reporting.get(f"/reports/languages?{wrong}")
        assert (answer.status, (await answer.json())["code"]) == (422, code)

    etag = (await reporting.get("/reports/languages")).headers["ETag"]
    assert (await reporting.get("/reports/languages", **{"If-None-Match": etag})).status == 304

    monkeypatch.setenv("ENGAGE_API_URL", reporting.url)
    key = reporting.session.headers["Authorization"].removeprefix("Bearer ")
    monkeypatch.setenv("ENGAGE_READ_KEY", key)
    command = ["report", "languages", "--dir", str(tmp_path), "--limit", "2"]
    for output, parsed in (("json", json.loads), ("csv", None), ("table", None)):
        answer = await asyncio.to_thread(CliRunner().invoke, engage, [*command, "-o", output])
        assert answer.exit_code == 0, answer.output
        assert "fr" in answer.stdout
        if parsed:
            assert parsed(answer.stdout) == found
