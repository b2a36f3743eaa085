"""Take the README's pictures: ``python docs/screenshots.py DIR``, of the stack in DIR.

Run by `make screenshots DIR=…` while a demo runs: `make demo ARGS='--dir DIR'`.
"""

import json
import sys
from pathlib import Path
from typing import Final, NamedTuple

from playwright.sync_api import Page, expect, sync_playwright

from bench.browser import find_browser

IMAGES: Final = Path(__file__).with_name("images")
MOST_BYTES: Final = 200_000


class Picture(NamedTuple):
    """One picture: its name, theme, size in pixels, and the address's query."""

    name: str
    theme: str
    width: int
    height: int
    query: str = ""
    part: str = ""


PICTURES: Final = (
    Picture("dashboard-light", "light", 1280, 1000),
    Picture("dashboard-dark", "dark", 1280, 1000, part="#when"),
    Picture("dashboard-phone", "light", 375, 812),
)


def main(folder: Path) -> None:
    """Take all pictures. Raises SystemExit: one is too large for a README."""
    stack = json.loads((folder / "stack.json").read_text(encoding="utf-8"))
    program = find_browser()
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for picture in PICTURES:
            page = browser.new_page(
                viewport={"width": picture.width, "height": picture.height},
                color_scheme="dark" if picture.theme == "dark" else "light",
                reduced_motion="reduce",
            )
            url = f"{stack['api_url']}/dashboard{picture.query}#key={stack['read_key']}"
            path = take(page, url, picture)
            size_bytes = path.stat().st_size
            print(f"{path.name}: {size_bytes:,} bytes")
            if size_bytes > MOST_BYTES:
                sys.exit(f"{path.name} is over {MOST_BYTES:,} bytes")
        browser.close()


def take(page: Page, url: str, picture: Picture) -> Path:
    """Take one picture, once every part of the page has its answer."""
    page.goto(url)
    page.locator("#now .rows").wait_for()
    expect(page.locator(".skeleton:visible")).to_have_count(0)
    if picture.part:
        page.locator(picture.part).evaluate("(element) => element.scrollIntoView()")
    page.wait_for_timeout(500)
    path = IMAGES / f"{picture.name}.png"
    page.screenshot(path=str(path))
    return path


if __name__ == "__main__":
    main(Path(sys.argv[1]))
