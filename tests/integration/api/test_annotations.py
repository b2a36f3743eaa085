"""Annotations: recorded by the command, read over HTTP."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engage.cli import app
from tests.conftest import Database
from tests.integration.api.conftest import Api
from tests.waiting import until

NOON = "2026-05-01T12:00:00Z"


@pytest.fixture
def engage(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `engage annotations` on the test's database; returns the exit code and stdout."""
    monkeypatch.setenv("ENGAGE_DATABASE_URL", database.url)
    monkeypatch.setenv("ENGAGE_DIR", str(tmp_path))

    async def run(*arguments: str) -> tuple[int, str]:
        command = ["annotations", *arguments]
        found = await asyncio.to_thread(CliRunner().invoke, app, command)
        return found.exit_code, found.stdout

    return run


async def texts(api: Api, query: str = "") -> list[str]:
    return [each["text"] for each in await api.json(f"/annotations{query}")]


async def test_annotations_are_read_newest_first_those_of_a_post_only_with_it(
    api: Api, engage: Any
) -> None:
    await api.connection.execute("INSERT INTO external_ids VALUES ('post', 'hello', 2)")
    assert (await engage("add", "sent", "--at", NOON))[0] == 0
    assert (await engage("add", "front page", "--at", "2026-05-02T00:30:00+02:00", "--post", "2"))[
        0
    ] == 0
    code, row = await engage("add", "shared", "--post", "hello", "-o", "json")

    assert code == 0
    assert json.loads(row)[0]["post_id"] == 2
    assert await texts(api) == ["sent"]
    assert await texts(api, "?post=2") == ["shared", "front page", "sent"]
    assert await texts(api, "?post=hello&limit=1") == ["shared"]
    assert await texts(api, "?post=3") == ["sent"]
    days = "&start=2026-05-01&end=2026-05-01"
    assert await texts(api, f"?post=2{days}") == ["front page", "sent"]
    assert await texts(api, f"?post=2{days}&tz=Europe/Berlin") == ["sent"]
    (_, _, first) = await api.json("/annotations?post=2")
    assert datetime.fromisoformat(first["annotated_timestamp"]) == datetime(
        2026, 5, 1, 12, tzinfo=UTC
    )
    assert json.loads((await engage("list", "-o", "json"))[1])[0]["title"] == "Post 2"
    assert len(json.loads((await engage("list", "--limit", "2", "-o", "json"))[1])) == 2


async def test_etag_changes_with_each_annotation(api: Api, engage: Any) -> None:
    before = (await api.get("/annotations")).headers["ETag"]
    assert (await engage("add", "sent"))[0] == 0

    async def is_shown() -> bool:
        answer = await api.get("/annotations", **{"If-None-Match": before})
        return answer.status == 200 and len(await answer.json()) == 1

    await until(is_shown)


async def test_dry_runs_change_nothing_and_a_removed_annotation_is_gone(
    api: Api, engage: Any
) -> None:
    assert (await engage("add", "sent", "--dry-run"))[0] == 0
    assert await texts(api) == []
    _, row = await engage("add", "sent", "--at", NOON, "-o", "json")
    number = str(json.loads(row)[0]["annotation_id"])
    code, said = await engage("remove", number, "--dry-run")

    assert code == 0
    assert "2026-05-01 12:00 UTC" in said
    assert await texts(api) == ["sent"]
    assert (await engage("remove", number, "--yes"))[0] == 0
    assert await texts(api) == []
    assert (await engage("remove", number, "--yes"))[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("",),
        ("  ",),
        ("x" * 201,),
        ("two\u2028lines",),
        ("sent", "--at", "9999-12-31T00:00:00Z"),
        ("sent", "--at", "0001-01-01T00:00:00+12:00"),
        ("two\nlines",),
        ("\x1b[31mred",),
        ("sent", "--at", "2026-05-01T12:00:00"),
        ("sent", "--at", "yesterday"),
        ("sent", "--post", "999"),
        ("sent", "--post", "unknown"),
    ],
)
async def test_invalid_annotation_is_rejected(
    api: Api, engage: Any, arguments: tuple[str, ...]
) -> None:
    assert (await engage("add", *arguments))[0] == 2
    assert await texts(api, "?post=1") == []


@pytest.mark.parametrize(
    "query", ["post=unknown", "post=0", "start=1969-12-31", "end=9999-12-31", "limit=0", "day=1"]
)
async def test_invalid_parameters_of_annotations_are_rejected(api: Api, query: str) -> None:
    assert (await api.get(f"/annotations?{query}")).status == 422
