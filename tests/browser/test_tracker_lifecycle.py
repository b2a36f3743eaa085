"""Prerendering and the back/forward cache.

With a debugger, chromium runs no scripts of prerendered pages. Therefore it is only started with an
address, and the pages act by themselves.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.browser.conftest import OPTIONS
from tests.browser.site import ARTICLE, BEACON, HEAD, TIMEOUT_SECONDS, Reply, Request, Site, posts

LOG = "const log = (text) => fetch('/log?' + text);"
LEAVE = """
const asking = setInterval(async () => {
  const answer = await fetch("/go");
  if (!await answer.text()) return;
  clearInterval(asking);
  location.href = "/next";
}, 200);"""
"""Goes to the next page once the test puts something at /go."""
PRERENDER = """<script type="speculationrules">
{"prerender": [{"source": "list", "urls": ["/next"], "eagerness": "immediate"}]}</script>"""


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return tmp_path / "profile"


@asynccontextmanager
async def browsing(program: str, profile: Path, url: str) -> AsyncIterator[None]:
    """Have chromium show the address while the block runs."""
    arguments = ("--headless=new", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}")
    process = await asyncio.create_subprocess_exec(
        program, *OPTIONS, *arguments, url, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await process.wait()


def is_ahead(request: Request) -> bool:
    """Whether the request came from a page that was not shown."""
    return "prefetch" in request.headers.get("sec-purpose", "")


async def test_prerendered_page_sends_nothing_before_it_is_shown(
    site: Site, program: str, profile: Path
) -> None:
    # The first page cannot send its like: it is in the queue that the next page finds.
    site.gateway.reply = lambda r: Reply(503) if r.path == BEACON else None
    site.pages["/"] = (
        HEAD
        + site.tag(data="")
        + "<script>addEventListener('load', () => engage('like', {post: '1'}));</script>"
        + PRERENDER
        + f"<script>{LEAVE}</script>"
    )
    site.pages["/next"] = (
        f"{HEAD}<script>{LOG} log('prerendering=' + document.prerendering);</script>"
        f"{site.tag('')}{ARTICLE}<script>engage('share');"
        "setTimeout(() => log('waited'), 2500);</script>"
    )
    async with browsing(program, profile, site.url):
        await site.until(lambda: "/log?waited" in site.requests)
        assert "/log?prerendering=true" in site.requests
        assert [r for r in site.gateway.requests if is_ahead(r) and r.path == BEACON] == []
        assert [r.method for r in site.gateway.requests if is_ahead(r)] in ([], ["GET"])
        site.gateway.reply = lambda _: None
        site.pages["/go"] = "now"
        found = await site.events(lambda found: len(found) == 3)

    assert (posts(found), posts(found, "like"), posts(found, "share")) == ([42], [1], [42])


async def test_prerendered_page_that_is_never_shown_counts_nothing(
    site: Site, program: str, profile: Path
) -> None:
    site.pages["/"] = HEAD + site.tag(data='data-post="1"') + ARTICLE + PRERENDER
    site.pages["/next"] = (
        f"{HEAD}<script>{LOG}</script>{site.tag('')}{ARTICLE}"
        "<script>engage('share'); setTimeout(() => log('waited'), 2500);</script>"
    )
    async with browsing(program, profile, site.url):
        await site.until(lambda: "/log?waited" in site.requests)
        found = await site.events(lambda found: len(found) == 1)

    assert posts(found) == [1]
    assert len(site.publisher.events) == 1


@pytest.mark.parametrize("data", ['data-post="42"', "data-spa=path"])
async def test_return_from_the_back_forward_cache_is_a_view(
    site: Site, program: str, profile: Path, data: str
) -> None:
    site.page(
        "/",
        data=data,
        after=LOG
        + """
        addEventListener("pageshow", ({ persisted }) => log("persisted=" + persisted));
        """
        + LEAVE,
    )
    site.pages["/next"] = (
        "<script>addEventListener('load', () => setTimeout(() => history.back(), 300))</script>"
    )
    async with browsing(program, profile, site.url):
        await site.events(lambda found: len(found) == 1)
        site.pages["/go"] = "now"
        await site.until(lambda: "/log?persisted=true" in site.requests)
        await site.events(lambda found: len(found) == 2)
        await asyncio.sleep(2)
        found = await site.events(lambda found: len(found) == 2)

    assert len(set(map(json.dumps, posts(found)))) == 1
