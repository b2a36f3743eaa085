"""One real browser for all tests of pages: Debian's chromium, driven by playwright."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Browser, async_playwright, expect
from pydantic import SecretStr

import ingest_service.app
from analytics_api.app import create_app
from bench.browser import find_browser
from engage.embedded.jars import CHART_LIBRARY, JarStore
from ingest_service.settings import IngestSettings
from tests.backends import Backend
from tests.browser.newsroom import POST_URL, Dashboard, fill, fill_catalogue
from tests.browser.site import FakePublisher, Gateway, Site
from tests.conftest import Database, Kafka, new_database, new_topic
from tests.databases import connection_to
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
class Newsroom:
    """A read API over a database with a newsroom, and a key for it."""

    api: Api
    key: str


@pytest.fixture(scope="session")
async def newsroom(
    servers: Backend, template_database: str, kafka: Kafka, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Newsroom]:
    """The newsroom of all tests that do not change it."""
    keys = tmp_path_factory.mktemp("newsroom") / "keys.json"
    async with new_database(servers, template_database) as database:
        backend = database, kafka, await new_topic(kafka), keys
        async with _serving(*backend, fill, chart_library=_charts(), post_url=POST_URL) as found:
            await found.api.connection.execute("SET default_transaction_read_only = on")
            yield found


@pytest.fixture
async def dashboard(browser: Browser, newsroom: Newsroom) -> AsyncIterator[Dashboard]:
    """The page over the common newsroom."""
    async with _opened(browser, newsroom) as found:
        yield found


@pytest.fixture(params=[True])
async def own_dashboard(
    request: pytest.FixtureRequest, browser: Browser, database: Database, kafka: Kafka, topic: str,
    tmp_path: Path,
) -> AsyncIterator[Dashboard]:  # fmt: skip
    """The page over a newsroom that the test may change.

    Parametrized with False: without the chart library.
    """
    backend = database, kafka, topic, tmp_path / "keys.json"
    charts = _charts() if request.param else None
    async with (
        _serving(*backend, fill, chart_library=charts, post_url=POST_URL) as newsroom,
        _opened(browser, newsroom) as found,
    ):
        yield found


@pytest.fixture
async def young_dashboard(
    browser: Browser, database: Database, kafka: Kafka, topic: str, tmp_path: Path
) -> AsyncIterator[Dashboard]:
    """The page over a newsroom whose catalogue is there, but no event; without chart library."""
    backend = database, kafka, topic, tmp_path / "keys.json"
    urls = {"ingest_url": "http://ingest.test", "catalogue_url": "http://catalogue.test"}
    async with (
        _serving(*backend, fill_catalogue, **urls) as newsroom,
        _opened(browser, newsroom) as found,
    ):
        yield found


def _charts() -> str:
    return str(JarStore().fetch_webjar(CHART_LIBRARY))


@asynccontextmanager
async def _serving(
    database: Database, kafka: Kafka, topic: str, keys: Path,
    fill: Callable[[Api], Awaitable[None]], **settings: str | None,
) -> AsyncIterator[Newsroom]:  # fmt: skip
    """Serve a read API over the database that *fill* fills, while the block runs."""
    key = new_key(keys, Scope.READ)
    app, _ = create_app(api_settings(database, kafka, topic, keys, **settings))
    async with (
        connection_to(database.url) as connection,
        served(app) as url,
        client(url, key) as session,
    ):
        api = Api(url, session, connection, keys, topic)
        await fill(api)
        await _fresh(session, connection)
        yield Newsroom(api, key)


@asynccontextmanager
async def _opened(browser: Browser, newsroom: Newsroom) -> AsyncIterator[Dashboard]:
    """Open a browser for the page, and check afterwards what it did."""
    async with await browser.new_context(timezone_id="UTC", locale="en-GB") as context:
        context.set_default_timeout(30_000)
        found = Dashboard(await context.new_page(), newsroom.api, newsroom.key)
        found.watch()
        yield found
    assert found.complaints == []
    assert not [url for url in found.asked if not url.startswith((newsroom.api.url, "blob:"))]
    assert not [url for url in found.asked if newsroom.key in url]


async def _fresh(session: aiohttp.ClientSession, connection: Any) -> None:
    """Wait until the API has seen the refresh."""
    stored = await connection.fetchval("SELECT count(*) FROM engagements")

    async def is_fresh() -> bool:
        async with session.get("/reports/overview?period=all") as answer:
            found = await answer.json()
            return answer.ok and found["current"]["total_engagements"] >= stored

    await until(is_fresh)
