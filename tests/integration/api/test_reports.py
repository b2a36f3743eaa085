"""All declared reports over HTTP, and their parameters."""

import base64
import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

import sql
from tests.conftest import Database
from tests.integration.api.conftest import (
    PATHS,
    REPORTS,
    Api,
    path_of,
    row,
    with_query,
)
from tests.psql import psql
from tests.waiting import until

CALENDAR = "/reports/when-to-post/next.ics"
# No old post still earns, and no user has come back.
EMPTY = {"evergreen", "returning-users"}
AWKWARD = 'O\'Neil \\ "2" {a,b} :x\nends'


def as_of(answer: aiohttp.ClientResponse) -> datetime:
    return datetime.fromisoformat(answer.headers["Data-As-Of"])


async def refresh(api: Api, path: str = "/reports/overview") -> datetime:
    """Refresh the stats view, and wait until a report shows it."""
    await api.connection.execute("SELECT refresh_engagement_stats()")
    refreshed: datetime = await api.connection.fetchval("SELECT data_as_of FROM stats_refresh")
    await until_shown(api, path, refreshed)
    return refreshed


async def until_shown(api: Api, path: str, moment: datetime) -> None:
    async def is_shown() -> bool:
        return abs(as_of(await api.get(path)) - moment) < timedelta(milliseconds=1)

    await until(is_shown)


@pytest.fixture
async def few(api: Api) -> Api:
    """Post n of 5 has n views 2 days ago, and a like 9 days ago."""
    await api.store([row(post, days_ago=2) for post in range(1, 6) for _ in range(post)])
    await api.store([row(post, "like", days_ago=9) for post in range(1, 6)])
    await refresh(api)
    return api


@pytest.fixture
async def many(api: Api) -> Api:
    """600 posts of seven authors; those of work days, and of six authors, earn thrice as much."""
    await api.connection.execute("DELETE FROM posts")
    await api.connection.execute(
        "INSERT INTO authors SELECT i, 'Author ' || i, '2020-01-01', 'Tech'"
        "  FROM generate_series(1, 7) AS i ON CONFLICT DO NOTHING"
    )
    await api.connection.execute(
        "INSERT INTO posts SELECT i, 1 + i % 7, 'Tech',"
        " date_trunc('day', now()) - i * interval '2.4 hours', 'Post ' || i, 5, i % 2 = 0"
        "  FROM generate_series(1, 600) AS i"
    )
    await api.connection.execute("UPDATE authors SET author_category = 'Tech'")
    await api.connection.execute(
        "UPDATE authors SET joined_date = (now() - interval '50 days')::date WHERE author_id = 3"
    )
    posts = await api.connection.fetch("SELECT post_id, publish_timestamp FROM posts")
    now = datetime.now(UTC)
    rows = [row(9_999, days_ago=70), *(row(300, "share") for _ in range(900))]
    for post_id, published in posts:
        views = (9 if published.isoweekday() < 6 else 3) * (1 + post_id % 3)
        views //= 1 if post_id % 7 else 3
        age = (now - published) / timedelta(days=1)
        rows += [row(post_id, days_ago=age - 0.01) for _ in range(views)]
    await api.connection.execute("INSERT INTO annotations VALUES (DEFAULT, now(), NULL, 'sent')")
    await api.store(rows)
    await refresh(api)
    return api


async def test_each_report_has_its_age_and_is_not_modified_while_the_data_are_the_same(
    many: Api,
) -> None:
    for report in REPORTS.values():
        answer = await many.get(path_of(report))
        assert answer.status == 200, (report.name, await answer.text())
        age = "max-age=60" if report.cost == "posts" else "max-age=2"
        expected = "private, no-cache" if report.data == "live" else f"private, {age}"
        assert answer.headers["Cache-Control"] == expected
        assert as_of(answer)
        known = {"If-None-Match": answer.headers["ETag"]}
        assert (await many.get(path_of(report), **known)).status == 304, report.name
    overview = await many.get("/reports/overview")
    other = await many.get("/reports/overview?category=Tech")
    assert overview.headers["ETag"] != other.headers["ETag"]


async def test_csv_of_each_report_has_the_rows_of_its_json(many: Api) -> None:
    for report in REPORTS.values():
        least = "&least=3" if "least" in report.parameters.model_fields else ""
        path = with_query(path_of(report), f"format=json{least}")
        found = await many.json(path)
        rows = found if isinstance(found, list) else [found]
        if report.name in EMPTY:
            assert rows == [], path
            continue
        assert rows, path
        text = await (await many.get(path.replace("=json", "=csv"))).text()
        cells = list(csv.DictReader(io.StringIO(text)))

        assert len(cells) == len(rows), path
        plain = {name for name, value in rows[0].items() if not isinstance(value, list | dict)}
        assert plain <= set(cells[0]), path
    answer = await many.get("/sample/authors", Accept="text/csv")
    assert answer.content_type == "text/csv"
    assert "'=Ann" in await answer.text(), "a spreadsheet would run it as a formula"


async def test_script_of_each_report_runs_in_psql(many: Api, database: Database) -> None:
    for report in REPORTS.values():
        for query in ("", "&period=all") if "period" in report.parameters.model_fields else ("",):
            answer = await many.get(with_query(path_of(report), f"format=sql{query}"))
            script = await answer.text()

            assert answer.content_type == "application/sql", (report.name, script)
            assert script.startswith("BEGIN READ ONLY;\n"), report.name
            headers = set(re.findall(r"^-- (\w+): ", script, re.MULTILINE))
            assert headers & set(sql.names()) <= set(report.sql), report.name
            await psql(database.url, script)


async def test_script_finds_the_rows_of_each_page(few: Api, database: Database) -> None:
    await few.connection.execute("UPDATE posts SET category = $1 WHERE post_id < 4", AWKWARD)
    path = f"/reports/ranking/post?category={quote(AWKWARD)}&period=7d&limit=1"
    views: list[int] = []
    while path:
        answer = await few.get(path)
        (shown,) = await answer.json()
        script = await (await few.get(f"{path}&format=sql")).text()
        first = next(csv.DictReader(io.StringIO(await psql(database.url, script))))
        assert (first["key"], first["views"]) == (shown["key"], str(shown["views"]))
        views.append(shown["views"])
        path = next_page(answer)
    assert views == [3, 2, 1]


def next_page(answer: aiohttp.ClientResponse) -> str:
    link = answer.headers.get("link", "")
    return link[1 : link.index(">")] if link else ""


@pytest.mark.parametrize("path", ["/live", "/ops/ledger"])
async def test_script_is_rejected_where_there_is_none(api: Api, path: str) -> None:
    answer = await api.get(f"{path}?format=sql")
    assert (answer.status, (await answer.json())["code"]) == (422, "invalid_parameter")


async def test_sql_files_of_reports_are_served(api: Api) -> None:
    assert (await (await api.get("/sql/ranking")).text()).startswith("-- ranking: ")
    for name in ("nothing", "..%2Fpool"):
        assert (await api.get(f"/sql/{name}")).status == 404


async def test_pages_contain_all_rows_once(many: Api) -> None:
    for path, limit in (
        ("/reports/fair-posts", 250),
        ("/reports/fair-authors", 2),
        ("/reports/posting-hours", 2),
        ("/reports/opportunity", 1),
        ("/reports/ranking/author", 2),
    ):
        whole = await many.json(f"{path}?limit=1000")
        found: list[Any] = []
        page = f"{path}?limit={limit}"
        while page:
            answer = await many.get(page)
            found += await answer.json()
            page = next_page(answer)
        assert found == whole, path


async def test_reports_are_served_without_any_event(api: Api) -> None:
    for path in (*PATHS, CALENDAR):
        assert (await api.get(path)).status == 200, path
    slots = await api.json("/reports/when-to-post")
    assert {slot["verdict"] for slot in slots} == {"thin"}


async def test_next_slots_are_upcoming_also_as_a_calendar(many: Api) -> None:
    query = "least=3&category=Tech"
    slots = await many.json(f"/reports/when-to-post/next?{query}&tz=Asia/Kolkata&count=4")
    starts = [datetime.fromisoformat(slot["start"]) for slot in slots]
    assert len(slots) == 4
    assert starts == sorted(starts)
    assert datetime.now(UTC) < starts[0] <= datetime.now(UTC) + timedelta(days=4)
    assert all(slot["start"].endswith("+05:30") for slot in slots)

    for path in (f"{CALENDAR}?{query}", f"/reports/when-to-post/next?{query}&format=ics"):
        answer = await many.get(path)
        assert answer.headers["content-type"].startswith("text/calendar")
        (first, *_) = await many.json(f"/reports/when-to-post/next?{query}")
        start = datetime.fromisoformat(first["start"]).astimezone(UTC)
        assert f"DTSTART:{start:%Y%m%dT%H%M%SZ}" in await answer.text()
        known = {"If-None-Match": answer.headers["ETag"]}
        assert (await many.get(path, **known)).status == 304


@pytest.mark.parametrize(
    ("query", "views"),
    [
        ("category=Tech", 6), ("author=1", 6), ("type=like", 0), ("tag=none", 0),
        ("promoted=false", 15), ("promoted=true", 0), ("category=Tech&author=2", 0),
        ("period=all", 15), ("period=7d", 15),
    ],
)  # fmt: skip
async def test_filters_select_posts_and_events(few: Api, query: str, views: int) -> None:
    assert (await few.json(f"/reports/overview?{query}"))["current"]["views"] == views


async def test_period_may_be_given_by_its_days(few: Api) -> None:
    today = datetime.now(UTC).date()
    days = [str(today - timedelta(days=ago)) for ago in (3, 2, 1)]

    points = await few.json(f"/reports/series?start={days[0]}&end={days[-1]}")
    assert [point["start"][:10] for point in points] == days
    assert sum(point["views"] for point in points) == 15


async def test_data_as_of_never_goes_back_while_the_data_are_the_same(few: Api) -> None:
    found = []
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    for seconds in (20, 50, 61, 119, 125):
        shown = minute + timedelta(seconds=seconds)
        await few.connection.execute("UPDATE stats_refresh SET data_as_of = $1", shown)
        await until_shown(few, "/sample/posts", shown)
        found.append(as_of(await few.get("/reports/overview")))

    assert found == sorted(found)
    assert found[1] > found[0]


def place(*members: Any) -> str:
    """Return these as the parameter `after`."""
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


OVERVIEW, RANKING = "/reports/overview", "/reports/ranking/post"
INVALID = (
    f"{OVERVIEW}?period=8d",
    f"{OVERVIEW}?period=7d&start=2026-01-01",
    f"{OVERVIEW}?end=2026-01-01",
    f"{OVERVIEW}?start=2026-02-01&end=2026-01-01",
    f"{OVERVIEW}?start=2999-01-01",
    f"{OVERVIEW}?start=0001-01-01",
    f"{OVERVIEW}?start=9995-01-01&end=9999-12-31",
    f"{OVERVIEW}?category=%00",
    f"{OVERVIEW}?tag=a%00b",
    f"{OVERVIEW}?tag=",
    f"{OVERVIEW}?tz=Mars/Olympus",
    f"{OVERVIEW}?author=0",
    f"{OVERVIEW}?author=nobody",
    f"{OVERVIEW}?type=clap",
    f"{OVERVIEW}?promoted=perhaps",
    f"{OVERVIEW}?promoted=on",
    f"{OVERVIEW}?colour=red",
    f"{OVERVIEW}?format=xml",
    "/reports/series?interval=second",
    "/reports/series?post=x",
    "/reports/series?start=2020-01-01&interval=hour",
    "/reports/ranking/planet",
    f"{RANKING}?sort=beauty",
    f"{RANKING}?limit=0",
    f"{RANKING}?limit=1.0",
    f"{RANKING}?after=W10",
    f"{RANKING}?after=%2B%2B",
    f"{RANKING}?after={place(-1, 1, 'a')}",
    f"{RANKING}?after={place(10**30, 1, 'a')}",
    f"{RANKING}?after={place(1, 10**400, 'a')}",
    f"{RANKING}?after={place(1, 1, chr(0))}",
    f"{RANKING}?after={place(1, 1, chr(0xD800))}",
    "/reports/fair-posts?hours=47",
    f"/reports/fair-posts?after={place(1, 1, 'x')}",
    f"/reports/fair-authors?after={place(1, 1, 'x')}",
    f"/reports/opportunity?after={place(1, 1, 'x')}",
    "/reports/effects?hours=2",
    "/reports/cohorts?by=age",
    "/reports/when-to-post?least=0",
    "/reports/when-to-post/next?count=21",
    f"{CALENDAR}?tz=Mars/Olympus",
    "/reports/movers?period=7d",
    "/reports/movers?dimension=planet",
    "/reports/movers?hours=169",
    "/reports/movers?false_alarms=nan",
    "/reports/movers?false_alarms=0",
)


async def test_invalid_parameters_are_rejected(api: Api) -> None:
    for path in INVALID:
        answer = await api.get(path)
        assert answer.status == 422, (path, await answer.text())
        assert answer.content_type == "application/problem+json"
        code = (await answer.json())["code"]
        assert code in {"invalid_parameter", "unknown_parameter", "unknown_time_zone"}, path
