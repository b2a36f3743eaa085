"""The URLs of the reports at equal age, of publishing times, and of what moves."""

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.api.conftest import Api, row

REPORTS = (
    "/reports/fair-posts", "/reports/fair-authors", "/reports/opportunity", "/reports/cohorts",
    "/reports/when-to-post", "/reports/when-to-post/next", "/reports/posting-hours",
    "/reports/movers", "/reports/effects",
)  # fmt: skip
CALENDAR = "/reports/when-to-post/next.ics"
NO_QUESTIONS = (
    "/reports/fair-posts?hours=47",
    "/reports/fair-posts?sort=beauty",
    "/reports/fair-posts?after=W10",
    "/reports/fair-posts?after=WzEsIDEuMCwgIngiXQ",
    "/reports/fair-posts?limit=0",
    "/reports/fair-authors?after=WzEsIDEuMCwgIngiXQ",
    "/reports/opportunity?after=WzEsIDEuMCwgIngiXQ",
    "/reports/effects?hours=2",
    "/reports/cohorts?by=age",
    "/reports/when-to-post?least=0",
    "/reports/when-to-post/next?count=21",
    "/reports/when-to-post/next.ics?tz=Mars/Olympus",
    "/reports/movers?period=7d",
    "/reports/movers?dimension=planet",
    "/reports/movers?hours=169",
    "/reports/movers?least_z=nan",
    "/reports/movers?least_z=0",
)


@pytest.fixture
async def busy(api: Api) -> Api:
    """600 posts of three authors over 60 days; those of Monday to Friday earn thrice as much."""
    await api.connection.execute("DELETE FROM posts")
    await api.connection.execute(
        "INSERT INTO posts SELECT i, 1 + i % 3, 'Tech',"
        " date_trunc('day', now()) - i * interval '2.4 hours', 'Post ' || i, 5, i % 2 = 0"
        "  FROM generate_series(1, 600) AS i"
    )
    posts = await api.connection.fetch("SELECT post_id, publish_timestamp FROM posts")
    now = datetime.now(UTC)
    rows = []
    for post_id, published in posts:
        views = 9 if published.isoweekday() < 6 else 3
        views *= 1 + post_id % 3
        age = (now - published) / timedelta(days=1)
        rows += [row(post_id, days_ago=age - 0.01) for _ in range(views)]
    rows += [row(9_999, days_ago=70)]
    await api.store(rows)
    await refreshed(api)
    return api


async def refreshed(api: Api) -> None:
    """Refresh, and wait until the service shows it."""
    await api.connection.execute("SELECT refresh_engagement_stats()")
    shown = await api.connection.fetchval("SELECT data_as_of FROM stats_refresh")
    while True:
        answer = await api.get("/reports/overview")
        as_of = datetime.fromisoformat(answer.headers["data-as-of"])
        if abs(shown - as_of) < timedelta(milliseconds=1):
            return
        await asyncio.sleep(0.02)


async def test_authors_are_compared_with_what_is_usual(busy: Api) -> None:
    found = await busy.json("/reports/fair-authors")

    assert [author["author_id"] for author in found] == [3, 2, 1]
    assert [author["rank"] for author in found] == [1, 2, 3]
    assert found[0]["low"] > 1 > found[2]["high"]
    assert found[1]["low"] < 1 < found[1]["high"]


async def test_an_author_is_compared_with_all_also_when_asked_for_alone(busy: Api) -> None:
    everybody = await busy.json("/reports/fair-authors")
    (alone,) = await busy.json("/reports/fair-authors?author=1")

    assert alone == everybody[2]
    (gain,) = await busy.json("/reports/opportunity?author=1")
    assert gain["rank"] == 1
    posts = await busy.json("/reports/fair-posts?author=1")
    assert {post["author_id"] for post in posts} == {1}
    assert posts[0]["usual"] == pytest.approx(everybody[0]["usual"], rel=0.01)


async def test_opportunity_tells_the_gain_and_why(busy: Api) -> None:
    await busy.connection.execute("UPDATE authors SET author_category = 'Tech'")
    first, *others = await busy.json("/reports/opportunity")

    assert first["author_id"] == 1
    assert 0 < first["gain_low"] < first["gain"] < first["gain_high"]
    assert first["is_clear"]
    assert first["reasons"][0]["reason"] == "views"
    assert first["why"].startswith(first["reasons"][0]["sentence"])
    assert [other["gain"] for other in others] == [0, 0]
    assert [other["reasons"] for other in others] == [[], []]


async def test_workdays_are_good_and_weekends_weak(busy: Api) -> None:
    slots = await busy.json("/reports/when-to-post?least=3")

    assert len(slots) == 168
    verdicts = {
        is_weekend: {s["verdict"] for s in slots if (s["day_of_week"] in {0, 6}) is is_weekend}
        for is_weekend in (False, True)
    }
    assert "weak" in verdicts[True]
    assert "good" in verdicts[False]
    assert "good" not in verdicts[True]
    assert "weak" not in verdicts[False]


async def test_the_next_slots_are_good_ones_to_come(busy: Api) -> None:
    slots = await busy.json("/reports/when-to-post/next?least=3&tz=Asia/Kolkata&count=4")
    starts = [datetime.fromisoformat(slot["start"]) for slot in slots]

    assert len(slots) == 4
    assert starts == sorted(starts)
    assert datetime.now(UTC) < starts[0] <= datetime.now(UTC) + timedelta(days=4)
    assert all(slot["start"].endswith("+05:30") for slot in slots)
    assert all(slot["low_pct"] > 0 for slot in slots)


async def test_slots_come_as_a_calendar(busy: Api) -> None:
    answer = await busy.get(f"{CALENDAR}?least=3&category=Tech")
    text = await answer.text()
    (first, *_) = await busy.json("/reports/when-to-post/next?least=3&category=Tech")

    assert answer.headers["content-type"].startswith("text/calendar")
    assert text.count("BEGIN:VEVENT") == 3
    start = datetime.fromisoformat(first["start"]).astimezone(UTC)
    assert f"DTSTART:{start:%Y%m%dT%H%M%SZ}" in text
    etag = answer.headers["etag"]
    again = await busy.get(f"{CALENDAR}?least=3&category=Tech", **{"If-None-Match": etag})
    assert again.status == 304


async def test_posting_hours_add_up(busy: Api) -> None:
    found = await busy.json("/reports/posting-hours?least=3")

    assert sum(author["posts"] for author in found) == 600
    for author in found:
        assert author["weak_pct"] == round(100 * author["in_weak"] / author["posts"], 2)


async def test_a_crowd_moves_its_post_and_its_author(busy: Api) -> None:
    # The post is too old for the comparison at equal age.
    await busy.store([row(300, "share") for _ in range(900)])
    await refreshed(busy)
    found = await busy.json("/reports/movers")

    assert {(mover["dimension"], mover["key"]) for mover in found} >= {("post", "300")}
    post = next(mover for mover in found if mover["key"] == "300")
    assert (post["direction"], post["basis"]) == ("above", "weeks")
    assert post["cause_type"] == "share"
    assert post["cause_post_id"] == 300
    only = await busy.json("/reports/movers?dimension=post&least_z=3")
    assert {mover["dimension"] for mover in only} == {"post"}


async def test_new_authors_are_followed_by_months(busy: Api) -> None:
    await busy.connection.execute(
        "UPDATE authors SET joined_date = (now() - interval '50 days')::date WHERE author_id = 3"
    )
    together = await busy.json("/reports/cohorts")
    apart = await busy.json("/reports/cohorts?by=joined")

    assert [cohort["month"] for cohort in together] == [0, 1]
    assert {cohort["joined"] for cohort in together} == {None}
    assert all(cohort["low"] > 1 for cohort in together)
    assert sum(cohort["posts"] for cohort in apart) == sum(cohort["posts"] for cohort in together)


async def test_every_report_is_kept_for_a_minute_and_says_how_old_it_is(busy: Api) -> None:
    for path in (*REPORTS, CALENDAR):
        answer = await busy.get(path)

        assert answer.status == 200, path
        assert answer.headers["cache-control"] == "private, max-age=60"
        assert "data-as-of" in answer.headers
        etag = answer.headers["etag"]
        assert (await busy.get(path, **{"If-None-Match": etag})).status == 304, path


async def test_csv_has_the_rows_and_filters_of_json(busy: Api) -> None:
    await busy.store([row(300, "share") for _ in range(900)])
    await refreshed(busy)
    for path in REPORTS:
        query = "category=Tech" if path == "/reports/movers" else "category=Tech&period=90d"
        rows = await busy.json(f"{path}?{query}")
        text = await (await busy.get(f"{path}?{query}&format=csv")).text()
        cells = list(csv.DictReader(io.StringIO(text)))

        assert len(cells) == len(rows), path
        for cell, found in zip(cells, rows, strict=True):
            scalars = {name for name, value in found.items() if not isinstance(value, list)}
            assert set(cell) == scalars


async def test_links_lead_through_all_pages(busy: Api) -> None:
    for path, limit in (("/reports/fair-posts", 250), ("/reports/fair-authors", 2)):
        whole = await busy.json(f"{path}?limit=1000")
        found: list[Any] = []
        page = f"{path}?limit={limit}"
        while page:
            answer = await busy.get(page)
            found += await answer.json()
            link = answer.headers.get("link")
            page = link[1 : link.index(">")] if link else ""
        assert found == whole


async def test_nothing_is_said_of_nothing(api: Api) -> None:
    for path in (*REPORTS, CALENDAR):
        assert (await api.get(path)).status == 200, path
    slots = await api.json("/reports/when-to-post")
    assert {slot["verdict"] for slot in slots} == {"thin"}


async def test_what_is_no_question_is_refused(api: Api) -> None:
    for path in NO_QUESTIONS:
        answer = await api.get(path)

        assert answer.status == 422, path
        assert (await answer.json())["code"] in {"invalid_parameter", "unknown_parameter"}
