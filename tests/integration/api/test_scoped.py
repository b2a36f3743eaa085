"""The URLs of the reports with a period and filters."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from tests.integration.api.conftest import Api, row
from tests.integration.api.test_api import until


@pytest.fixture
async def busy(api: Api) -> Api:
    """Post n has n views 2 days ago, and one like 9 days ago."""
    await api.store([row(post, days_ago=2) for post in range(1, 6) for _ in range(post)])
    await api.store([row(post, "like", days_ago=9) for post in range(1, 6)])
    await api.connection.execute("SELECT refresh_engagement_stats()")
    refreshed = await api.connection.fetchval("SELECT data_as_of FROM stats_refresh")
    await is_told(api, "/reports/overview", refreshed)
    return api


async def is_told(api: Api, path: str, moment: datetime) -> None:
    """Wait until a report tells what was true then."""

    async def is_now() -> bool:
        return abs(as_of(await api.get(path)) - moment) < timedelta(milliseconds=1)

    await until(is_now)


def as_of(answer: aiohttp.ClientResponse) -> datetime:
    """Return when what an answer tells was true."""
    return datetime.fromisoformat(answer.headers["Data-As-Of"])


async def test_tiles_compare_with_the_period_before(busy: Api) -> None:
    found = await busy.json("/reports/overview?period=7d")

    assert found["current"]["views"] == 15
    assert found["previous"]["likes"] == 5
    assert found["change_pct"]["likes"] == -100.0
    assert found["change_pct"]["views"] is None


async def test_while_the_data_are_the_same_an_answer_never_looks_older_than_it_did(
    busy: Api,
) -> None:
    told = []
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    for seconds in (20, 50, 61, 119, 125):
        shown = minute + timedelta(seconds=seconds)
        await busy.connection.execute("UPDATE stats_refresh SET data_as_of = $1", shown)
        await is_told(busy, "/sample/posts", shown)
        told.append(as_of(await busy.get("/reports/overview")))

    assert told == sorted(told)
    assert told[1] > told[0]


@pytest.mark.parametrize(
    ("query", "views"),
    [
        ("category=Tech", 6),
        ("author=1", 6),
        ("type=like", 0),
        ("tag=none", 0),
        ("promoted=false", 15),
        ("promoted=true", 0),
        ("category=Tech&author=2", 0),
        ("period=all", 15),
    ],
)
async def test_filters_choose_posts_and_events(busy: Api, query: str, views: int) -> None:
    assert (await busy.json(f"/reports/overview?{query}"))["current"]["views"] == views


async def test_days_may_be_named(busy: Api) -> None:
    today = datetime.now(UTC).date()
    days = [str(today - timedelta(days=ago)) for ago in (3, 2, 1)]

    points = await busy.json(f"/reports/series?start={days[0]}&end={days[-1]}")
    assert [point["start"][:10] for point in points] == days
    assert sum(point["views"] for point in points) == 15


async def test_a_link_leads_to_the_next_page_until_there_is_none(busy: Api) -> None:
    keys, path = [], "/reports/ranking/post?limit=2&period=7d"
    while path:
        answer = await busy.get(path)
        keys += [found["key"] for found in await answer.json()]
        link = answer.headers.get("link")
        path = link[1 : link.index(">")] if link else ""
    assert keys == ["5", "4", "3", "2", "1"]


async def test_csv_has_the_same_rows(busy: Api) -> None:
    answer = await busy.get("/reports/ranking/author?format=csv")
    lines = (await answer.text()).splitlines()

    assert answer.headers["content-type"].startswith("text/csv")
    assert "key,label" in lines[0]
    assert len(lines) == 3
    assert "'=Ann" in lines[2] or "'=Ann" in lines[1]
    overview = await (await busy.get("/reports/overview?format=csv")).text()
    assert "current_views" in overview.splitlines()[0]


async def test_an_answer_stands_until_the_view_is_refreshed(busy: Api) -> None:
    first = await busy.get("/reports/overview")
    etag = first.headers["etag"]

    assert (await busy.get("/reports/overview", **{"If-None-Match": etag})).status == 304
    other = await busy.get("/reports/overview?category=Tech")
    assert other.headers["etag"] != etag


def place(*members: Any) -> str:
    """Return these as the ``after`` of a page."""
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "path",
    [
        "/reports/overview?period=8d",
        "/reports/overview?period=7d&start=2026-01-01",
        "/reports/overview?end=2026-01-01",
        "/reports/overview?start=2026-02-01&end=2026-01-01",
        "/reports/overview?start=2999-01-01",
        "/reports/overview?start=0001-01-01",
        "/reports/overview?start=9995-01-01&end=9999-12-31",
        "/reports/overview?category=%00",
        "/reports/overview?tag=a%00b",
        "/reports/overview?tz=Mars/Olympus",
        "/reports/overview?author=0",
        "/reports/overview?type=clap",
        "/reports/overview?tag=",
        "/reports/overview?promoted=perhaps",
        "/reports/overview?colour=red",
        "/reports/series?interval=second",
        "/reports/series?post=x",
        "/reports/series?start=2020-01-01&interval=hour",
        "/reports/ranking/planet",
        "/reports/ranking/post?sort=beauty",
        "/reports/ranking/post?limit=0",
        "/reports/ranking/post?after=W10",
        "/reports/ranking/post?after=%2B%2B",
        pytest.param(f"/reports/ranking/post?after={place(-1, 1, 'a')}", id="a rank below 0"),
        pytest.param(f"/reports/ranking/post?after={place(10**30, 1, 'a')}", id="a huge rank"),
        pytest.param(f"/reports/ranking/post?after={place(1, 10**400, 'a')}", id="a huge value"),
        pytest.param(f"/reports/ranking/post?after={place(1, 1, chr(0))}", id="a NUL"),
        pytest.param(f"/reports/ranking/post?after={place(1, 1, chr(0xD800))}", id="no text"),
    ],
)
async def test_what_is_no_scope_is_refused(busy: Api, path: str) -> None:
    answer = await busy.get(path)
    assert answer.status == 422, await answer.text()
    assert answer.content_type == "application/problem+json"


async def test_each_question_shows_its_sql(busy: Api) -> None:
    answer = await busy.get("/sql/ranking")
    assert (await answer.text()).startswith("-- ranking: ")
    assert (await busy.get("/sql/nothing")).status == 404
    assert (await busy.get("/sql/..%2Fpool")).status == 404


async def test_what_is_in_use_is_answered_anew_before_it_is_asked(busy: Api) -> None:
    paths = (
        "/reports/overview?period=7d",
        "/reports/ranking/post?limit=2",
        "/reports/ranking/post?limit=2&format=csv",
        "/reports/when-to-post/next.ics",
        "/analytics/engagement-patterns",
    )

    async def misses() -> float:
        text = await (await busy.get("/metrics")).text()
        line = next(x for x in text.splitlines() if x.startswith("engage_api_cache_misses_total"))
        return float(line.split()[1])

    older = [(await busy.get(path)).headers["etag"] for path in paths]
    asked = await misses()
    await busy.store([row(1)])
    await busy.connection.execute("SELECT refresh_engagement_stats()")
    # The one of the fixture is in use as well.

    async def renewed() -> bool:
        return await misses() == asked + len(paths) + 1

    await until(renewed)

    newer = [(await busy.get(path)).headers["etag"] for path in paths]
    assert all(now != before for now, before in zip(newer, older, strict=True))
    assert (await busy.json(paths[0]))["current"]["views"] == 16
    assert await misses() == asked + len(paths) + 1
