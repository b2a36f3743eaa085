"""The page stays still under its reader while data come in, and never mixes two filters."""

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.browser.newsroom import Dashboard, scope
from tests.integration.api.conftest import row
from tests.waiting import until

SIZES = {"desktop": (1440, 900), "tablet": (1024, 768), "phone": (390, 844)}
MAX_SHIFT = 0.05
MAX_REQUESTS = 20
MAX_BYTES = 100_000
MAX_BYTES_OF_ALL = 108_000
# Shifts within half a second of an input are expected by the reader, and are not counted.
WATCH_SHIFTS = """
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) {
            if (each.hadRecentInput) continue;
            const nodes = each.sources.map(({ node }) => node?.closest?.("[id]")?.id ?? "?");
            window.shifts.push([each.value, nodes.join(" ")]);
        }
    }).observe({ type: "layout-shift", buffered: true });
"""


async def send(dashboard: Dashboard, *posts: int) -> None:
    """Store a share of each post, and refresh the stats view."""
    await dashboard.api.store([row(post, "share") for post in posts])
    await dashboard.api.connection.execute("SELECT refresh_engagement_stats()")


async def mark(element: Locator) -> None:
    """Mark the element itself, to recognize it later."""
    await element.evaluate("(element) => { element.isTheSame = true; }")


async def total(dashboard: Dashboard) -> str:
    return await dashboard.page.locator("[data-tile=total_engagements] .value").inner_text()


async def until_refreshed(dashboard: Dashboard, before: str) -> None:
    """Wait until the tiles show other numbers, which the live stream brings."""
    value = dashboard.page.locator("[data-tile=total_engagements] .value")
    await expect(value).not_to_have_text(before, timeout=60_000)


async def test_focused_link_stays_the_same_while_its_list_is_updated(
    own_dashboard: Dashboard,
) -> None:
    page = own_dashboard.page
    await own_dashboard.open()
    await send(own_dashboard, 160, 161)
    link = page.locator("#now li[data-key='160'] a")
    await expect(link).to_be_visible(timeout=30_000)
    await mark(link)
    await link.focus()
    await send(own_dashboard, *[161] * 5)

    other = page.locator("#now li[data-key='161'] .figure")
    await expect(other).to_have_text("6", timeout=30_000)
    assert await page.evaluate("document.activeElement.isTheSame") is True


async def test_open_table_and_focused_ranking_stay_when_reports_are_refreshed(
    own_dashboard: Dashboard,
) -> None:
    page = own_dashboard.page
    await own_dashboard.open()
    await page.locator("#trend details summary").click()
    await mark(page.locator("#trend details"))
    tile = page.locator("[data-tile=likes]")
    await mark(tile)
    await tile.focus()
    before = await total(own_dashboard)
    await send(own_dashboard, 160)
    await until_refreshed(own_dashboard, before)

    assert await page.locator("#trend details").evaluate("(each) => each.isTheSame && each.open")
    assert await page.evaluate("document.activeElement.isTheSame") is True


async def test_no_click_is_lost_while_rows_change_their_order(own_dashboard: Dashboard) -> None:
    page = own_dashboard.page
    await own_dashboard.open()
    await send(own_dashboard, 160, 161, 161)
    link = page.locator("#now li[data-key='160'] a")
    await expect(link).to_be_visible(timeout=30_000)
    await link.hover()
    await page.mouse.down()
    # More of this post than of the other one: it would move to the top.
    await own_dashboard.api.store([row(160, "share") for _ in range(9)])
    live = page.locator("#live")
    shown = await live.inner_text()
    await expect(live).not_to_have_text(shown, timeout=30_000)
    await page.mouse.up()

    await expect(page).to_have_url(re.compile("post=160"))


@pytest.mark.parametrize("size", SIZES)
async def test_layout_does_not_shift(own_dashboard: Dashboard, size: str) -> None:
    page = own_dashboard.page
    width, height = SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})
    await page.add_init_script(WATCH_SHIFTS)
    await own_dashboard.open()
    before = await total(own_dashboard)
    await send(own_dashboard, 160, 161, 162)
    await until_refreshed(own_dashboard, before)

    shifts = await page.evaluate("window.shifts")
    assert sum(value for value, _ in shifts) < MAX_SHIFT, shifts


async def test_no_number_of_the_filter_before_is_shown_while_the_new_ones_load(
    dashboard: Dashboard,
) -> None:
    page = dashboard.page
    await dashboard.open()
    go_on = asyncio.Event()

    async def delay(route: Route) -> None:
        await go_on.wait()
        await route.continue_()

    await page.route("**/reports/**", delay)
    await page.locator("#author-ranking li[data-key='2'] .label").click()
    await expect(page.locator(".chip")).to_be_visible()

    for selector in (".tile .value", ".rows .figure", ".chart canvas", ".said", ".facts dd"):
        shown = page.locator(f"main {selector}:visible").filter(has_text=re.compile(r"\d"))
        await expect(shown.and_(page.locator(":not(#now *)"))).to_have_count(0)
    assert await page.locator("main .skeleton:visible").count() > len(SIZES)
    go_on.set()
    await dashboard.settled()
    await expect(page.locator("[data-tile=views] .value")).to_have_text(re.compile(r"\d"))


async def test_failed_request_clears_the_panel_and_says_so(dashboard: Dashboard) -> None:
    dashboard.expects_failures = True
    page = dashboard.page
    await dashboard.open()
    problem = {"code": "internal_error", "detail": "internal error"}
    await page.route(
        "**/reports/overview?**", lambda route: route.fulfill(status=500, json=problem)
    )
    await page.get_by_role("button", name="7 days").click()

    await expect(page.locator("#trend .tiles .failed")).to_contain_text("internal error")
    await expect(page.locator(".tile")).to_have_count(0)
    await page.unroute_all()
    await page.locator("#trend .tiles").get_by_role("button", name="Try again").click()
    await expect(page.locator("[data-tile=views] .value")).to_have_text(re.compile(r"\d"))


async def test_expired_key_is_named_as_the_problem(dashboard: Dashboard) -> None:
    dashboard.expects_failures = True
    page = dashboard.page
    await dashboard.open()
    problem = {"code": "key_expired", "detail": "the key has expired"}
    await page.route("**/reports/**", lambda route: route.fulfill(status=401, json=problem))
    await page.get_by_role("button", name="7 days").click()

    await expect(page.locator("#notice h2")).to_have_text("This key has expired")
    await expect(page.locator("#parts")).to_be_hidden()


async def test_slow_report_in_view_does_not_hold_up_those_below(dashboard: Dashboard) -> None:
    page = dashboard.page
    go_on = asyncio.Event()

    async def delay(route: Route) -> None:
        await go_on.wait()
        await route.continue_()

    await page.route("**/reports/opportunity?**", delay)
    await page.goto(f"{dashboard.api.url}/dashboard#key={dashboard.key}")
    await expect(page.locator("#pipeline [data-fact=balanced]")).to_be_visible()
    await expect(page.locator("[data-answer=coach] .names")).to_have_count(0)
    go_on.set()
    await dashboard.settled()


async def test_last_of_quick_choices_is_shown(dashboard: Dashboard) -> None:
    page = dashboard.page
    await dashboard.open()
    for period in ("7d", "91d", "today", "28d", "7d"):
        await page.locator(f"#periods [data-key='{period}']").click()
    await dashboard.settled()
    found = await dashboard.json(f"/reports/overview?{scope(7)}")

    assert await total(dashboard) == f"{found['current']['total_engagements']:,}"
    await expect(page.locator("#periods [aria-pressed=true]")).to_have_text("7 days")


async def test_numbers_that_cannot_be_updated_are_marked_as_out_of_date(
    own_dashboard: Dashboard,
) -> None:
    own_dashboard.expects_failures = True
    page = own_dashboard.page
    await own_dashboard.open()
    shown = await total(own_dashboard)
    problem = {"code": "internal_error", "detail": "internal error"}
    await page.route(
        "**/reports/overview?**", lambda route: route.fulfill(status=500, json=problem)
    )
    await send(own_dashboard, 160)

    note = page.locator("#trend .note").first
    await expect(note).to_contain_text(re.compile("Not updated since .*20"), timeout=60_000)
    assert await total(own_dashboard) == shown


async def test_first_view_takes_few_requests_and_bytes(dashboard: Dashboard) -> None:
    page = dashboard.page
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    urls: dict[str, str] = {}
    received: dict[str, float] = {}

    def finish(found: Any) -> None:
        received[found["requestId"]] = found["encodedDataLength"]

    session.on(
        "Network.requestWillBeSent",
        lambda found: urls.update({found["requestId"]: found["request"]["url"]}),
    )
    session.on("Network.loadingFinished", finish)
    # Without a key in the link, which the page removes by loading itself once more.
    await page.add_init_script(f"localStorage['engage.read_key'] = '{dashboard.key}'")
    await page.goto(f"{dashboard.api.url}/dashboard")
    await dashboard.settled()

    requests = list(urls.values())
    parts = ("/reports/series", "/reports/when-to-post/next", "/reports/opportunity", "movers")
    first_view = 1 + max(
        number for number, url in enumerate(requests) if any(part in url for part in parts)
    )
    assert first_view < MAX_REQUESTS, requests
    assert len(requests) == len(set(requests))
    assert sum(received.get(each, 0) for each in list(urls)[:first_view]) < MAX_BYTES
    assert sum(received.values()) < MAX_BYTES_OF_ALL


async def test_files_are_kept_by_the_browser_and_the_page_is_not(dashboard: Dashboard) -> None:
    await dashboard.open()
    page = await dashboard.api.get("/dashboard")
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', await page.text())

    assert page.headers["Cache-Control"] == "no-cache"
    assert len(files) >= 4
    for file in files:
        answer = await dashboard.api.get(file)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Encoding"] == "gzip"


async def test_idle_page_requests_nothing_but_its_live_stream(own_dashboard: Dashboard) -> None:
    await own_dashboard.open()
    await own_dashboard.api.store([row(160)])
    await expect(own_dashboard.page.locator("#now li[data-key='160']")).to_be_visible(
        timeout=30_000
    )
    await until(lambda: own_dashboard.asked, within_seconds=5)
    before = len(own_dashboard.asked)
    # The event leaves the bars of the last minute one by one: each message moves them.
    await moved(own_dashboard.page, times=5)

    assert own_dashboard.asked[before:] == []


async def moved(page: Page, times: int) -> Any:
    """Wait until the bars of the last minute have moved so often."""
    await page.evaluate(
        """(times) => new Promise((resolve) => {
            let left = times;
            new MutationObserver(() => { left -= 1; if (!left) resolve(); })
                .observe(document.querySelector("#now .bars"), { subtree: true, attributes: true });
        })""",
        times,
    )
