"""Periods by name and by dates, what they are compared with, and the title of each view."""

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import expect

from tests.browser.newsroom import Dashboard, scope

# A Wednesday.
NOW = datetime(2026, 7, 15, 10, tzinfo=UTC)
DAYS = {
    "today": ("2026-07-15", None),
    "yesterday": ("2026-07-14", "2026-07-14"),
    "week": ("2026-07-13", None),
    "last_week": ("2026-07-06", "2026-07-12"),
    "month": ("2026-07-01", None),
    "last_month": ("2026-06-01", "2026-06-30"),
    "7d": ("2026-07-09", None),
    "28d": ("2026-06-18", None),
    "91d": ("2026-04-16", None),
    "year": ("2025-07-17", None),
}


def overviews(dashboard: Dashboard) -> list[dict[str, list[str]]]:
    """Return the parameters of the overviews that the page has requested."""
    urls = map(urlsplit, dashboard.asked)
    return [parse_qs(url.query) for url in urls if url.path == "/reports/overview"]


async def test_named_periods_are_whole_days_of_the_zone(dashboard: Dashboard) -> None:
    dashboard.expects_failures = True
    await dashboard.page.clock.set_fixed_time(NOW)
    found = {}
    for period in DAYS:
        dashboard.asked.clear()
        await dashboard.page.goto(
            f"{dashboard.api.url}/dashboard?period={period}#key={dashboard.key}"
        )
        await expect(dashboard.page.locator(".tiles:not([aria-busy=true])")).to_be_visible()
        wanted = [each for each in overviews(dashboard) if "start" in each]
        found[period] = (wanted[0]["start"][0], wanted[0].get("end", [None])[0])

    assert found == DAYS


@pytest.mark.parametrize("period", ["yesterday", "last_week", "month", "all"])
async def test_less_common_periods_are_chosen_from_a_list(
    dashboard: Dashboard, period: str
) -> None:
    await dashboard.open()
    await dashboard.page.get_by_label("More periods").select_option(period)

    await expect(dashboard.page).to_have_url(re.compile(rf"period={period}\b"))
    await expect(dashboard.page.get_by_label("More periods")).to_have_value(period)
    await expect(dashboard.page.locator("#periods [aria-pressed=true]")).to_have_count(0)


async def test_chosen_days_are_shown_and_reversed_ones_are_explained(dashboard: Dashboard) -> None:
    page = dashboard.page
    await dashboard.open()
    await page.get_by_label("More periods").select_option("custom")
    await page.locator("#start").fill("2026-03-10")
    await page.locator("#end").fill("2026-03-01")
    await page.get_by_role("button", name="Show", exact=True).click()
    await expect(page.locator("#period-problem")).to_have_text(
        "The last day (2026-03-01) is before the first day (2026-03-10)."
    )
    await page.locator("#end").fill("2026-03-12")
    await page.get_by_role("button", name="Show", exact=True).click()

    await expect(page).to_have_url(re.compile("start=2026-03-10&end=2026-03-12"))
    await expect(page.locator("#compared")).to_contain_text("10 \N{EN DASH} 12 Mar 2026")


async def test_address_with_reversed_days_says_what_is_wrong(dashboard: Dashboard) -> None:
    await dashboard.open("?start=2026-03-10&end=2026-03-01")

    await expect(dashboard.page.locator("#notice")).to_contain_text("is before the first day")
    await expect(dashboard.page.locator("#parts")).to_be_hidden()
    await dashboard.page.get_by_role("button", name="7 days").click()
    await expect(dashboard.page.locator("[data-tile=views] .value")).to_have_text(re.compile(r"\d"))


async def test_comparison_is_chosen_and_named(dashboard: Dashboard) -> None:
    page = dashboard.page
    await dashboard.open()
    compared = page.locator("#compared")
    await expect(compared).to_contain_text("the period before")
    await page.get_by_label("Compare with").select_option("none")
    await expect(page).to_have_url(re.compile("compare=none"))
    await expect(page.locator("[data-tile=views] .change")).to_have_text("not compared")
    await expect(page.locator("#trend .key-line.before")).to_have_count(0)
    await page.get_by_label("Compare with").select_option("year")
    await expect(page).to_have_url(re.compile("compare=year"))
    await expect(compared).to_contain_text("Nothing to compare with yet")
    await page.get_by_label("Compare with").select_option("previous")
    await expect(compared).to_contain_text("the period before")


async def test_chart_names_both_dates_of_a_point(dashboard: Dashboard) -> None:
    page = dashboard.page
    await dashboard.open()
    points = await dashboard.json(f"/reports/series?{scope()}&interval=day")
    box = await page.locator("#trend .u-over").bounding_box()
    assert box is not None
    await page.locator("#trend .u-over").hover(position={"x": box["width"] / 2, "y": 50})

    legend = await page.locator("#trend .chart-legend").inner_text()
    dates = re.findall(r"\w{3}, (\d+ \w{3} \d{4})", legend)
    assert len(dates) == 2
    now, then = (datetime.strptime(each, "%d %b %Y").replace(tzinfo=UTC) for each in dates)
    assert (now - then).days == 28
    starts = {each["start"][:10]: each["previous_start"][:10] for each in points}
    assert starts[now.date().isoformat()] == then.date().isoformat()


async def test_each_view_has_a_title(dashboard: Dashboard) -> None:
    for query, title in (
        ("", "28 days · Engagement"),
        ("?period=last_week&category=Tech", "Tech · Last week · Engagement"),
        ("?author=2", "Bob Marsh · 28 days · Engagement"),
        ("?start=2026-03-01&end=2026-03-31", "1 \N{EN DASH} 31 Mar 2026 · Engagement"),
    ):
        await dashboard.open(query)
        await expect(dashboard.page).to_have_title(title)
    await dashboard.open("?post=160")
    await expect(dashboard.page).to_have_title(re.compile("^Post 160 about .* · Engagement$"))


@pytest.mark.parametrize("query", ["?category=Tech", "?author=2", "?post=160", "?period=all"])
async def test_every_view_says_when_its_numbers_were_true(dashboard: Dashboard, query: str) -> None:
    await dashboard.open(query)

    freshness = dashboard.page.locator("#freshness")
    await expect(freshness).to_have_text(re.compile(r"^As of \d+ \w+ 20\d\d, \d\d:\d\d:\d\d UTC$"))
