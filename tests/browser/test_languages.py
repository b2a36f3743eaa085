"""The dashboard in another language than English."""

import re

from playwright.async_api import Page, expect

from analytics_api.languages import load_languages
from tests.browser.newsroom import Dashboard

LANGUAGES = load_languages()
ENGLISH = {text for text in LANGUAGES["en"].texts.values() if isinstance(text, str)}
GERMAN = {text for text in LANGUAGES["de"].texts.values() if isinstance(text, str)}
KEY = re.compile(rf"\b({'|'.join({key.split('.')[0] for key in LANGUAGES['en'].texts})})\.\w+\b")
TEXTS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    if (!parentElement.closest("script, noscript")) found.push(data);
  }
  for (const name of ["aria-label", "title", "placeholder"])
    for (const each of document.querySelectorAll(`[${name}]`))
      found.push(each.getAttribute(name));
  return found.map((text) => text.trim()).filter(Boolean);
}"""


async def texts(page: Page) -> set[str]:
    """Return all texts of the page, also those for screen readers."""
    return set(await page.evaluate(TEXTS))


async def test_page_is_german_in_every_part(dashboard: Dashboard) -> None:
    page = dashboard.page
    for query in ("?lang=de", "?lang=de&author=2", "?lang=de&post=160", "?lang=de&type=like"):
        await dashboard.open(query)
        await expect(page.locator("html")).to_have_attribute("lang", "de")
        shown = await texts(page)

        assert shown & (ENGLISH - GERMAN) == set(), query
        assert {text for text in shown if KEY.search(text) and "/" not in text} == set(), query
        assert not {text for text in shown if re.search(r"\{\w+\}|undefined|NaN", text)}, query
    await page.keyboard.press("?")
    await expect(page.locator("dialog h2")).to_have_text("So benutzen Sie diese Seite")
    assert await texts(page) & (ENGLISH - GERMAN) == set()


async def test_numbers_and_dates_are_written_as_in_the_language(dashboard: Dashboard) -> None:
    await dashboard.open("?lang=de")
    found = await dashboard.json("/reports/overview?period=all&tz=UTC")
    total = dashboard.page.locator("[data-tile=total_engagements] .value")
    await dashboard.page.locator("#period").select_option("all")

    count = found["current"]["total_engagements"]
    assert count >= 1000
    await expect(total).to_have_text(f"{count:,}".replace(",", "."))
    await expect(dashboard.page.locator("#hours th[scope=row]").first).to_have_text("Mo")
    await expect(dashboard.page.locator("#freshness")).to_have_text(
        re.compile(r"^Stand: \d+\. \S+ 20\d\d, \d\d:\d\d:\d\d UTC$")
    )


async def test_language_is_the_browsers_until_another_is_chosen(dashboard: Dashboard) -> None:
    browser = dashboard.page.context.browser
    assert browser is not None
    async with await browser.new_context(timezone_id="UTC", locale="de-AT") as context:
        page = await context.new_page()
        await page.goto(f"{dashboard.api.url}/dashboard?period=7d#key={dashboard.key}")
        await expect(page.locator("#periods button[aria-pressed=true]")).to_have_text("7 Tage")
        await page.locator("#languages a").click()

        await expect(page.locator("#periods button[aria-pressed=true]")).to_have_text("7 days")
        await expect(page).to_have_url(re.compile(r"\?period=7d&tz=UTC&lang=en$"))
        await page.locator("#periods [data-key='28d']").click()
        await page.reload()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
