"""The read API over HTTP: definitions, freshness, caching, keys, outages."""

import re
import time
from datetime import datetime

import pytest
from pydantic import SecretStr

from analytics_api.app import create_app
from analytics_api.settings import ApiSettings
from analytics_api.state import open_state
from tests.conftest import Database, Kafka
from tests.integration.api.conftest import PATHS, Api, row
from tests.serving import client, served
from tests.waiting import until


async def test_post_is_counted_since_midnight_days_ago(api: Api) -> None:
    await api.store(
        [
            row(1),
            row(1, "like"),
            row(1, days_ago=6),
            row(1, "share", days_ago=20),
            row(1, "comment", days_ago=80),
            row(1, days_ago=200),
            row(2),
        ]
    )

    week = await api.json("/engagement/1")
    assert (week["views"], week["likes"], week["total_engagements"]) == (2, 1, 3)
    assert week["engagement_rate"] == 50.0
    assert (await api.json("/engagement/1?period=30d"))["shares"] == 1
    assert (await api.json("/engagement/1?period=90d"))["comments"] == 1
    assert (await api.json("/engagement/1?period=all"))["total_engagements"] == 6
    assert week["author_name"] == "Bob"


async def test_expired_days_stay_in_all_time_numbers_and_in_the_ledger(api: Api) -> None:
    await api.store([row(1, days_ago=30), row(1)])
    day = await api.connection.fetchval("SELECT min(day) FROM engagement_partitions")
    await api.connection.execute("SELECT drop_partition($1)", day)

    assert (await api.json("/engagement/1?period=all"))["views"] == 2
    ledger = await api.json("/ops/ledger")
    assert ledger["totals"]["expired"] == 1
    assert ledger["totals"]["engagements"] == 1
    patterns = await api.json("/analytics/engagement-patterns")
    assert [(cell["views"], cell["posts_engaged"]) for cell in patterns] == [(1, 1)]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/engagement/987654321", 404, "unknown_post"),
        ("/engagement/0", 422, "invalid_parameter"),
        ("/engagement/1.0", 404, "unknown_post"),
        ("/engagement/%201", 404, "unknown_post"),
        ("/engagement/1_0", 404, "unknown_post"),
        ("/engagement/%D9%A1", 404, "unknown_post"),
        ("/engagement/9223372036854775808", 422, "invalid_parameter"),
        ("/engagement/%ff", 400, "malformed_request"),
        ("/engagement/1%20OR%201=1", 404, "unknown_post"),
        ("/engagement/1?period=13mo", 422, "invalid_parameter"),
        ("/engagement/1?period=7d%00", 422, "invalid_parameter"),
        ("/engagement/a%00b", 422, "invalid_parameter"),
        ("/engagement/" + "x" * 201, 422, "invalid_parameter"),
        ("/author/abc/trends", 404, "unknown_author"),
        ("/author/99/trends", 404, "unknown_author"),
        ("/categories/top?limit=0", 422, "invalid_parameter"),
        ("/categories/top?limit=1000000000", 422, "invalid_parameter"),
        ("/categories/top?limit=9223372036854775808", 422, "invalid_parameter"),
        ("/categories/top?category=a%00b", 422, "unknown_parameter"),
        ("/categories/top?format=xml", 422, "invalid_parameter"),
        ("/analytics/engagement-patterns?tz=UTC%27%3Bselect%201--", 422, "unknown_time_zone"),
        ("/analytics/engagement-patterns?start=infinity", 422, "unknown_parameter"),
        ("/nowhere", 404, "not_found"),
        ("/engagement/", 404, "unknown_post"),
    ],
)
async def test_error_is_a_problem_with_its_code(
    api: Api, path: str, status: int, code: str
) -> None:
    answer = await api.get(path)

    assert (answer.status, (await answer.json())["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"


async def test_ledger_answers_304_while_nothing_changed(api: Api) -> None:
    await api.store([row(1), row(2, "like")])

    async def is_unchanged() -> bool:
        answer = await api.get("/ops/ledger")
        datetime.fromisoformat(answer.headers["Data-As-Of"])
        again = await api.get("/ops/ledger", **{"If-None-Match": answer.headers["ETag"]})
        return again.status == 304

    await until(is_unchanged)


async def test_stored_event_shows_within_a_second(api: Api) -> None:
    await api.store([row(1)])

    async def shown(views: int) -> bool:
        return bool((await api.json("/engagement/1"))["views"] == views)

    await until(lambda: shown(1))
    known = (await api.get("/engagement/1")).headers["ETag"]
    await api.store([row(1)])
    began = time.monotonic()

    async def changed() -> bool:
        return (await api.get("/engagement/1", **{"If-None-Match": known})).status == 200

    await until(changed)
    assert (await api.json("/engagement/1"))["views"] == 2
    assert time.monotonic() - began < 1


async def test_ledger_lists_all_partitions_and_counts_rows(api: Api) -> None:
    await api.store([row(1), row(1, days_ago=3)])
    ledger = await api.json("/ops/ledger")

    assert [p["partition"] for p in ledger["partitions"]] == [0, 1, 2, 3]
    # Rows whose records never stood in this topic: more was read than the log has.
    assert ledger["partitions"][0]["in_flight"] == -2
    assert not ledger["balanced"]
    assert ledger["totals"]["engagements"] == ledger["totals"]["stored"] == 2


async def test_ledger_is_not_balanced_after_a_manual_delete(api: Api) -> None:
    await api.store([row(1), row(1)])
    assert (await api.json("/ops/ledger"))["totals"]["engagements"] == 2
    await api.connection.execute("DELETE FROM engagements")

    async def noticed() -> bool:
        return bool((await api.json("/ops/ledger"))["totals"]["engagements"] == 0)

    await until(noticed, within_seconds=30)  # an idle session reports its counters after 10 s
    assert not (await api.json("/ops/ledger"))["balanced"]


async def test_pages_load_nothing_from_another_host(api: Api) -> None:
    page = await (await api.get("/dashboard")).text()
    for path in ("/dashboard", "/docs", *re.findall(r'"(/static/[^"]+)"', page)):
        answer = await api.get(path)
        text = await answer.text()

        assert "http://" not in text.replace("http://www.w3.org", "")
        assert "https://" not in text
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "<style" not in text
        assert "<script>" not in text


async def test_reports_are_unavailable_without_postgresql(kafka: Kafka) -> None:
    settings = ApiSettings(
        database_url=SecretStr("postgresql://nobody@127.0.0.1:1/nothing"),
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        database_connect_timeout_seconds=1.0,
        allow_anonymous=True,
    )
    async with served(create_app(settings)[0]) as url, client(url, None) as session:
        for path in [*PATHS, "/ops/ledger", "/live", "/readyz"]:
            began = time.monotonic()
            async with session.get(path) as answer:
                body = await answer.json(content_type=None)
            code = "not_ready" if path == "/readyz" else "database_unavailable"
            assert (answer.status, body["code"]) == (503, code), path
            assert int(answer.headers["Retry-After"]) > 0
            assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "path", ["/categories/top", "/sample/posts", "/sample/authors", "/analytics/top-authors"]
)
async def test_reports_ask_to_retry_while_the_stats_view_is_empty(api: Api, path: str) -> None:
    await api.connection.execute("REFRESH MATERIALIZED VIEW engagement_stats WITH NO DATA")
    answer = await api.get(path)

    assert (answer.status, (await answer.json())["code"]) == (503, "stats_view_empty")
    assert answer.headers["Retry-After"] == "1"


async def test_ledger_has_no_records_in_flight_without_kafka(
    database: Database,
) -> None:
    settings = ApiSettings(
        database_url=SecretStr(database.url),
        kafka_bootstrap_servers="127.0.0.1:1",
        allow_anonymous=True,
    )
    app, not_ready = create_app(settings)
    async with served(app) as url, client(url, None) as session:
        await until(lambda: not_ready() is None)
        async with session.get("/ops/ledger") as answer:
            body = await answer.json()

    assert answer.status == 200
    assert body["totals"]["in_flight"] is None


async def test_posts_and_authors_are_found_by_external_id(api: Api) -> None:
    await api.connection.execute(
        "INSERT INTO external_ids VALUES ('post', 'blog/größe 1', 1), ('author', 'bob', 2)"
    )
    await api.store([row(1), row(1, "like")])

    post = await api.json("/engagement/blog%2Fgr%C3%B6%C3%9Fe%201")
    assert post == await api.json("/engagement/1")
    assert (post["post_id"], post["views"], post["external_id"]) == (1, 1, "blog/größe 1")
    author = await api.json("/author/bob/trends")
    assert author == await api.json("/author/2/trends")
    assert (author["author_id"], author["external_id"]) == (2, "bob")
    assert (await api.json("/engagement/2"))["external_id"] is None


async def test_reports_are_filtered_by_external_id(api: Api) -> None:
    await api.connection.execute(
        "INSERT INTO external_ids VALUES ('post', 'slug', 1), ('author', 'bob', 2)"
    )
    await api.store([row(1), row(2)])

    for by_name, by_number in (("author=bob", "author=2"), ("post=slug", "post=1")):
        found = await api.json(f"/reports/series?{by_name}")
        assert found == await api.json(f"/reports/series?{by_number}")
    unknown = await api.get("/reports/series?author=nobody")
    assert (unknown.status, (await unknown.json())["code"]) == (422, "invalid_parameter")


async def test_pickers_have_external_ids(api: Api) -> None:
    await api.connection.execute(
        "INSERT INTO external_ids VALUES ('post', 'slug', 1), ('author', 'bob', 2)"
    )
    await api.store([row(1)])
    await api.connection.execute("SELECT refresh_engagement_stats(true)")

    async def are_shown() -> bool:
        posts, authors = await api.json("/sample/posts"), await api.json("/sample/authors")
        found = [(p["post_id"], p["external_id"]) for p in posts[:2]]
        return found == [(1, "slug"), (2, None)] and authors[0]["external_id"] == "bob"

    await until(are_shown)


async def test_pools_are_read_only_with_their_own_timeouts(
    database: Database, kafka: Kafka, topic: str
) -> None:
    settings = ApiSettings(
        database_url=SecretStr(database.url),
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        topic=topic,
    )
    async with open_state(settings) as state:
        for pool, limit in ((state.pool, "5s"), (state.slow_pool, "1min")):
            assert await pool.fetchval("SHOW statement_timeout") == limit
            assert await pool.fetchval("SHOW default_transaction_read_only") == "on"
