"""The page on paper, and names that run from right to left."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.newsroom import Dashboard

PAPER = {"width": 718, "height": 1000}
COLOURS = """elements => elements.map(each => {
    const style = getComputedStyle(each);
    return [style.color, style.backgroundColor, style.printColorAdjust];
})"""
HEBREW = "שלום: 100% (חדש)"
OVERRIDE = "Safe \u202egpj.exe"


def luminance(colour: str) -> float:
    """Return how bright an rgb(...) is, from 0 to 1."""
    red, green, blue = (float(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_paper_is_dark_on_white_with_every_shade_and_nothing_cut(
    dashboard: Dashboard, theme: Any, tmp_path: Path
) -> None:
    page = dashboard.page
    await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    await dashboard.open()
    await page.set_viewport_size(PAPER)  # type: ignore[arg-type]
    await page.emulate_media(media="print", color_scheme=theme)

    texts = await page.locator("main p, main .figure, main .value, main h2").evaluate_all(COLOURS)
    assert texts
    assert max(luminance(colour) for colour, *_ in texts) < 0.45
    assert luminance((await page.locator("body").evaluate_all(COLOURS))[0][1]) > 0.99
    shades = await page.locator("#hours .heat td:not(.corner)").evaluate_all(COLOURS)
    assert len({shade for _, shade, _ in shades}) > 3
    assert {adjust for *_, adjust in shades} == {"exact"}
    for selector in ("#trend canvas", "#hours .heat", "#when .heat"):
        box = await page.locator(selector).first.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PAPER["width"]
    for control in ("#theme", "#zone", "#add-filter", "#hours .foot"):
        await expect(page.locator(control)).to_be_hidden()
    await expect(page.locator("#periods button:visible")).to_have_text(["28 days"])


async def test_the_chart_is_dark_on_paper_in_the_dark_theme(dashboard: Dashboard) -> None:
    page = dashboard.page
    await page.emulate_media(color_scheme="dark")
    await dashboard.open()
    await expect(page.locator("#trend canvas")).to_have_count(1)
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")
    await page.evaluate("dispatchEvent(new Event('afterprint'))")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_names_from_right_to_left_do_not_turn_what_is_around_them(
    own_dashboard: Dashboard,
) -> None:
    await own_dashboard.api.connection.execute(
        "UPDATE posts SET title = CASE WHEN post_id % 4 = 0 THEN $1 ELSE $2 END", HEBREW, OVERRIDE
    )
    await own_dashboard.api.connection.execute("UPDATE authors SET name = $1", HEBREW)
    await own_dashboard.api.connection.execute("SELECT refresh_engagement_stats()")
    await own_dashboard.open("?period=91d")
    labels = own_dashboard.page.locator("#post-ranking .label")
    await expect(labels.filter(has_text="שלום").first).to_be_visible(timeout=30_000)

    text = await own_dashboard.page.locator("body").inner_text()
    html = await own_dashboard.page.content()
    assert "\u202e" not in text + html
    assert "Safe gpj.exe" in text
    outside = await own_dashboard.page.locator("body").evaluate(
        """(body, name) => {
            const walker = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
            const found = [];
            while (walker.nextNode()) {
                const node = walker.currentNode;
                const isolated = node.parentElement.closest("bdi") || node.data.includes("\\u2068");
                if (node.data.includes(name) && !isolated) found.push(node.data);
            }
            return found;
        }""",
        "שלום",
    )
    assert outside == []
