"""The page on a wall (?tv=1): one screen without controls, which updates itself."""

import re

from playwright.async_api import expect

from tests.browser.newsroom import Dashboard
from tests.integration.api.conftest import row

CONTROLS = "button:visible, select:visible, input:visible, summary:visible"
OVERFLOW = """() => {
    const { scrollHeight, scrollWidth } = document.documentElement;
    return [scrollHeight - innerHeight, scrollWidth - innerWidth];
}"""
CUT = """() => [...document.querySelectorAll(".panel")].filter((panel) => panel.checkVisibility())
    .filter((panel) => panel.scrollHeight > panel.clientHeight + 1).map((panel) => panel.id)"""


async def test_wall_fits_the_screen_without_controls(own_dashboard: Dashboard) -> None:
    await own_dashboard.api.store([row(post) for post in range(150, 170)])
    for width, height in ((1920, 1080), (1280, 720), (3840, 2160)):
        await own_dashboard.page.set_viewport_size({"width": width, "height": height})
        await own_dashboard.open("?tv=1&period=28d")
        await expect(own_dashboard.page.locator("#now .rows > li")).to_have_count(4)

        assert await own_dashboard.page.evaluate(OVERFLOW) == [0, 0]
        assert await own_dashboard.page.evaluate(CUT) == []
        assert await own_dashboard.page.locator(CONTROLS).count() == 0
        value = own_dashboard.page.locator("[data-tile=views] .value")
        size = await value.evaluate("(each) => parseFloat(getComputedStyle(each).fontSize)")
        assert size >= height / 20


async def test_wall_is_dark_and_of_today_unless_otherwise_chosen(dashboard: Dashboard) -> None:
    root = dashboard.page.locator("html")
    await dashboard.open("?tv=1")
    await expect(root).to_have_attribute("data-theme", "dark")
    today = (await dashboard.json("/reports/overview?period=7d"))["end"][:10]
    found = await dashboard.json(f"/reports/overview?start={today}&tz=UTC")
    total = dashboard.page.locator("[data-tile=total_engagements] .value")
    await expect(total).to_have_text(f"{found['current']['total_engagements']:,}")
    await dashboard.page.evaluate("localStorage.theme = 'light'")
    await dashboard.open("?tv=1&category=Tech")

    await expect(root).to_have_attribute("data-theme", "light")
    await expect(dashboard.page.locator(".chip")).to_have_text(re.compile("Tech"))


async def test_wall_updates_itself(own_dashboard: Dashboard) -> None:
    await own_dashboard.open("?tv=1")
    await own_dashboard.api.store([row(160, "share"), row(160)])

    shown = own_dashboard.page.locator("#now .rows > li[data-key='160'] .figure")
    await expect(shown).to_have_text("2", timeout=30_000)
