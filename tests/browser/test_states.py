"""The page when something is missing, in both themes, by keyboard, on a phone."""

import re
from typing import Any

import asyncpg
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.backends import Backend
from tests.browser.newsroom import Dashboard

PHONE = {"width": 375, "height": 812}
VIEWS = ("", "?author=2", "?post=160", "?category=Tech&period=91d")
WALL = "?tv=1&period=28d"
# axe judges what is in the page; the rules that it is not sure about are for people.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


async def faults(dashboard: Dashboard) -> list[str]:
    """Return what axe finds: the rule, and where."""
    found = await Axe().run(dashboard.page, options=RULES)
    return [
        f"{each['id']}: {[node['target'] for node in each['nodes']][:3]}"
        for each in found.response["violations"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing(dashboard: Dashboard, theme: Any) -> None:
    await dashboard.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    found = {}
    for query in VIEWS:
        await dashboard.open(query)
        assert await dashboard.page.locator("html").get_attribute("data-theme") == theme
        found[query] = await faults(dashboard)

    await dashboard.page.keyboard.press("/")
    await dashboard.page.locator("#search").fill("tech")
    await dashboard.page.locator("#search-results [role=option]").first.wait_for()
    found["search"] = await faults(dashboard)
    await dashboard.page.evaluate("(theme) => { localStorage.theme = theme; }", theme)
    await dashboard.open(WALL)
    found[WALL] = await faults(dashboard)

    assert not any(found.values()), found


async def test_axe_finds_nothing_on_the_page_of_a_new_service(young_dashboard: Dashboard) -> None:
    found = {}
    for query in ("", "?post=190", "?post=4711"):
        young_dashboard.expects_failures = True
        await young_dashboard.open(query)
        found[query] = await faults(young_dashboard)

    assert not any(found.values()), found


async def test_axe_finds_nothing_in_help_and_in_the_sql(dashboard: Dashboard) -> None:
    await dashboard.open()
    await dashboard.page.get_by_role("button", name="Help").click()
    assert await faults(dashboard) == []
    await dashboard.page.keyboard.press("Escape")
    await dashboard.page.locator("#trend").get_by_role("button", name="How is this").click()
    await expect(dashboard.page.locator("dialog pre").first).to_contain_text("SELECT")
    assert await faults(dashboard) == []


async def test_without_a_key_the_page_asks_for_one_and_takes_it(dashboard: Dashboard) -> None:
    dashboard.expects_failures = True
    await dashboard.page.goto(f"{dashboard.api.url}/dashboard")
    await expect(dashboard.page.locator("#notice h2")).to_have_text("A read key is needed")
    assert await faults(dashboard) == []
    await dashboard.page.get_by_label("Read key").fill("eng_read_wrong_key")
    await dashboard.page.get_by_role("button", name="Use this key").click()
    await expect(dashboard.page.locator("#key-problem")).to_contain_text("This key is not known")
    await dashboard.page.get_by_label("Read key").fill("a word")
    await dashboard.page.get_by_role("button", name="Use this key").click()
    await expect(dashboard.page.locator("#key-problem")).to_contain_text("begins with eng_read_")
    await dashboard.page.get_by_label("Read key").fill(dashboard.key)
    await dashboard.page.get_by_role("button", name="Use this key").click()

    await expect(dashboard.page.locator("[data-tile=views] .value")).to_have_text(
        re.compile(r"\d"), timeout=30_000
    )
    await expect(dashboard.page.locator("#notice")).to_be_hidden()


async def test_without_the_database_the_page_keeps_its_numbers_and_says_so(
    own_dashboard: Dashboard, servers: Backend
) -> None:
    own_dashboard.expects_failures = True
    await own_dashboard.open()
    total = own_dashboard.page.locator("[data-tile=total_engagements] .value")
    before = await total.inner_text()
    operator = await asyncpg.connect(servers.database_url)
    name = await own_dashboard.api.connection.fetchval("SELECT current_database()")
    await operator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await operator.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = $1 AND application_name = 'engage-api'",
        name,
    )
    notice = own_dashboard.page.locator("#notice h2")
    await expect(notice).to_have_text("The database does not answer", timeout=60_000)
    assert await total.inner_text() == before
    await expect(own_dashboard.page.locator("#live")).to_have_attribute("data-state", "away")
    await operator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await operator.close()

    await expect(own_dashboard.page.locator("#notice")).to_be_hidden(timeout=60_000)


async def test_without_the_service_the_page_says_so(dashboard: Dashboard) -> None:
    dashboard.expects_failures = True
    await dashboard.open()
    await dashboard.page.context.set_offline(True)
    await dashboard.page.keyboard.press("w")

    await expect(dashboard.page.locator("#notice h2")).to_have_text(
        "The service cannot be reached", timeout=30_000
    )


async def test_without_events_the_page_tells_how_to_send_the_first(
    own_dashboard: Dashboard,
) -> None:
    await own_dashboard.api.connection.execute("TRUNCATE engagements, post_totals, engagements_15m")
    await own_dashboard.api.connection.execute("SELECT refresh_engagement_stats(true)")
    await own_dashboard.open()

    await expect(own_dashboard.page.locator("#notice h2")).to_have_text(
        "No engagement yet", timeout=60_000
    )
    await expect(own_dashboard.page.locator("#notice pre").last).to_contain_text("/events")


async def test_one_slow_report_says_so_in_its_place(dashboard: Dashboard) -> None:
    dashboard.expects_failures = True
    late = {"code": "report_timeout", "detail": "the report takes too long"}
    await dashboard.page.route(
        "**/reports/audience?**", lambda route: route.fulfill(status=503, json=late)
    )
    await dashboard.open()

    await expect(dashboard.page.locator("#audience .failed")).to_contain_text("takes too long")
    await expect(dashboard.page.locator("#notice")).to_be_hidden()
    await dashboard.page.unroute_all()
    await dashboard.page.locator("#audience").get_by_role("button", name="Try again").click()
    await expect(dashboard.page.locator("#audience .rows")).to_be_visible()


async def test_the_theme_is_the_systems_until_one_is_chosen_which_stays(
    dashboard: Dashboard,
) -> None:
    page = dashboard.page
    await page.emulate_media(color_scheme="dark")
    await dashboard.open()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.get_by_role("button", name="Switch between light and dark").click()
    await page.reload()

    assert await page.locator("html").get_attribute("data-theme") == "light"


async def test_the_keyboard_reaches_everything(dashboard: Dashboard) -> None:
    page = dashboard.page
    await dashboard.open()
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("q")
    await expect(page).to_have_url(re.compile(r"period=91d"))
    await page.keyboard.press("?")
    await expect(page.locator("dialog")).to_be_visible()
    await page.keyboard.press("w")
    await expect(page).to_have_url(re.compile(r"period=91d"))
    await page.get_by_label("use these keys").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("w")
    await expect(page).to_have_url(re.compile(r"period=91d"))
    first = page.locator("#author-ranking .rows a.label").first
    await first.focus()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"author=\d"))
    await page.locator("#main").focus()
    await page.keyboard.press("Escape")
    await expect(page).not_to_have_url(re.compile("author="))


async def test_a_phone_has_nothing_to_scroll_sideways(dashboard: Dashboard) -> None:
    await dashboard.page.set_viewport_size(PHONE)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    found = {}
    for query in VIEWS:
        await dashboard.open(query)
        found[query] = await dashboard.page.evaluate(wide)

    assert not any(found.values()), found


async def test_who_wants_little_motion_sees_none(dashboard: Dashboard) -> None:
    await dashboard.page.emulate_media(reduced_motion="reduce")
    await dashboard.open()
    moving = "document.getAnimations().filter((each) => each.playState === 'running').length"

    assert await dashboard.page.evaluate(moving) == 0
