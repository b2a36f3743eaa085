"""``format=sql``: the script that finds a report's rows again, in plain psql."""

import csv
import io
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import Database
from tests.integration.api.conftest import Api, row
from tests.psql import psql

AWKWARD = 'O\'Neil \\ "2" {a,b} :x\nends'
REPORTS = (
    "/reports/overview", "/reports/series?tz=Asia/Kathmandu&interval=hour&period=7d",
    "/reports/ranking/author?tag=x&promoted=true", "/reports/fair-posts", "/reports/fair-authors",
    "/reports/opportunity", "/reports/cohorts", "/reports/effects", "/reports/when-to-post",
    "/reports/when-to-post/next", "/reports/posting-hours", "/reports/movers",
    "/reports/funnel?category=Tech&author=1", "/reports/audience?type=like",
    "/analytics/top-authors", "/analytics/engagement-patterns?tz=UTC",
    "/analytics/opportunity-authors", "/sample/posts", "/sample/authors", "/categories/top",
    "/engagement/1", "/engagement/1?period=all", "/author/1/trends",
)  # fmt: skip


@pytest.fixture
async def busy(api: Api) -> Api:
    await api.connection.execute("UPDATE posts SET category = $1 WHERE post_id < 4", AWKWARD)
    await api.store([row(post, days_ago=2) for post in range(1, 6) for _ in range(post)])
    await api.connection.execute("SELECT refresh_engagement_stats()")
    return api


async def script_of(api: Api, path: str) -> str:
    answer = await api.get(f"{path}{'&' if '?' in path else '?'}format=sql")
    assert answer.status == 200, await answer.text()
    assert answer.content_type == "application/sql"
    return await answer.text()


async def rows_of(script: str, database: Database) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(await psql(database.url, script))))


async def test_the_script_of_each_report_runs(busy: Api, database: Database) -> None:
    for path in REPORTS:
        script = await script_of(busy, path)

        assert script.startswith("BEGIN READ ONLY;\n"), path
        await psql(database.url, script)


async def test_the_script_finds_the_rows_of_the_report(busy: Api, database: Database) -> None:
    query = f"category={quote(AWKWARD)}&period=7d&limit=1"
    found: list[Any] = []
    path = f"/reports/ranking/post?{query}"
    while path:  # page after page
        answer = await busy.get(path)
        shown = await answer.json()
        again = await rows_of(await script_of(busy, path), database)
        assert [int(each["views"]) for each in again][:1] == [each["views"] for each in shown]
        assert [each["key"] for each in again][:1] == [each["key"] for each in shown]
        found += shown
        link = answer.headers.get("link")
        path = link[1 : link.index(">")] if link else ""
    assert [each["views"] for each in found] == [3, 2, 1]


async def test_each_question_is_a_file_with_its_values(busy: Api) -> None:
    script = await script_of(busy, "/reports/movers?hours=6")

    assert script.count("\\set starts '{") == 1
    assert (await (await busy.get("/sql/movers_weeks")).text()) in script
    assert (await (await busy.get("/sql/movers_young")).text()) in script


async def test_what_no_script_finds_says_so(api: Api) -> None:
    for path in ("/live", "/ops/ledger"):
        answer = await api.get(f"{path}?format=sql")

        assert (answer.status, (await answer.json())["code"]) == (422, "invalid_parameter")
