"""A read API and a refresher on a data set, and the URLs of its reports."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from bench.dataset import DataSet
from bench.servers import Servers, connection, running, wait_ready
from engage.embedded import ports
from web.auth import Scope, create_key
from web.key_file import add

_SERVICE: Final = {"/", "/healthz", "/readyz", "/metrics", "/sql/{name}"}
_OTHERS: Final = {
    "tz": "Asia/Kathmandu",
    "category": "Tech",
    "type": "share",
    "promoted": "true",
    "period": "365d",
}
"""Parameters that many reports have, requested one by one."""
_REQUIRED: Final = {"q": "business"}
"""Values of query parameters without default."""


@dataclass(frozen=True)
class ReadApi:
    """A client with a key, and a connection to the service's database."""

    session: aiohttp.ClientSession
    database: Any

    async def get(self, path: str, etag: str | None = None) -> tuple[float, int, str]:
        """Return the milliseconds until the whole response, its status and its ETag."""
        headers = {"If-None-Match": etag} if etag else {}
        began = time.perf_counter()
        async with self.session.get(path, headers=headers) as answer:
            await answer.read()
            ms = 1e3 * (time.perf_counter() - began)
            return ms, answer.status, answer.headers.get("ETag", "")

    async def refresh(self) -> None:
        """Refresh the stats view, and wait until the service shows it."""
        _, _, before = await self.get("/sample/posts")
        outcome = "busy"
        while outcome == "busy":
            outcome = await self.database.fetchval("SELECT refresh_engagement_stats(true)")
        while (await self.get("/sample/posts"))[2] == before:  # noqa: ASYNC110  (HTTP has no notification)
            await asyncio.sleep(0.02)

    async def default_reports(self) -> list[str]:
        """Return the URL of each report in OpenAPI, with default parameters."""
        return [path for path, _ in await self._reports()]

    async def filtered_reports(self) -> list[str]:
        """Return the URLs of the reports in another zone, with a filter, or of a year."""
        return [
            f"{path}{'&' if '?' in path else '?'}{name}={value}"
            for path, parameters in await self._reports()
            for name, value in _OTHERS.items()
            if name in parameters and not path.startswith("/engagement/")
        ]

    async def _reports(self) -> list[tuple[str, set[str]]]:
        async with self.session.get("/openapi.json") as answer:
            paths = (await answer.json())["paths"]
        known = await self._values()
        return [
            (
                path.format(**values) + _required(facts["get"]),
                {each["name"] for each in facts["get"].get("parameters", ())},
            )
            for path, facts in paths.items()
            if path not in _SERVICE
            for values in _filled(facts["get"], known)
        ]

    async def _values(self) -> dict[str, Any]:
        """Return the post with most engagements, its author, and an event."""
        post = "SELECT post_id, author_id FROM engagement_stats ORDER BY total_engagements DESC"
        row = await self.database.fetchrow(post + " LIMIT 1")
        event = "SELECT event_id FROM engagements WHERE engaged_timestamp > now() - interval '9 d'"
        return dict(row) | {"event_id": await self.database.fetchval(event + " LIMIT 1")}


def _required(facts: dict[str, Any]) -> str:
    """Return the query with the parameters that have no default."""
    query = {
        each["name"]: _REQUIRED[each["name"]]
        for each in facts.get("parameters", ())
        if each["in"] == "query" and each.get("required")
    }
    return f"?{urlencode(query)}" if query else ""


def _filled(facts: dict[str, Any], known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield values of a path's parameters: each value of an enumeration, or the known ones."""
    choices = [
        (each["name"], value)
        for each in facts.get("parameters", ())
        if each["in"] == "path"
        for value in each["schema"].get("enum", ())
    ]
    yield from ({name: value} for name, value in choices) if choices else [known]


@asynccontextmanager
async def read_api(servers: Servers, data_set: DataSet) -> AsyncIterator[ReadApi]:
    """Run a read API with API keys and a refresher on *data_set* while the block runs."""
    port = ports.pick()
    made = create_key(Scope.READ)
    async with AsyncExitStack() as stack:
        keys = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "keys.json"
        add(keys, made.entry)
        settings = {
            "kafka_bootstrap_servers": servers.bootstrap_servers,
            "topic": data_set.topic,
            "database_url": data_set.url,
            "log_level": "WARNING",
        }
        await stack.enter_async_context(
            running("-m", "refresher", **settings, database_role="engage_refresher")
        )
        settings |= {"port": str(port), "api_keys_file": str(keys)}
        await stack.enter_async_context(
            running("-m", "analytics_api", **settings, database_role="engage_reader")
        )
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                f"http://127.0.0.1:{port}",
                headers={"Authorization": f"Bearer {made.plaintext}"},
            )
        )
        database = await stack.enter_async_context(connection(data_set.url))
        await wait_ready(session)
        yield ReadApi(session, database)
