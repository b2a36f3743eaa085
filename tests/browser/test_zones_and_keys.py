"""Time zones that the browser does not report, and where the read key stays."""

import json
import os
import re

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser.conftest import OPTIONS
from tests.browser.newsroom import Dashboard

UNKNOWN = ["undefined", '"Etc/Unknown"', '""', '"+02:00"', '"Mars/Olympus"']


def zone_told(zone: str) -> str:
    """A script after which the browser tells this time zone."""
    return (
        "const original = Intl.DateTimeFormat.prototype.resolvedOptions;"
        "Intl.DateTimeFormat.prototype.resolvedOptions = function () {"
        f"  return {{ ...original.call(this), timeZone: {zone} }};"
        "};"
    )


async def shows_the_reporting_zone(page: Page) -> None:
    await expect(page.locator("#zone-note")).to_contain_text("times are in UTC")
    await expect(page.locator("[data-tile=views] .value")).to_have_text(re.compile(r"\d"))
    await expect(page.locator(".failed")).to_have_count(0)
    await expect(page.locator("#zone")).to_have_value("UTC")


@pytest.mark.parametrize("zone", UNKNOWN)
async def test_page_shows_the_reporting_zone_when_the_browser_tells_none(
    dashboard: Dashboard, zone: str
) -> None:
    await dashboard.page.add_init_script(zone_told(zone))
    await dashboard.open()

    await shows_the_reporting_zone(dashboard.page)


async def test_page_shows_the_reporting_zone_in_a_browser_without_one(
    dashboard: Dashboard, program: str
) -> None:
    async with async_playwright() as driver:
        browser: Browser = await driver.chromium.launch(
            executable_path=program, args=OPTIONS, env={**os.environ, "TZ": ""}
        )
        page = await browser.new_page()
        await page.goto(f"{dashboard.api.url}/dashboard#key={dashboard.key}")
        await expect(page.locator(".skeleton:visible")).to_have_count(0, timeout=30_000)
        await expect(page.locator(".failed")).to_have_count(0)
        await expect(page.locator("[data-tile=views] .value")).to_have_text(re.compile(r"\d"))
        await browser.close()


async def test_page_shows_another_zone_when_the_service_does_not_know_one(
    dashboard: Dashboard,
) -> None:
    dashboard.expects_failures = True
    # Browsers take names in any case of letters, the service takes IANA's.
    await dashboard.page.add_init_script(zone_told('"europe/vienna"'))
    await dashboard.open()

    await shows_the_reporting_zone(dashboard.page)


async def test_page_says_so_when_the_zone_of_its_address_is_unknown(dashboard: Dashboard) -> None:
    await dashboard.open("?tz=Mars/Olympus")

    await expect(dashboard.page.locator("#zone-note")).to_contain_text("not known")
    await expect(dashboard.page.locator(".failed")).to_have_count(0)


async def visited(page: Page) -> str:
    """Return the tab's history, as the browser keeps it."""
    session = await page.context.new_cdp_session(page)
    return json.dumps(await session.send("Page.getNavigationHistory"))


async def test_key_is_not_in_the_history_of_the_tab(dashboard: Dashboard) -> None:
    page = dashboard.page
    await dashboard.open("?period=7d")
    assert page.url.endswith("/dashboard?period=7d")
    # As when an address is pasted while the page is open.
    await page.evaluate("key => { location.hash = `#key=${key}`; }", dashboard.key)
    await expect(page).to_have_url(re.compile(r"/dashboard\?period=7d$"))
    await dashboard.settled()
    await page.goto("about:blank")

    assert dashboard.key not in await visited(page)
    assert dashboard.key not in await page.title()


@pytest.mark.parametrize(
    "address",
    ["#key=wrong_secret", "#key=eng_read_wrong_secret", "#eng_read_wrong_secret",
     "#Key=eng_read_wrong_secret", "?key=eng_read_wrong_secret", "#/key=eng%5Fread_wrong_secret"],
)  # fmt: skip
async def test_key_is_taken_out_of_the_address_when_it_is_wrong_or_misspelled(
    dashboard: Dashboard, address: str
) -> None:
    dashboard.expects_failures = True
    await dashboard.page.goto(f"{dashboard.api.url}/dashboard{address}")
    await expect(dashboard.page.locator("#notice h2")).to_have_text("This key is not known")

    assert dashboard.page.url.endswith("/dashboard")
    assert "secret" not in (await visited(dashboard.page)).replace("%5F", "_")


async def test_a_whole_address_may_be_pasted_for_a_key(dashboard: Dashboard) -> None:
    dashboard.expects_failures = True
    await dashboard.page.goto(f"{dashboard.api.url}/dashboard")
    pasted = f" {dashboard.api.url}/dashboard#key={dashboard.key} "
    await dashboard.page.get_by_label("Read key").fill(pasted)
    await dashboard.page.get_by_role("button", name="Use this key").click()

    await expect(dashboard.page.locator("[data-tile=views] .value")).to_have_text(
        re.compile(r"\d"), timeout=30_000
    )
