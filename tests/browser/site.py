"""A web site whose pages load the tracker, and a gateway before the ingest service."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page

from schema.event import Record
from schema.wire import encode
from web.asgi import Application, ASGIScope, Message, Receive, Send

TIMEOUT_SECONDS: Final = 120
BEACON: Final = "/events/beacon"
HEAD: Final = '<!doctype html><meta charset="utf-8"><title>A post</title>'
QUEUED: Final = "Object.keys(localStorage).filter((key) => /[0-9a-f]{12}$/.test(key)).length"
ARTICLE: Final = "<article><h1>A post</h1><button data-engage=like><b>Like</b></button></article>"

Header = tuple[bytes, bytes]


class FakePublisher:
    """Acknowledges every event and keeps it."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def start(self) -> None: ...

    async def until_connected(self) -> None: ...

    async def stop(self) -> None: ...

    def not_ready(self) -> str | None:
        return None

    async def publish(self, records: list[Record], _: str | None = None) -> list[bool]:
        self.events += (json.loads(encode(record)) for record in records)
        return [True] * len(records)

    @property
    def distinct(self) -> list[Any]:
        """The events in order, each once, as the consumer would store them."""
        return list({e["event_id"]: e for e in self.events}.values())


class Request(NamedTuple):
    """A request of a browser to the service."""

    method: str
    path: str
    key: str
    headers: Mapping[str, str]
    body: str

    @property
    def events(self) -> list[Any]:
        return list(json.loads(self.body))


class Reply(NamedTuple):
    """A response in place of the service's."""

    status: int
    body: bytes = b""


@dataclass
class Gateway:
    """Records the requests of the browser, and responds to some in place of the service."""

    app: Application
    reply: Callable[[Request], Reply | None] = lambda _: None
    has_readable_replies: bool = True
    requests: list[Request] = field(default_factory=list)

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def readable(message: Message) -> None:
            if message["type"] == "http.response.start" and self.has_readable_replies:
                message["headers"] = _readable(message["headers"])
            await send(message)

        body = await _read(receive) if scope["method"] == "POST" else b""
        request = _request(scope, body)
        self.requests.append(request)
        if (reply := self.reply(request)) is not None:
            start = {"type": "http.response.start", "status": reply.status, "headers": []}
            await readable(start)
            await send({"type": "http.response.body", "body": reply.body})
            return
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def received() -> Message:
            return next(messages, None) or await receive()

        await self.app(scope, received, readable)

    @property
    def beacons(self) -> list[Request]:
        """The requests that carried events."""
        return [r for r in self.requests if (r.method, r.path) == ("POST", BEACON)]


def _request(scope: ASGIScope, body: bytes) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    [key] = parse_qs(scope["query_string"].decode("latin-1")).get("key", [""])
    return Request(scope["method"], scope["path"], key, headers, body.decode())


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def _readable(given: Iterable[Header]) -> list[Header]:
    """Let the page read the reply where the service does not allow it by itself."""
    headers = list(given)
    if any(name == b"access-control-allow-origin" for name, _ in headers):
        return headers
    return [
        *headers,
        (b"access-control-allow-origin", b"*"),
        (b"access-control-expose-headers", b"Age, Date, Retry-After"),
    ]


@dataclass
class Site:
    """A web site on another origin than the service; tests add its pages."""

    service: str
    gateway: Gateway
    publisher: FakePublisher
    browser: Browser
    keys: Path
    key: str
    pages: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    url: str = ""
    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    def tag(self, how: str = "defer", data: str = 'data-post="42"', key: str = "") -> str:
        """Return the script tag that loads the tracker."""
        key = key or self.key
        return f'<script {how} src="{self.service}/tracker.js" data-key="{key}" {data}></script>'

    def page(
        self, path: str = "/", *, data: str = 'data-post="42"', before: str = "", after: str = ""
    ) -> None:
        """Add a page with one article; scripts run before and after the tracker's tag."""
        self.pages[path] = (
            f"{HEAD}<script>{before}</script>{self.tag(data=data)}{ARTICLE}<script>{after}</script>"
        )

    @asynccontextmanager
    async def context(self) -> AsyncIterator[BrowserContext]:
        """Open a new browser profile."""
        async with await self.browser.new_context() as context:
            context.set_default_timeout(TIMEOUT_SECONDS * 1000)
            context.on("console", lambda message: self.console.append(message.text))
            yield context

    @asynccontextmanager
    async def opened(self, path: str = "/") -> AsyncIterator[Page]:
        """Open the page in a new profile."""
        async with self.context() as context:
            page = await context.new_page()
            # A page may leave for another one while it loads.
            await page.goto(self.url + path, wait_until="commit")
            yield page

    async def events(self, until: Callable[[list[Any]], bool]) -> list[Any]:
        """Return the accepted events, each once, when *until* is true of them."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not until(found := self.publisher.distinct):
            assert time.monotonic() < deadline, (
                f"accepted: {found}; sent: {self.gateway.beacons}; console: {self.console}"
            )
            await asyncio.sleep(0.05)
        return found

    async def events_before(self, page: Page, marker: str = "comment") -> list[Any]:
        """Return all events that the page created before this call.

        The queue is sent in order, and a marker is its last event.
        """
        await page.evaluate("type => engage(type, {post: 'marker'})", marker)
        await self.events(lambda found: "marker" in posts(found, marker))
        while await page.evaluate(QUEUED):  # noqa: ASYNC110  (no notification)
            await asyncio.sleep(0.05)
        return [e for e in self.publisher.distinct if e.get("post") != "marker"]

    async def until(self, is_true: Callable[[], bool]) -> None:
        """Wait until the condition is true."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not is_true():
            assert time.monotonic() < deadline, (
                f"requests: {self.requests}, {self.gateway.requests}"
            )
            await asyncio.sleep(0.05)

    async def respond(self, request: web.BaseRequest) -> web.Response:
        """Serve a page."""
        self.requests.append(request.path_qs)
        kind = "text/javascript" if request.path.endswith(".js") else "text/html"
        return web.Response(
            text=self.pages.get(request.path, ""), content_type=kind, headers=self.headers
        )


def types(events: Iterable[Any]) -> list[str]:
    return sorted(e["type"] for e in events)


def posts(events: Iterable[Any], type_: str = "view") -> list[Any]:
    """Return the posts of the events of a type."""
    return [e.get("post") or e["post_id"] for e in events if e["type"] == type_]
