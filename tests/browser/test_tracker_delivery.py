"""The queue of the tracker when events cannot be sent."""

import asyncio
import json
from collections.abc import Callable

import pytest
from playwright.async_api import BrowserContext, Page

from tests.browser.site import QUEUED, Reply, Request, Site, posts, types
from tests.browser.test_tracker import CLICK, when_ready
from tests.serving import new_key
from web.auth import Scope

HALF_EMOJI = "\ud83d"
LARGE = "漢" * 190  # 3 bytes each
KIB = 1024


def beacons(answer: Callable[[Request], Reply | None]) -> Callable[[Request], Reply | None]:
    """Reply to requests with events only."""
    return lambda request: answer(request) if request.method == "POST" else None


def problem(status: int, **members: object) -> Reply:
    return Reply(status, json.dumps({"status": status, **members}).encode())


async def like(page: Page, *names: str) -> None:
    """Have the page send a like of each of these posts."""
    await page.wait_for_function("!!window.engage")
    await page.evaluate("names => names.forEach((post) => engage('like', {post}))", list(names))


async def test_same_events_are_sent_again_after_a_failure(site: Site) -> None:
    left = [1, 2]
    site.gateway.reply = beacons(lambda _: Reply(503) if left and left.pop() else None)
    site.page(after=when_ready(CLICK))
    async with site.opened():
        found = await site.events(lambda found: types(found) == ["like", "view"])

    first = next(e for e in found if e["type"] == "like")
    sent = [e["event_id"] for e in site.gateway.beacons[0].events if e["type"] == "like"]
    assert sent == [first["event_id"]]


async def test_large_queue_is_sent_when_the_network_is_back(site: Site) -> None:
    names = [f"{number:03}{LARGE}" for number in range(100)]
    site.page(data="")
    async with site.context() as context:
        page = await context.new_page()
        await page.goto(site.url)
        await context.set_offline(True)
        await like(page, *names)
        await asyncio.sleep(1)  # a first attempt fails
        assert await page.evaluate(QUEUED) == 100
        await context.set_offline(False)
        found = await site.events(lambda found: len(found) == 100)

    assert sorted(posts(found, "like")) == names
    assert all(len(r.body.encode()) < 64 * KIB for r in site.gateway.beacons)


async def test_large_queue_is_sent_by_beacons_when_the_page_is_left(site: Site) -> None:
    names = [f"{number:03}{LARGE}" for number in range(100)]
    site.gateway.reply = beacons(lambda r: Reply(503) if r.headers.get("sec-fetch-mode") else None)
    site.page(data="")
    site.page("/next", data="")
    async with site.opened() as page:
        await like(page, *names)
        site.gateway.reply = lambda _: None
        await page.evaluate("navigator.sendBeacon('/x', 'x'.repeat(20000))")
        await page.goto(f"{site.url}/next")
        await site.events(lambda found: len(found) == 100)
        await page.wait_for_function(f"!{QUEUED}")

    left = [r for r in site.gateway.beacons if r.headers["content-type"].startswith("text/plain")]
    assert sorted({e["post"] for r in left for e in r.events}) == names


async def test_beacons_of_a_left_page_are_within_the_limit_of_the_browser(site: Site) -> None:
    site.page(data="", before="window.sizes = [];")
    async with site.opened() as page:
        await page.wait_for_function("!!window.engage")
        sizes = await page.evaluate(
            """(text) => {
                const sizes = [];
                navigator.sendBeacon = (_, body) => {
                    const size = new Blob([body]).size;
                    const isTaken = sizes.reduce((sum, each) => sum + each, size) <= 65536;
                    if (isTaken) sizes.push(size);
                    return isTaken;
                };
                for (let number = 0; number < 100; number++) engage("like", {post: number + text});
                Object.defineProperty(document, "hidden", {value: true, configurable: true});
                document.dispatchEvent(new Event("visibilitychange", {bubbles: true}));
                return sizes;
            }""",
            LARGE,
        )
    assert sizes
    assert sum(sizes) > 16 * KIB


async def test_lone_surrogate_is_sent_as_valid_text(site: Site) -> None:
    site.page(data="")
    async with site.opened() as page:
        await page.wait_for_function("!!window.engage")
        await page.evaluate(
            "engage('like', {post: 'a\\ud83d'}); engage('share', {post: '\\ud83d\\ude00'})"
        )
        found = await site.events(lambda found: len(found) == 2)

    assert (posts(found, "like"), posts(found, "share")) == (["a\ufffd"], ["\U0001f600"])


async def test_other_events_of_a_rejected_body_are_stored(site: Site) -> None:
    site.gateway.reply = beacons(
        lambda r: problem(400, code="malformed_json") if '"bad"' in r.body else None
    )
    site.page(data="")
    async with site.opened() as page:
        await like(page, "1", "2", "bad", *map(str, range(3, 11)))
        found = await site.events(lambda found: len(found) == 10)
        await page.wait_for_function(f"{QUEUED} <= 1")

    assert sorted(posts(found, "like")) == list(range(1, 11))


async def test_only_invalid_events_of_a_rejected_body_are_dropped(site: Site) -> None:
    def refuse(request: Request) -> Reply | None:
        errors = [
            {"index": index, "error": "invalid_type"}
            for index, event in enumerate(request.events)
            if event.get("post") == "bad"
        ]
        return problem(422, code="no_valid_event", errors=errors) if errors else None

    site.gateway.reply = beacons(refuse)
    site.page(data="")
    async with site.opened() as page:
        await like(page, "1", "bad", "2")
        found = await site.events(lambda found: len(found) == 2)
        await page.wait_for_function(f"!{QUEUED}")

    assert sorted(posts(found, "like")) == [1, 2]


async def test_unacknowledged_events_of_a_partly_accepted_body_are_sent_again(site: Site) -> None:
    def half(request: Request) -> Reply | None:
        if len(site.gateway.beacons) > 1:
            return None
        errors = [{"index": 1, "error": "unavailable"}, {"index": 2, "error": "invalid_type"}]
        return Reply(207, json.dumps({"errors": errors}).encode())

    site.gateway.reply = beacons(half)
    site.page(data="")
    async with site.opened() as page:
        await like(page, "1", "2", "3")
        found = await site.events(lambda found: len(found) == 1)
        await page.wait_for_function(f"!{QUEUED}")

    first, second = (request.events for request in site.gateway.beacons)
    assert [e["event_id"] for e in second] == [first[1]["event_id"]]
    assert [e["event_id"] for e in found] == [first[1]["event_id"]]


async def test_body_that_is_too_large_for_a_proxy_is_halved(site: Site) -> None:
    site.gateway.reply = beacons(lambda r: Reply(413) if len(r.body) > 2000 else None)
    site.page(data="")
    async with site.opened() as page:
        await like(page, *map(str, range(1, 61)))
        found = await site.events(lambda found: len(found) == 60)
        await page.wait_for_function(f"!{QUEUED}")

    assert sorted(posts(found, "like")) == list(range(1, 61))


@pytest.mark.parametrize("status", [401, 404])
async def test_queue_is_kept_while_the_key_is_rejected(site: Site, status: int) -> None:
    site.gateway.reply = beacons(lambda _: problem(status, code="some_code"))
    site.page(data="")
    async with site.opened() as page:
        await like(page, "1", "2")
        await site.until(lambda: len(site.gateway.beacons) >= 2)
        assert await page.evaluate(QUEUED) == 2
        site.gateway.reply = lambda _: None
        found = await site.events(lambda found: len(found) == 2)

    assert sorted(posts(found, "like")) == [1, 2]
    assert [text for text in site.console if text.startswith("engage")] == [
        f"engage: {status} some_code"
    ]


@pytest.mark.parametrize("reply", [Reply(200, b"<p>log in</p>"), Reply(400), Reply(502)])
async def test_queue_is_kept_when_a_proxy_responds(site: Site, reply: Reply) -> None:
    site.gateway.reply = beacons(lambda _: reply)
    site.page(data="")
    site.page("/next", data="")
    async with site.opened() as page:
        await like(page, "1", "2", "3")
        await site.until(lambda: len(site.gateway.beacons) >= 2)
        site.gateway.reply = lambda _: None
        await page.goto(f"{site.url}/next")
        found = await site.events(lambda found: len(found) == 3)

    assert sorted(posts(found, "like")) == [1, 2, 3]


FORBIDDEN = """Object.defineProperty(window, "localStorage", {get() { throw new Error("no"); }});"""
NULL = """Object.defineProperty(window, "localStorage", {value: null});"""
FULL = """
for (let size = 2 ** 22; size; size >>= 1)
  for (let i = 0; i < 9; i++) try { localStorage[`${size} ${i}`] = "x".repeat(size) } catch {}
"""


@pytest.mark.parametrize("before", [FORBIDDEN, NULL, FULL])
async def test_events_are_sent_without_storage(site: Site, before: str) -> None:
    site.page(before=before, after=when_ready(CLICK))
    async with site.opened():
        await site.events(lambda found: types(found) == ["like", "view"])


async def test_no_event_is_lost_when_the_storage_fills_up(site: Site) -> None:
    site.page(data="")
    async with site.opened() as page:
        await like(page, "1")
        await page.evaluate(FULL)
        await like(page, "2", "3")
        found = await site.events(lambda found: len(found) >= 2)
        await page.goto(site.url)
        found = await site.events(lambda found: len(found) == 3)

    assert sorted(posts(found, "like")) == [1, 2, 3]


async def opened_twice(context: BrowserContext, site: Site) -> list[Page]:
    pages = [await context.new_page() for _ in range(2)]
    for page in pages:
        await page.goto(site.url)
        await page.wait_for_function("!!window.engage")
    return pages


async def test_tabs_share_one_queue_without_loss(site: Site) -> None:
    site.page(data="")
    site.gateway.reply = beacons(lambda _: Reply(503))
    async with site.context() as context:
        tabs = await opened_twice(context, site)
        for number in range(1, 21):
            await like(tabs[number % 2], str(number))
        for tab in tabs:
            assert await tab.evaluate(QUEUED) == 20
        site.gateway.reply = lambda _: None
        found = await site.events(lambda found: len(found) == 20)
        await tabs[0].wait_for_function(f"!{QUEUED}")

    assert sorted(posts(found, "like")) == list(range(1, 21))


async def test_queue_holds_the_newest_hundred_events_of_a_day(site: Site) -> None:
    site.page(data="")
    site.gateway.reply = beacons(lambda _: Reply(503))
    async with site.opened() as page:
        await like(page, *map(str, range(1, 121)))
        await page.wait_for_function(f"{QUEUED} == 100")
        await page.evaluate("const real = Date.now; Date.now = () => real() + 864e5 + 1e4")
        await like(page, "200")
        await page.wait_for_function(f"{QUEUED} == 1")


async def test_each_key_has_its_own_queue(site: Site) -> None:
    other = new_key(site.keys, Scope.INGEST)
    site.pages["/a"] = site.tag(data="")
    site.pages["/b"] = site.tag(data="", key=other)
    site.gateway.reply = beacons(lambda _: Reply(503))
    async with site.opened("/a") as page:
        await like(page, "1")
        await site.until(lambda: len(site.gateway.beacons) >= 1)
        await page.goto(f"{site.url}/b")
        await like(page, "2")
        await site.until(lambda: any(r.key == other for r in site.gateway.beacons))

    for request in site.gateway.beacons:
        assert {e["post_id"] for e in request.events} == {2 if request.key == other else 1}
