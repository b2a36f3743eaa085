"""Connections to the database, and the three HTTP services, each on its own socket."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

import analytics_api.app
import catalogue_service.app
import ingest_service.app
from analytics_api.settings import ApiSettings
from catalogue_service.settings import CatalogueSettings
from ingest_service.settings import IngestSettings
from tests.conftest import Database, Kafka
from tests.databases import connection_to
from tests.serving import client, new_key, served
from tests.waiting import until
from web.auth import Scope, create_key
from web.key_file import add, revoke


@pytest.fixture(autouse=True)
def frequent_key_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services notice new and revoked keys sooner than after five seconds."""
    monkeypatch.setattr("web.auth._CHECK_SECONDS", 0.2)


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Any]:
    """A connection of the database's owner."""
    async with connection_to(database.url) as opened:
        yield opened


@pytest.fixture
async def other_connection(database: Database) -> AsyncIterator[Any]:
    """A second session of the owner."""
    async with connection_to(database.url) as opened:
        yield opened


@dataclass
class Service:
    """A service that is ready; the session carries its key.

    ``presented``: what else a request may carry, by what it is; a scope is a good key of it.
    """

    name: str
    url: str
    key: str
    session: aiohttp.ClientSession
    app: Any
    presented: dict[str, str | None]


@pytest.fixture(params=["ingest", "api", "catalogue"])
async def service(
    request: pytest.FixtureRequest, database: Database, kafka: Kafka, topic: str, tmp_path: Path
) -> AsyncIterator[Service]:
    keys = str(tmp_path / "keys.json")
    given: dict[str, Any] = {
        "database_url": SecretStr(database.url),
        "kafka_bootstrap_servers": kafka.bootstrap_servers,
        "topic": topic,
        "api_keys_file": keys,
    }
    make: dict[str, tuple[Scope, Callable[[], Any]]] = {
        "ingest": (Scope.INGEST, lambda: ingest_service.app.create_app(IngestSettings(**given))),
        "api": (Scope.READ, lambda: analytics_api.app.create_app(ApiSettings(**given))),
        "catalogue": (
            Scope.ADMIN,
            lambda: catalogue_service.app.create_app(CatalogueSettings(**given)),
        ),
    }
    scope, create = make[request.param]
    presented = _keys(Path(keys), scope)
    key = str(presented[scope])
    app, not_ready = create()
    async with served(app) as url, client(url, key) as session:
        await until(lambda: not_ready() is None, within_seconds=30)
        yield Service(request.param, url, key, session, app, presented)


def _keys(path: Path, scope: Scope) -> dict[str, str | None]:
    good = {each.value: new_key(path, each) for each in Scope}
    gone = create_key(scope)
    add(path, gone.entry)
    revoke(path, gone.entry.key_id)
    others = {"none": None, "wrong": create_key(scope).plaintext, "cut": good[scope][:-1]}
    return good | others | {"revoked": gone.plaintext}
