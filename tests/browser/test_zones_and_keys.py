"""The time zone of numbers, and where the read key stays."""

import json
import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.newsroom import Dashboard
from tests.serving import new_key
from web.auth import Scope

UNKNOWN = ["undefined", '"Etc/Unknown"', '""', '"+02:00"', '"Mars/Olympus"']


def reported(zone: str) -> str:
    """Return a script after which the browser reports this time zone."""
    return (
        "const original = Intl.DateTimeFormat.prototype.resolvedOptions;"
        "Intl.DateTimeFormat.prototype.resolvedOptions = function () {"
        f"  return {{ ...original.call(this), timeZone: {zone} }};"
        "};"
    )


async def shows_the_reporting_zone(page: Page) -> None:
    await expect(page.locator("[data-tile=views] .value")).to_have_text(re.compile(r"\d"))
    await expect(page.locator(".failed")).to_have_count(0)
    await expect(page.locator("#zone")).to_have_value("UTC")
    await expect(page.locator("#freshness")).to_contain_text(re.compile(r"As of .*20\d\d.* UTC"))


async def test_page_shows_the_reporting_zone_in_a_browser_elsewhere(
    dashboard: Dashboard, browser: Browser
) -> None:
    async with await browser.new_context(timezone_id="Asia/Tokyo") as context:
        page = await context.new_page()
        await page.goto(f"{dashboard.api.url}/dashboard#key={dashboard.key}")

        await shows_the_reporting_zone(page)
        assert page.url.endswith("?tz=UTC")
        options = await page.locator("#zone option").all_inner_texts()
        assert options[:2] == ["UTC", "Asia/Tokyo"]


@pytest.mark.parametrize("zone", UNKNOWN)
async def test_page_works_when_the_browser_reports_no_zone(dashboard: Dashboard, zone: str) -> None:
    await dashboard.page.add_init_script(reported(zone))
    await dashboard.open()

    await shows_the_reporting_zone(dashboard.page)


async def test_chosen_zone_is_in_the_link(dashboard: Dashboard) -> None:
    page = dashboard.page
    await dashboard.open("?period=7d")
    await page.locator("#zone").focus()
    await page.locator("#zone").select_option("Asia/Tokyo")

    await expect(page).to_have_url(re.compile(r"\?period=7d&tz=Asia%2FTokyo$"))
    await expect(page.locator("#freshness")).to_contain_text("Asia/Tokyo")


async def test_page_says_so_when_the_zone_of_its_address_is_unknown(dashboard: Dashboard) -> None:
    await dashboard.open("?tz=Mars/Olympus")

    await expect(dashboard.page.locator("#zone-note")).to_contain_text("not known")
    await shows_the_reporting_zone(dashboard.page)


async def test_page_shows_the_reporting_zone_when_the_service_does_not_know_the_chosen_one(
    dashboard: Dashboard,
) -> None:
    dashboard.expects_failures = True
    # Browsers take names in any case of letters, the service takes IANA's.
    await dashboard.open("?tz=europe/vienna")

    await expect(dashboard.page.locator("#zone-note")).to_contain_text("not known")
    await shows_the_reporting_zone(dashboard.page)


async def visited(page: Page) -> str:
    """Return the tab's history, as the browser keeps it."""
    session = await page.context.new_cdp_session(page)
    return json.dumps(await session.send("Page.getNavigationHistory"))


async def test_key_is_not_in_the_history_of_the_tab(dashboard: Dashboard) -> None:
    page = dashboard.page
    await dashboard.open("?period=7d")
    assert page.url.endswith("/dashboard?period=7d&tz=UTC")
    # As when an address is pasted while the page is open.
    await page.evaluate("key => { location.hash = `#key=${key}`; }", dashboard.key)
    await expect(page).to_have_url(re.compile(r"/dashboard\?period=7d&tz=UTC$"))
    await dashboard.settled()
    await page.goto("about:blank")

    assert dashboard.key not in await visited(page)
    assert dashboard.key not in await page.title()


@pytest.mark.parametrize(
    "address",
    ["#key=wrong_secret", "#key=eng_read_wrong_secret", "#eng_read_wrong_secret",
     "#Key=eng_read_wrong_secret", "?key=eng_read_wrong_secret", "#/key=eng%5Fread_wrong_secret"],
)  # fmt: skip
async def test_wrong_key_is_taken_out_of_the_address_and_the_page_says_what_is_wrong(
    dashboard: Dashboard, address: str
) -> None:
    dashboard.expects_failures = True
    page = dashboard.page
    await page.goto(f"{dashboard.api.url}/dashboard{address}")
    await expect(page.locator("#notice h2")).to_have_text("The key of this link does not work")
    await expect(page.locator("#notice")).to_contain_text(
        "not known" if "eng" in address else "begins with eng_read_"
    )

    assert page.url.endswith("/dashboard?tz=UTC")
    assert "secret" not in (await visited(page)).replace("%5F", "_")
    assert "secret" not in await page.evaluate("JSON.stringify([localStorage, sessionStorage])")


async def test_mistyped_link_leaves_the_good_key(dashboard: Dashboard) -> None:
    dashboard.expects_failures = True
    page = dashboard.page
    await dashboard.open()
    await page.goto("about:blank")
    await page.goto(f"{dashboard.api.url}/dashboard#key={dashboard.key[:-3]}")

    await expect(page.locator("#key-notice")).to_contain_text("The key of this link is not used")
    await shows_the_reporting_zone(page)
    assert await page.evaluate("localStorage['engage.read_key']") == dashboard.key


async def test_key_of_another_scope_is_named_as_the_problem(dashboard: Dashboard) -> None:
    dashboard.expects_failures = True
    ingest_key = new_key(dashboard.api.keys, Scope.INGEST)
    await dashboard.page.goto(f"{dashboard.api.url}/dashboard")
    await dashboard.page.get_by_label("Read key").fill(ingest_key)
    await dashboard.page.get_by_role("button", name="Use this key").click()

    await expect(dashboard.page.locator("#key-problem")).to_have_text(
        re.compile("may not read reports|not known")
    )
    assert await dashboard.page.evaluate("localStorage['engage.read_key'] ?? null") is None


async def test_a_whole_address_may_be_pasted_for_a_key(dashboard: Dashboard) -> None:
    dashboard.expects_failures = True
    await dashboard.page.goto(f"{dashboard.api.url}/dashboard")
    pasted = f" {dashboard.api.url}/dashboard#key={dashboard.key} "
    await dashboard.page.get_by_label("Read key").fill(pasted)
    await dashboard.page.get_by_role("button", name="Use this key").click()

    await expect(dashboard.page.locator("[data-tile=views] .value")).to_have_text(
        re.compile(r"\d"), timeout=30_000
    )
