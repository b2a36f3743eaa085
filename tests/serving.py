"""A service on a real socket, in this process."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from analytics_api.settings import ApiSettings
from tests.conftest import Database, Kafka
from web.asgi import Application
from web.auth import Scope, create_key
from web.key_file import add
from web.server import Server
from web.service import server_config
from web.settings import HttpSettings


@asynccontextmanager
async def served(app: Application, settings: HttpSettings | None = None) -> AsyncIterator[str]:
    """Serve *app* on a free port of loopback while the block runs; yields its URL."""
    settings = settings or HttpSettings()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(server_config(app, settings), settings.arrival_timeout_seconds)
        serving = asyncio.create_task(server._serve([listener]))
        while not server.started and not serving.done():  # noqa: ASYNC110  (no notification)
            await asyncio.sleep(0.005)
        assert server.started, "the service did not start"
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def client(url: str, key: str | None) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session whose requests carry the key."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(url, headers=headers) as session:
        yield session


async def is_ready(url: str) -> bool:
    """Return whether the service at *url* responds that it is ready."""
    try:
        async with client(url, None) as session, session.get("/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def api_settings(
    database: Database, kafka: Kafka, topic: str, keys: Path, **others: Any
) -> ApiSettings:
    """Settings of a read API about one topic, which demands keys."""
    return ApiSettings(
        database_url=SecretStr(database.url),
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        topic=topic,
        api_keys_file=str(keys),
        **others,
    )


def new_key(path: Path, scope: Scope, **how: Any) -> str:
    """Add a key of this scope to the file and return it."""
    made = create_key(scope, **how)
    add(path, made.entry)
    return made.plaintext
