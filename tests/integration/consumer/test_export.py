import asyncio
import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from engage.cli import app
from tests.integration.consumer.conftest import Pipeline
from tests.integration.consumer.test_erasure import ANN, BOB, event_of, insert_user

runner = CliRunner()


@pytest.fixture
async def engage(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run `engage users ...` against the pipeline's database."""
    monkeypatch.setenv("ENGAGE_DATABASE_URL", pipeline.url)
    monkeypatch.setenv("ENGAGE_DIR", str(tmp_path))

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(runner.invoke, app, ["users", *arguments])

    return run


@pytest.fixture
async def users(pipeline: Pipeline) -> Pipeline:
    """A pipeline with events and dead letters of two users."""
    await insert_user(pipeline, ANN, "=ann")
    await insert_user(pipeline, BOB, "bob")
    async with pipeline.consumer():
        await pipeline.produce([event_of(ANN, days_ago=days) for days in (2, 1, 0)])
        await pipeline.produce([event_of("=ann"), event_of(BOB), event_of(None)])
        await pipeline.produce_raw(b'{"user_id":42,"type":"stare"}', b'{"user_id":43}')
        await pipeline.until_accounted(8)
    return pipeline


async def test_export_has_all_data_of_the_user_and_is_audited(
    users: Pipeline, engage: Any, tmp_path: Path
) -> None:
    file = tmp_path / "ann.ndjson"
    answer = await engage("export", "--user-id", str(ANN), "--by", "ticket 8", "--file", str(file))

    assert answer.exit_code == 0, answer.stderr
    items = [json.loads(line) for line in file.read_text().splitlines()]
    kinds = [item["kind"] for item in items]
    assert kinds == ["external_id", "user", "event", "event", "event", "event", "dead_letter"]
    events = [item for item in items if item["kind"] == "event"]
    assert {event["user_id"] for event in events} == {ANN}
    assert events == sorted(events, key=lambda event: event["engaged_timestamp"])
    assert items[1]["signup_date"] == "2024-02-29"
    assert items[-1]["value"] == '{"user_id":42,"type":"stare"}'
    assert file.stat().st_mode & 0o777 == 0o600
    with os.scandir(tmp_path) as left:
        assert [entry.name for entry in left] == [file.name]
    [audit] = await users.connection.fetch("SELECT * FROM user_exports")
    assert (audit["requested_by"], audit["user_id"]) == ("ticket 8", ANN)
    assert (audit["events"], audit["dead_letters"]) == (4, 1)
    assert audit["finished_timestamp"] is not None


async def test_csv_export_has_all_events_and_no_formula(users: Pipeline, engage: Any) -> None:
    answer = await engage("export", "--external-id", "=ann", "-o", "csv")

    rows = list(csv.DictReader(io.StringIO(answer.stdout)))
    assert [row["kind"] for row in rows].count("event") == 4
    assert rows[0]["external_id"] == "'=ann"
    assert "4 events" in answer.stderr


async def test_export_of_an_erased_user_is_empty(users: Pipeline, engage: Any) -> None:
    await engage("export", "--user-id", str(ANN))
    would = await engage("erase", "--user-id", str(ANN), "--dry-run")
    erased = await engage("erase", "--user-id", str(ANN), "--by", "ticket 9", "--yes")
    exported = await engage("export", "--user-id", str(ANN))
    listed = await engage("erasures", "-o", "json")

    assert would.stdout.removeprefix("would erase") == erased.stdout.removeprefix("erased")
    assert "4 events, 1 dead letters" in erased.stdout
    assert (exported.exit_code, exported.stdout) == (0, "")
    assert "is unknown" in exported.stderr
    assert [row["requested_by"] for row in json.loads(listed.stdout)] == ["ticket 9"]
    before = await users.connection.fetch("SELECT user_id FROM user_exports ORDER BY export_id")
    assert [row[0] for row in before] == [None, ANN]


async def test_erase_and_export_need_a_user(engage: Any) -> None:
    for command in ("erase", "export"):
        answer = await engage(command)
        assert (answer.exit_code, "--user-id" in answer.stderr) == (2, True)
