"""page: how long does the dashboard take to show numbers, over 4 Mbit/s and 100 ms of round trip?

Chromium opens it with the demo's data. The first view is complete when no part in it is loading.
Floor: a page of a few bytes.
"""

import asyncio
import math
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from bench.browser import find_browser
from bench.result import Result, at_most
from bench.servers import Servers, engage, up
from engage.stack.layout import Layout, StackFile
from schema.errors import SetupError

_ROUND_TRIP_MS: Final = 100
_BYTES_PER_SECOND: Final = 4e6 / 8
_SIZE: Final[ViewportSize] = {"width": 1440, "height": 900}
_IDLE_SECONDS: Final = 60.0
_SETTLE_SECONDS: Final = 60.0
_CONNECTION: Final = {
    "offline": False,
    "latency": _ROUND_TRIP_MS,
    "downloadThroughput": _BYTES_PER_SECOND,
    "uploadThroughput": _BYTES_PER_SECOND,
}
# Milliseconds since the navigation began: until the tiles have numbers, and nothing in view is
# awaited.
_WATCH: Final = """
globalThis.seen = { shift: 0, tiles: null, view: null };
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) if (!each.hadRecentInput) seen.shift += each.value;
}).observe({ type: "layout-shift", buffered: true });
const isAwaited = (bottom) =>
  [...document.querySelectorAll("[aria-busy=true]")]
    .map((each) => each.getBoundingClientRect())
    .some((box) => box.height > 0 && box.bottom > 0 && box.top < bottom);
function look(done) {
  const value = document.querySelector("[data-tile=total_engagements] .value");
  if (value && /\\d/.test(value.textContent)) seen.tiles ??= performance.now();
  if (seen.tiles && !isAwaited(innerHeight)) seen.view ??= performance.now();
  if (seen.view && !isAwaited(Infinity)) done();
  else requestAnimationFrame(() => look(done));
}
seen.settled = new Promise(look);
"""
_RESPONSE_END: Final = "performance.getEntriesByType('navigation')[0].responseEnd"
_SEEN: Final = "seen.settled.then(() => seen)"


class _Load(NamedTuple):
    """One load of the page."""

    requests: int
    kilobytes: float
    tiles_seconds: float
    view_seconds: float
    shift: float


@dataclass
class _Traffic:
    """The requests of a page since its navigation, by the browser's clock.

    Attributes:
        begun: when each request was sent.
        received: when each response was complete, and its bytes, compressed and with headers.
    """

    begun: list[float] = field(default_factory=list)
    received: list[tuple[float, float]] = field(default_factory=list)

    def clear(self) -> None:
        self.begun.clear()
        self.received.clear()

    async def watch(self, page: Page) -> None:
        """Record the traffic of a page, and slow it down."""
        session = await page.context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", self._begin)
        session.on("Network.loadingFinished", self._finish)
        await session.send("Network.enable")
        await session.send("Network.emulateNetworkConditions", _CONNECTION)

    def _begin(self, event: dict[str, Any]) -> None:
        if not event["request"]["url"].startswith(("data:", "blob:")):
            self.begun.append(event["timestamp"])

    def _finish(self, event: dict[str, Any]) -> None:
        self.received.append((event["timestamp"], event["encodedDataLength"]))

    def until(self, seconds: float = math.inf) -> tuple[int, float]:
        """Return the requests and kilobytes of the first *seconds* since the first request."""
        end = self.begun[0] + seconds
        size = sum(length for at, length in self.received if at <= end)
        return sum(at <= end for at in self.begun), size / 1000


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:  # noqa: ARG001
    """Open the page with an empty and with a filled cache, in a new profile each round."""
    try:
        program = find_browser()
    except SetupError as error:
        sys.exit(f"page: {error}")
    cold: list[_Load] = []
    warm: list[_Load] = []
    floor: list[_Load] = []
    async with _filled_stack() as stack, _browser(program) as browser:
        for _ in range(rounds):
            async with _profile(browser, stack) as (page, traffic):
                floor.append(await _bare_load(page, traffic, stack.api_url))
                cold.append(await _load(page, traffic, stack.api_url))
                warm.append(await _load(page, traffic, stack.api_url))
        async with _profile(browser, stack) as (page, traffic):
            idle = await _idle_requests(page, traffic, stack.api_url)
    return [
        *_results("", cold, floor),
        *_results(", opened again", warm, floor),
        Result("idle page", "requests/min", [idle], [], at_most(6, 1)),
    ]


def _results(case: str, loads: Sequence[_Load], floor: Sequence[_Load]) -> list[Result]:
    bare = [each.view_seconds for each in floor]
    return [
        Result(
            f"first view{case}", "requests", [load.requests for load in loads],
            [each.requests for each in floor], at_most(19, 15),
        ),
        Result(
            f"first view, compressed{case}", "kB", [load.kilobytes for load in loads],
            [each.kilobytes for each in floor], at_most(100, 80),
        ),
        Result(
            f"until tiles show numbers{case}", "s", [load.tiles_seconds for load in loads], bare,
            at_most(1, 0.8),
        ),
        Result(f"until the first view is complete{case}", "s",
               [load.view_seconds for load in loads], bare),
        Result(
            f"layout shift (CLS){case}", "of the view", [load.shift for load in loads], [],
            at_most(0.05, 0.01),
        ),
    ]  # fmt: skip


async def _load(page: Page, traffic: _Traffic, api_url: str) -> _Load:
    """Open the dashboard, and leave it when nothing is requested any more."""
    traffic.clear()
    await page.goto(f"{api_url}/dashboard")
    seen = await _settled(page)
    view_seconds = seen["view"] / 1000
    requests, kilobytes = traffic.until(view_seconds)
    await page.goto("about:blank")
    return _Load(requests, kilobytes, seen["tiles"] / 1000, view_seconds, seen["shift"])


async def _settled(page: Page) -> dict[str, float]:
    """Return what was seen until nothing is awaited any more."""
    async with asyncio.timeout(_SETTLE_SECONDS):
        found: dict[str, float] = await page.evaluate(_SEEN)
        return found


async def _bare_load(page: Page, traffic: _Traffic, api_url: str) -> _Load:
    """Open a page of a few bytes."""
    traffic.clear()
    await page.goto(f"{api_url}/healthz")
    seconds = await page.evaluate(_RESPONSE_END) / 1000
    requests, kilobytes = traffic.until()
    return _Load(requests, kilobytes, seconds, seconds, 0.0)


async def _idle_requests(page: Page, traffic: _Traffic, api_url: str) -> float:
    """Return the requests a minute of an idle page, while no events arrive."""
    await page.goto(f"{api_url}/dashboard")
    await _settled(page)
    traffic.clear()
    await asyncio.sleep(_IDLE_SECONDS)
    return len(traffic.begun) * 60 / _IDLE_SECONDS


@asynccontextmanager
async def _browser(program: str) -> AsyncIterator[Browser]:
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def _filled_stack() -> AsyncIterator[StackFile]:
    """Run a stack with the demo's data while the block runs."""
    with tempfile.TemporaryDirectory(prefix="engage-bench-") as folder:
        try:
            await engage("demo", "--once", "--dir", folder)
            await up(folder)
            yield StackFile.read(Layout(Path(folder)).stack_file)
        finally:
            await engage("down", "--dir", folder, "--wipe")


@asynccontextmanager
async def _profile(browser: Browser, stack: StackFile) -> AsyncIterator[tuple[Page, _Traffic]]:
    """Open a page in a new profile, which has the read key, while the block runs."""
    async with await browser.new_context(viewport=_SIZE, locale="en-GB") as context:
        page = await context.new_page()
        # With a key in the link, the page would load itself once more to remove it.
        await page.add_init_script(f"localStorage['engage.read_key'] = '{stack.read_key}'")
        await page.add_init_script(_WATCH)
        traffic = _Traffic()
        await traffic.watch(page)
        yield page, traffic
