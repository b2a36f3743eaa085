"""One real browser for all tests of pages: Debian's chromium, driven by playwright."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from playwright.async_api import Browser, async_playwright, expect
from pydantic import SecretStr

import ingest_service.app
from analytics_api.app import create_app
from bench.browser import find_browser
from engage.embedded.jars import CHART_LIBRARY, JarStore
from ingest_service.settings import IngestSettings
from tests.browser.newsroom import POST_URL, Dashboard, fill, fill_catalogue
from tests.browser.site import FakePublisher, Gateway, Site
from tests.conftest import Database, Kafka
from tests.ingesting import SECRET
from tests.integration.api.conftest import Api
from tests.serving import api_settings, client, new_key, served
from tests.waiting import until
from web.auth import Scope

# Ingest takes a browser that says it is headless for a bot.
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0"
# Long enough for a busy machine.
expect.set_options(timeout=30_000)
OPTIONS = ("--no-sandbox", "--disable-gpu", f"--user-agent={AGENT}")


@pytest.fixture(scope="session")
def program() -> str:
    """The browser's program."""
    return find_browser()


@pytest.fixture(scope="session")
async def browser(program: str) -> AsyncIterator[Browser]:
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        await browser.close()


@pytest.fixture
async def site(
    tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    """A web site, and the ingest service that its pages send to, without a broker."""
    publisher = FakePublisher()
    monkeypatch.setattr(ingest_service.app, "Publisher", lambda _: publisher)
    keys = tmp_path / "keys.json"
    key = new_key(keys, Scope.INGEST)
    settings = IngestSettings(api_keys_file=str(keys), derived_id_secret=SecretStr(SECRET))
    gateway = Gateway(ingest_service.app.create_app(settings)[0])
    async with served(gateway, settings) as url:
        site = Site(url, gateway, publisher, browser, keys, key)
        runner = web.ServerRunner(web.Server(site.respond))
        await runner.setup()
        listener = web.TCPSite(runner, "127.0.0.1", 0)
        await listener.start()
        site.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield site
        await runner.cleanup()


@dataclass
class Backend:
    """What a dashboard's read API is about."""

    database: Database
    kafka: Kafka
    topic: str
    keys: Path


@pytest.fixture
def backend(database: Database, kafka: Kafka, topic: str, tmp_path: Path) -> Backend:
    return Backend(database, kafka, topic, tmp_path / "keys.json")


@pytest.fixture(params=[True])
async def dashboard(
    request: pytest.FixtureRequest, browser: Browser, backend: Backend
) -> AsyncIterator[Dashboard]:
    """The page over the newsroom; parametrized with False: without the chart library."""
    charts = JarStore().fetch_webjar(CHART_LIBRARY) if request.param else None
    library = charts and str(charts)
    async with _opened(browser, backend, fill, chart_library=library, post_url=POST_URL) as found:
        yield found


@pytest.fixture
async def young_dashboard(browser: Browser, backend: Backend) -> AsyncIterator[Dashboard]:
    """The page over a newsroom whose catalogue is there, but no event; without chart library."""
    urls = {"ingest_url": "http://ingest.test", "catalogue_url": "http://catalogue.test"}
    async with _opened(browser, backend, fill_catalogue, **urls) as found:
        yield found


@asynccontextmanager
async def _opened(
    browser: Browser,
    backend: Backend,
    fill: Callable[[Api], Awaitable[None]],
    **settings: str | None,
) -> AsyncIterator[Dashboard]:
    """Serve a read API over the database that *fill* fills, and open a browser for it."""
    keys, topic = backend.keys, backend.topic
    key = new_key(keys, Scope.READ)
    app, _ = create_app(api_settings(backend.database, backend.kafka, topic, keys, **settings))
    connection = await asyncpg.connect(backend.database.url)
    async with served(app) as url, client(url, key) as session:
        api = Api(url, session, connection, keys, topic)
        await fill(api)
        await _fresh(session, connection)
        async with await browser.new_context(timezone_id="UTC", locale="en-GB") as context:
            context.set_default_timeout(30_000)
            found = Dashboard(await context.new_page(), api, key)
            found.watch()
            yield found
    await connection.close()
    assert found.complaints == []
    assert not [url for url in found.asked if not url.startswith((api.url, "blob:"))]
    assert not [url for url in found.asked if key in url]


async def _fresh(session: aiohttp.ClientSession, connection: Any) -> None:
    """Wait until the API has seen the refresh."""
    stored = await connection.fetchval("SELECT count(*) FROM engagements")

    async def is_fresh() -> bool:
        async with session.get("/reports/overview?period=all") as answer:
            found = await answer.json()
            return answer.ok and found["current"]["total_engagements"] >= stored

    await until(is_fresh)
