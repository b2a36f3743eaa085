"""One real browser for all tests of pages: Debian's chromium, driven by playwright."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from playwright.async_api import Browser, async_playwright

from analytics_api.app import create_app
from engage.embedded.jars import CHART_LIBRARY, JarStore
from schema.http.keys import Scope
from tests.browser.newsroom import SCOPE, Dashboard, fill
from tests.conftest import Database, Kafka
from tests.integration.api.conftest import Api
from tests.serving import api_settings, client, new_key, served

NAMED = "ENGAGE_TEST_BROWSER"
# Ingest takes a browser that says it is headless for a bot.
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0"
OPTIONS = ("--no-sandbox", f"--user-agent={AGENT}")


@pytest.fixture(scope="session")
def program() -> str:
    """The browser's program."""
    names = [named] if (named := os.environ.get(NAMED)) else ["chromium", "google-chrome"]
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail(
            f"there is no {' or '.join(names)}: install a chromium, such as Debian's package"
            f" chromium, or name one by {NAMED}"
        )
    return found


@pytest.fixture
async def browser(program: str) -> AsyncIterator[Browser]:
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        await browser.close()


@pytest.fixture(params=[True])
async def dashboard(
    request: pytest.FixtureRequest,
    browser: Browser,
    database: Database,
    kafka: Kafka,
    topic: str,
    tmp_path: Path,
) -> AsyncIterator[Dashboard]:
    """The page over the newsroom; parametrized with False: without the chart library."""
    keys = tmp_path / "keys.json"
    charts = JarStore().fetch_webjar(CHART_LIBRARY) if request.param else None
    key = new_key(keys, Scope.READ)
    app, _ = create_app(
        api_settings(database, kafka, topic, keys, chart_library=charts and str(charts))
    )
    connection = await asyncpg.connect(database.url)
    async with served(app) as url, client(url, key) as session:
        api = Api(url, session, connection, keys, topic)
        await fill(api)
        await _fresh(session)
        async with await browser.new_context(timezone_id="UTC") as context:
            context.set_default_timeout(30_000)
            found = Dashboard(await context.new_page(), api, key)
            found.watch()
            yield found
    await connection.close()
    assert found.complaints == []
    assert not [url for url in found.asked if not url.startswith((api.url, "blob:"))]
    assert not [url for url in found.asked if key in url]


async def _fresh(session: aiohttp.ClientSession) -> None:
    """Wait until the API has seen the refresh."""
    total = 0
    while not total:
        async with session.get(f"/reports/overview?{SCOPE}") as answer:
            total = (await answer.json())["current"]["total_engagements"]
