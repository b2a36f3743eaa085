"""The tracker in a real browser, on a page of another origin than the service's.

Run by `make browser`. What the page did stands in Kafka, each event once.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from playwright.async_api import Browser

from schema.http.edge import Application, ASGIScope, Message, Receive, Send, send_problem
from schema.http.keys import Scope
from schema.http.problems import unavailable
from tests.conftest import Kafka
from tests.ingesting import Ingest, ingesting
from tests.serving import new_key

PATIENCE_SECONDS = 30
ARTICLE = """<!doctype html><meta charset="utf-8"><title>A post</title>
<script>{before}</script>
<script defer src="{src}" data-key="{key}" {data}></script>
<article><h1>A post</h1><button data-engage="like"><b>Like</b></button></article>
<script>{after}</script>"""
CLICK = 'document.querySelector("b").click();'


def when_ready(*statements: str) -> str:
    """Return a script that runs after the deferred ones."""
    return f'document.addEventListener("DOMContentLoaded", () => {{ {"".join(statements)} }});'


@dataclass
class Wire:
    """Between browser and service: notes beacon requests, breaks some, opens the answers."""

    app: Application
    failures: int = 0
    opens_answers: bool = True
    bodies: list[str] = field(default_factory=list)

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/events/beacon":
            await self.app(scope, receive, send)
            return

        async def noting() -> Message:
            message = await receive()
            self.bodies.append(message.get("body", b"").decode())
            return message

        async def readable(message: Message) -> None:
            if message["type"] == "http.response.start" and self.opens_answers:
                message["headers"] = _readable(message["headers"])
            await send(message)

        if self.failures:
            self.failures -= 1
            await noting()
            await send_problem(readable, unavailable("broken for this test"))
        else:
            await self.app(scope, noting, readable)


def _readable(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Let the page read the answer where the service does not allow it by itself."""
    given = list(headers)
    if any(name == b"access-control-allow-origin" for name, _ in given):
        return given
    return [
        *given,
        (b"access-control-allow-origin", b"*"),
        (b"access-control-expose-headers", b"Date, Retry-After"),
    ]


@dataclass
class Site:
    """A web site beside the service; its pages are what a test puts there."""

    ingest: Ingest
    wire: Wire
    browser: Browser
    pages: dict[str, str] = field(default_factory=dict)
    url: str = ""
    key: str = ""
    asked: list[str] = field(default_factory=list)

    def page(
        self, path: str, *, data: str = 'data-post="42"', before: str = "", after: str = ""
    ) -> None:
        self.pages[path] = ARTICLE.format(
            src=f"{self.ingest.url}/tracker.js",
            key=self.key or self.ingest.key,
            data=data,
            before=before,
            after=after,
        )

    @asynccontextmanager
    async def opened(self, path: str) -> AsyncIterator[None]:
        """Have the page open in the browser while the block runs."""
        async with await self.browser.new_context() as context:
            page = await context.new_page()
            # A page may leave for another one while it loads.
            await page.goto(self.url + path, wait_until="commit")
            yield

    async def events(self, until: Callable[[list[Any]], bool]) -> list[Any]:
        """Return what stands in Kafka once it is as wanted."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not until(found := [json.loads(r.value) for r in await self.ingest.records()]):
            assert time.monotonic() < deadline, f"in Kafka: {found}; sent: {self.wire.bodies}"
            await asyncio.sleep(0.1)
        return found


@pytest.fixture
async def site(kafka: Kafka, topic: str, tmp_path: Path, browser: Browser) -> AsyncIterator[Site]:
    wires: list[Wire] = []

    def wired(app: Application) -> Application:
        wires.append(Wire(app))
        return wires[0]

    async with ingesting(kafka, topic, tmp_path / "keys.json", wired=wired) as ingest:
        site = Site(ingest, wires[0], browser)

        async def answer(request: web.BaseRequest) -> web.Response:
            site.asked.append(request.path)
            return web.Response(text=site.pages.get(request.path, ""), content_type="text/html")

        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        listener = web.TCPSite(runner, "127.0.0.1", 0)
        await listener.start()
        site.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield site
        await runner.cleanup()


def types(found: list[Any]) -> list[str]:
    return sorted(e["type"] for e in found)


async def test_a_view_and_a_click_stand_in_kafka_exactly_once(site: Site) -> None:
    site.page("/", data='data-post="9007199254740993" data-user="7"', after=when_ready(CLICK))
    async with site.opened("/"):
        found = await site.events(lambda found: types(found) == ["like", "view"])
        sent = len(site.wire.bodies)
        await asyncio.sleep(2)

    assert len(site.wire.bodies) == sent <= 2, "what was accepted is sent again"
    assert len(await site.ingest.records()) == 2
    for each in found:
        assert (each["post_id"], each["user_id"]) == (9007199254740993, 7)
        event_id = UUID(each["event_id"])
        engaged = datetime.fromisoformat(each["engaged_timestamp"])
        assert event_id.version == 7
        assert event_id.int >> 80 == round(engaged.timestamp() * 1000)


async def test_a_key_bound_to_the_page_is_let_in_and_its_answer_read(site: Site) -> None:
    site.wire.opens_answers = False
    site.key = new_key(site.ingest.keys, Scope.INGEST, origins=(site.url,))
    await known(site)
    site.page("/", after=when_ready(CLICK))
    async with site.opened("/"):
        await site.events(lambda found: types(found) == ["like", "view"])
        sent = len(site.wire.bodies)
        await asyncio.sleep(3)  # an answer that cannot be read is asked for again after 2 s

    assert len(site.wire.bodies) == sent <= 2, "the answer could not be read"
    assert len(await site.ingest.records()) == 2


async def known(site: Site) -> None:
    """Wait until the service has seen the key's origin in its file."""
    asking = {"Origin": site.url, "Access-Control-Request-Method": "POST"}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        async with site.ingest.session.options("/events/beacon", headers=asking) as answer:
            if answer.status == 204:
                return
        assert time.monotonic() < deadline, "the service does not see the key"
        await asyncio.sleep(0.1)


async def test_after_a_failure_the_same_events_are_sent_again(site: Site) -> None:
    site.wire.failures = 2
    site.page("/", after=when_ready(CLICK))
    async with site.opened("/"):
        found = await site.events(lambda found: len(found) >= 2)

    assert types(found) == ["like", "view"]
    first = json.loads(site.wire.bodies[0])
    assert [e["event_id"] for e in first if e["type"] == "like"] == [
        e["event_id"] for e in found if e["type"] == "like"
    ]


async def test_a_click_on_the_way_to_another_page_is_not_lost(site: Site) -> None:
    site.page("/", after=when_ready(CLICK, "location.href = '/next';"))
    site.pages["/next"] = "<!doctype html><title>Next</title>"
    async with site.opened("/"):
        found = await site.events(lambda found: len(found) >= 1)

    assert {e["type"] for e in found} == {"like"}
    assert len({(e["event_id"], e["engaged_timestamp"]) for e in found}) == 1


async def test_a_clock_that_is_wrong_is_corrected_by_the_servers(site: Site) -> None:
    site.page("/", before="const real = Date.now; Date.now = () => real() + 36e5;")
    async with site.opened("/"):
        [view] = await site.events(lambda found: len(found) == 1)

    off = datetime.now(UTC) - datetime.fromisoformat(view["engaged_timestamp"])
    assert timedelta(seconds=-5) < off < timedelta(seconds=PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("before", "data"),
    [
        ("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true});", ""),
        ("Object.defineProperty(navigator, 'doNotTrack', {value: '1'});", ""),
        ("", "data-ignore"),
    ],
)
async def test_nothing_is_sent_for_readers_who_do_not_want_it(
    site: Site, before: str, data: str
) -> None:
    site.page(
        "/",
        before=before,
        data=f'data-post="42" {data}',
        after=when_ready(CLICK, "fetch('/clicked');"),
    )
    async with site.opened("/"):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "/clicked" not in site.asked:
            assert time.monotonic() < deadline, "the page did not run"
            await asyncio.sleep(0.1)
        await asyncio.sleep(3)

    assert site.wire.bodies == []


async def test_what_a_page_gets_wrong_does_not_spoil_the_rest(site: Site) -> None:
    wrong = (
        """engage('li"ke'); engage(); engage("view", { post: '"}' });"""
        """engage("like", { post: "a\\nb" });"""
    )
    site.page("/", after=when_ready(wrong, CLICK))
    async with site.opened("/"):
        found = await site.events(lambda found: types(found) == ["like", "view", "view"])

    # A quote and a brace are a strange external id, but one.
    assert {e.get("post_id") or e["post"] for e in found} == {42, '"}'}
    assert len(site.wire.bodies[0].split("event_id")) == 1 + 5


async def test_once_makes_a_repeated_like_one_event(site: Site) -> None:
    site.page(
        "/", data='data-post="42" data-user="7" data-once="like:1d"', after=when_ready(CLICK, CLICK)
    )
    async with site.opened("/"):
        found = await site.events(lambda found: types(found) == ["like", "like", "view"])

    assert len({e["event_id"] for e in found if e["type"] == "like"}) == 1


async def test_every_marked_element_counts_once_it_is_in_sight(site: Site) -> None:
    site.page("/", data="", after="")
    site.pages["/"] += (
        '<p data-engage-view data-engage-post="1">one</p>'
        '<p data-engage-view data-engage-post="2" style="margin-top: 9000px">far below</p>'
    )
    async with site.opened("/"):
        found = await site.events(lambda found: len(found) >= 1)
        await asyncio.sleep(2)

    assert [e["post_id"] for e in found] == [1]
    assert len(await site.ingest.records()) == 1
