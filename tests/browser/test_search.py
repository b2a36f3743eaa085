"""Search of the dashboard."""

from playwright.async_api import expect

from tests.browser.newsroom import Dashboard


async def test_reader_finds_a_post_by_words_and_opens_its_page(dashboard: Dashboard) -> None:
    page = dashboard.page
    await dashboard.open()
    await page.keyboard.press("/")
    await page.locator("#search").fill("tech 18")
    results = page.locator("#search-results [role=option]")
    await expect(results.first).to_contain_text("Post 187 about Tech")
    await page.keyboard.press("ArrowDown")
    second = await page.locator("[aria-selected=true] bdi").first.inner_text()
    await page.keyboard.press("Enter")

    await expect(page.locator("#dialog")).to_have_count(0)
    await expect(page.locator("#subject")).to_contain_text(second)


async def test_reader_finds_an_author_in_spite_of_a_typo(dashboard: Dashboard) -> None:
    page = dashboard.page
    await dashboard.open()
    await page.locator("#find").click()
    await page.locator("#search").fill("Marhs")
    await expect(page.locator("#search-status")).to_contain_text("Similar")
    await page.locator("#search-results [role=option]", has_text="Bob Marsh").click()

    await expect(page.locator("[data-filter=author]")).to_contain_text("Bob Marsh")


async def test_search_says_when_nothing_is_found(dashboard: Dashboard) -> None:
    page = dashboard.page
    await dashboard.open()
    await page.keyboard.press("/")
    await page.locator("#search").fill("quantum")

    await expect(page.locator("#search-status")).to_have_text("Nothing has these words or this ID.")
    await expect(page.locator("#search-results [role=option]")).to_have_count(0)
