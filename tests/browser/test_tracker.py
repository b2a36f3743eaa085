"""The tracker in a real browser, on a page of another origin than the service's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from playwright.async_api import Page, Route

from tests.browser.site import HEAD, TIMEOUT_SECONDS, Site, posts, types
from tests.serving import client, new_key
from web.auth import Scope

CLOCK = "Object.values(localStorage).some((value) => /^-?[0-9]+$/.test(value))"
CLICK = 'document.querySelector("b").click();'


def when_ready(*statements: str) -> str:
    """Return a script that runs after the deferred ones."""
    return f'document.addEventListener("DOMContentLoaded", () => {{ {"".join(statements)} }});'


async def test_view_and_click_are_sent_exactly_once(site: Site) -> None:
    site.page(data='data-post="9007199254740993" data-user="7"', after=when_ready(CLICK))
    async with site.opened() as page:
        await site.events(lambda found: types(found) == ["like", "view"])
        found = await site.events_before(page)

    assert types(found) == ["like", "view"]
    assert len(site.publisher.events) == 3, "an accepted event is sent again"
    for each in found:
        assert (each["post_id"], each["user_id"]) == (9007199254740993, 7)
        event_id = UUID(each["event_id"])
        engaged = datetime.fromisoformat(each["engaged_timestamp"])
        assert event_id.version == 7
        assert event_id.int >> 80 == round(engaged.timestamp() * 1000)


async def test_key_bound_to_the_page_is_accepted_and_its_reply_read(site: Site) -> None:
    site.gateway.has_readable_replies = False
    site.key = new_key(site.keys, Scope.INGEST, origins=(site.url,))
    await known(site)
    site.page(after=when_ready(CLICK))
    async with site.opened() as page:
        await site.events(lambda found: types(found) == ["like", "view"])
        await site.events_before(page)

    assert len(site.publisher.events) == 3, "a reply could not be read"


async def known(site: Site) -> None:
    """Wait until the service has read the key's origin from its file."""
    headers = {"Origin": site.url, "Access-Control-Request-Method": "POST"}
    async with asyncio.timeout(TIMEOUT_SECONDS), client(site.service, None) as session:
        while True:
            async with session.options("/events/beacon", headers=headers) as answer:
                if answer.status == 204:
                    return
            await asyncio.sleep(0.1)


async def test_click_that_leaves_the_page_is_not_lost(site: Site) -> None:
    site.page(after=when_ready(CLICK, "location.href = '/next';"))
    site.pages["/next"] = "<!doctype html><title>Next</title>"
    async with site.opened():
        found = await site.events(lambda found: len(found) >= 1)

    assert types(found) == ["like"]


@pytest.mark.parametrize(
    ("before", "data"),
    [
        ("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true});", ""),
        ("Object.defineProperty(navigator, 'doNotTrack', {value: '1'});", ""),
        ("", "data-ignore"),
    ],
)
async def test_nothing_is_sent_or_stored_when_the_reader_opts_out(
    site: Site, before: str, data: str
) -> None:
    site.page(before=before, data=f'data-post="42" {data}', after=when_ready(CLICK))
    async with site.opened() as page:
        await page.wait_for_function("!!window.engage")
        await page.evaluate("engage('share')")
        # Longer than until a view counts.
        await asyncio.sleep(2)
        assert await page.evaluate("localStorage.length + sessionStorage.length") == 0

    assert [(r.method, r.path) for r in site.gateway.requests] == [("GET", "/tracker.js")]


async def test_invalid_event_of_a_page_does_not_affect_the_others(site: Site) -> None:
    wrong = (
        """engage('li"ke'); engage(); engage("view", { post: '"}' });"""
        """engage("like", { post: "a\\nb" }); engage("like", { post: "x".repeat(20000) });"""
    )
    site.page(after=when_ready(wrong, CLICK))
    async with site.opened() as page:
        found = await site.events(lambda found: types(found) == ["like", "view", "view"])
        assert len(await site.events_before(page)) == 3

    # A quote and a brace are a strange external ID, but a valid one.
    assert {e.get("post_id") or e["post"] for e in found} == {42, '"}'}


async def test_digits_beyond_a_post_id_are_an_external_id(site: Site) -> None:
    site.page(data=f'data-post="{10**19}"')
    async with site.opened():
        [view] = await site.events(lambda found: len(found) == 1)

    assert view["post"] == str(10**19)


async def test_once_makes_a_repeated_like_one_event(site: Site) -> None:
    site.page(data='data-post="42" data-user="7" data-once="like:1d"', after=when_ready(CLICK * 2))
    async with site.opened() as page:
        await site.events(lambda found: types(found) == ["like", "view"])
        assert types(await site.events_before(page)) == ["like", "view"]

    assert len(site.publisher.events) == 4


async def test_element_is_counted_when_it_is_in_sight(site: Site) -> None:
    site.pages["/"] = (
        f"{HEAD}{site.tag(data='')}"
        "<p data-engage-view data-engage-post=1>one</p>"
        '<p data-engage-view data-engage-post=2 style="margin-top: 9000px">far below</p>'
    )
    async with site.opened() as page:
        await site.events(lambda found: len(found) == 1)
        assert posts(await site.events_before(page)) == [1]
        await page.evaluate("scrollTo(0, 9999)")
        await site.events(lambda found: posts(found) == [1, 2])


async def test_click_takes_the_post_of_the_nearest_element(site: Site) -> None:
    site.page()
    site.pages["/"] += "<article data-engage-post=43><i data-engage=share>Share</i></article>"
    async with site.opened() as page:
        await page.click("i")
        await page.click("b")
        found = await site.events(lambda found: types(found) == ["like", "share", "view"])

    assert (posts(found, "share"), posts(found, "like")) == ([43], [42])


# The reader's clock.


def shifted(hours: float) -> str:
    """Return a script that sets the reader's clock wrong."""
    return f"const real = Date.now; Date.now = () => real() + {hours} * 36e5;"


def is_now(event: dict[str, str]) -> bool:
    age = datetime.now(UTC) - datetime.fromisoformat(event["engaged_timestamp"])
    return timedelta(seconds=-5) < age < timedelta(seconds=TIMEOUT_SECONDS)


@asynccontextmanager
async def behind_a_cache(site: Site, *, date: datetime, age: bool) -> AsyncIterator[Page]:
    """Open the page; every reply of the service has this Date, and perhaps an Age of an hour."""
    headers = {"date": date.strftime("%a, %d %b %Y %H:%M:%S GMT")} | (
        {"age": "3600"} if age else {}
    )

    async def answer(route: Route) -> None:
        reply = await route.fetch()
        await route.fulfill(response=reply, headers=reply.headers | headers)

    async with site.context() as context:
        page = await context.new_page()
        await page.route(f"{site.service}/**", answer)
        await page.goto(site.url)
        yield page
        await page.unroute_all(behavior="wait")


async def clock_is_known(page: Page) -> None:
    """Wait until the tracker has seen a Date."""
    await page.wait_for_function(CLOCK)


@pytest.mark.parametrize("hours", [-20, -0.05, 0, 1])
async def test_wrong_clock_is_corrected(site: Site, hours: float) -> None:
    site.page(before=shifted(hours), data="")
    async with site.opened() as page:
        await clock_is_known(page)
        await page.evaluate("engage('like', {post: '1'})")
        found = await site.events(lambda found: len(found) == 1)

    assert all(map(is_now, found))


@pytest.mark.parametrize("age", [True, False])
@pytest.mark.parametrize("hours", [-1, 0])
async def test_right_clock_is_not_changed_behind_a_cache(site: Site, age: bool, hours: int) -> None:
    site.page()
    date = datetime.now(UTC) + timedelta(hours=hours)
    async with behind_a_cache(site, date=date, age=age) as page:
        await site.events(lambda found: len(found) == 1)
        await page.click("b")
        found = await site.events(lambda found: len(found) == 2)

    assert all(map(is_now, found))


async def test_clock_ahead_is_corrected_behind_a_cache_that_sends_an_age(site: Site) -> None:
    site.page(before=shifted(3))
    date = datetime.now(UTC) - timedelta(hours=1)
    async with behind_a_cache(site, date=date, age=True):
        found = await site.events(lambda found: len(found) == 1)

    assert all(map(is_now, found))


async def test_clock_that_is_right_again_is_not_corrected(site: Site) -> None:
    site.page("/", before=shifted(-1), data="")
    site.page("/later")
    async with site.opened() as page:
        await clock_is_known(page)
        await page.goto(f"{site.url}/later")
        found = await site.events(lambda found: len(found) == 1)

    assert all(map(is_now, found))


async def test_time_is_requested_once_when_the_clock_is_right(site: Site) -> None:
    site.page(data="")
    async with site.opened() as page:
        await clock_is_known(page)
        await page.goto(site.url)
        await page.wait_for_function("!!window.engage")
        await site.events_before(page)

    assert len([r for r in site.gateway.requests if r.method == "HEAD"]) == 1
