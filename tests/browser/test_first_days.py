"""The page of a new service: how the first event is sent, and what is not known yet."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from tests.browser.newsroom import POSTS, Dashboard, refresh
from tests.integration.api.conftest import row


async def send(dashboard: Dashboard, *days_ago: float, post: int = POSTS) -> None:
    """Store one view of a post at each of these times, and refresh the reports."""
    await dashboard.api.store([row(post, days_ago=each) for each in days_ago])
    await refresh(dashboard.api)


async def until_counted(dashboard: Dashboard, events: int) -> None:
    """Wait until the tiles show so many events."""
    value = dashboard.page.locator("[data-tile=total_engagements] .value")
    await expect(value).to_have_text(str(events), timeout=60_000)


async def test_first_steps_name_this_stack_and_create_the_post_first(
    young_dashboard: Dashboard,
) -> None:
    await young_dashboard.open()
    await expect(young_dashboard.page.locator("#notice h2")).to_have_text("No engagement yet")
    commands = await young_dashboard.page.locator("#notice pre").all_inner_texts()
    recipe = "\n".join(commands)

    steps = [
        'eval "$(engage env)"',
        "PUT http://catalogue.test/catalogue/authors/",
        "PUT http://catalogue.test/catalogue/posts/hello-world",
        "POST http://ingest.test/events",
        '"post":"hello-world"',
    ]
    places = [recipe.index(step) for step in steps]
    assert places == sorted(places)
    assert "$ENGAGE_INGEST_KEY" in recipe
    assert "$ENGAGE_ADMIN_KEY" in recipe


async def test_events_of_unknown_posts_are_shown(young_dashboard: Dashboard) -> None:
    page = young_dashboard.page
    await young_dashboard.open()
    await expect(page.locator("#notice h2")).to_have_text("No engagement yet")
    await send(young_dashboard, 0.0, post=10_000)

    sentence = "1 event for a post the catalogue does not know"
    await expect(page.locator("#unknown-posts")).to_contain_text(sentence, timeout=30_000)
    await expect(page.locator("#now .warning")).to_contain_text(sentence)


async def test_single_point_is_drawn_by_the_hour_on_the_first_day(
    young_dashboard: Dashboard,
) -> None:
    page = young_dashboard.page
    await send(young_dashboard, 0.0)
    await young_dashboard.open()
    await until_counted(young_dashboard, 1)

    await expect(page.locator("#trend [aria-pressed=true][data-key=hour]")).to_be_visible()
    await expect(page.locator("#trend .plain-chart .line.point")).to_be_attached()
    await page.locator("#trend details summary").click()
    assert await page.locator("#trend tbody tr").count() <= 2


@pytest.mark.parametrize(("days", "interval"), [(3, "hour"), (6, "day")])
async def test_axis_begins_where_recording_began(
    young_dashboard: Dashboard, days: int, interval: str
) -> None:
    page = young_dashboard.page
    await send(young_dashboard, float(days), 0.0)
    await young_dashboard.open()
    await until_counted(young_dashboard, 2)
    await expect(page.locator(f"#trend [aria-pressed=true][data-key={interval}]")).to_be_visible()
    await page.locator("#trend details summary").click()

    first = await page.locator("#trend tbody th").first.inner_text()
    began = datetime.now(UTC) - timedelta(days=days)
    assert re.search(rf"\b{began.day} {began:%b}", first), first
    assert (
        "\N{EN DASH}"
        not in await page.locator("#trend tbody td.number:nth-child(2)").all_inner_texts()
    )


async def test_what_needs_more_data_says_what_is_missing_and_from_when_it_is_there(
    young_dashboard: Dashboard,
) -> None:
    page = young_dashboard.page
    began = datetime.now(UTC) - timedelta(hours=5)
    await send(young_dashboard, 5 / 24, 0.0)
    await young_dashboard.open()
    await until_counted(young_dashboard, 2)
    await young_dashboard.settled()

    for place, days in (
        ("#movers", 22),
        ("[data-answer=rising]", 22),
        ("#when", 1),
        ("[data-answer=when]", 1),
        ("#opportunities", 2),
        ("[data-answer=coach]", 2),
        ("#effects", 2),
        ("#hours", 7),
        ("#decay", 7),
        ("#evergreen", 35),
        ("#returning", 7),
    ):
        shown = page.locator(f"{place} .placeholder").first
        await expect(shown, place).to_contain_text("Not enough data yet")
        there = began + timedelta(days=days)
        await expect(shown, place).to_contain_text(f"{there.day} {there:%B %Y}")
    for verdict in ("Nothing unusual", "Any time", "No author", "Nobody", "clearly better"):
        await expect(page.locator("#main").get_by_text(verdict)).to_have_count(0)
