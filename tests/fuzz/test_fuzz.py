"""No input makes a 5xx, an echo, a traceback, or a record that the consumer cannot store.

ENGAGE_TEST_FUZZ_REQUESTS and ENGAGE_TEST_FUZZ_SEED make it more, and another one.
"""

import asyncio
import collections
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from analytics_api.app import create_app
from catalogue_service.app import create_app as create_catalogue
from catalogue_service.settings import CatalogueSettings
from consumer.decode import DeadLetter, RetractedEvent, Rules, decode
from consumer.ids import ExternalIds
from ingest_service.app import create_app as create_ingest
from ingest_service.settings import IngestSettings
from runtime.settings import WindowSettings
from tests.conftest import Database, Kafka
from tests.databases import connection_to, store_events
from tests.fuzz import seeds
from tests.fuzz.calls import Reply, call, faults, send_raw
from tests.fuzz.mutations import CANARY, damage, mutate
from tests.fuzz.seeds import Request
from tests.ingesting import SECRET, Ingest
from tests.serving import api_settings, client, new_key, served
from tests.waiting import until
from web.asgi import Application
from web.auth import Scope

REQUESTS = int(os.environ.get("ENGAGE_TEST_FUZZ_REQUESTS", "10000"))
SEED = int(os.environ.get("ENGAGE_TEST_FUZZ_SEED", "20260131"))
CONCURRENT_REQUESTS = 64
Seeds = Sequence[Callable[[Random], Request]]


def requests_of(kinds: Seeds, key: str, count: int, seed: int) -> list[Request]:
    """Return damaged requests, each with the key unless that was damaged, too."""
    random = Random(seed)
    return [
        mutate(with_key(random.choice(kinds)(random), key, random), random) for _ in range(count)
    ]


def with_key(request: Request, key: str, random: Random) -> Request:
    if request.target in (b"/events/beacon", b"/events/pixel.gif") and random.random() < 0.5:
        parts = (request.query, b"key=" + key.encode())
        return replace(request, query=b"&".join(part for part in parts if part))
    authorization = (b"authorization", b"Bearer " + key.encode())
    return replace(request, headers=(authorization, *request.headers))


async def send_all(
    send: Callable[[Request], Awaitable[Reply]], requests: list[Request]
) -> list[tuple[Request, Reply]]:
    """Send some requests at a time; return the replies in their order.

    A service may answer 503 while so many requests overload the machine: those are sent again,
    one at a time, until one fails again.
    """
    slots = asyncio.Semaphore(CONCURRENT_REQUESTS)

    async def one(request: Request) -> tuple[Request, Reply]:
        async with slots:
            return request, await send(request)

    replies = await asyncio.gather(*map(one, requests))
    overloaded = [at for at, (_, reply) in enumerate(replies) if reply.status == 503]
    for at in overloaded:
        replies[at] = await send_again(send, replies[at][0])
        if replies[at][1].status == 503:
            break
    return replies


async def send_again(
    send: Callable[[Request], Awaitable[Reply]], request: Request
) -> tuple[Request, Reply]:
    """Send a request until its response is not 503, at most for ten seconds."""
    for _ in range(20):
        reply = await send(request)
        if reply.status != 503:
            break
        await asyncio.sleep(0.5)
    return request, reply


def wrong_replies(replies: list[tuple[Request, Reply]]) -> list[Any]:
    return [(found, *pair) for pair in replies if (found := faults(*pair))]


def success_rate(replies: list[tuple[Request, Reply]]) -> float:
    """Return the share of requests that were valid in spite of their damage; 0: all were alike."""
    statuses = collections.Counter(reply.status for _, reply in replies)
    print(f"seed {SEED}: {dict(statuses)}")  # noqa: T201  (shown when the test fails)
    if len(statuses) <= 5:
        return 0.0
    return sum(n for status, n in statuses.items() if 200 <= status < 300) / len(replies)


@pytest.fixture
def clean_logs(caplog: pytest.LogCaptureFixture) -> Any:
    """Assert after the test that no log has an error, a traceback or input."""
    with structlog.testing.capture_logs() as entries, caplog.at_level(logging.INFO):
        yield
    errors = [e for e in entries if e["log_level"] in ("error", "critical") or "exc_info" in e]
    errors += [r.getMessage() for r in caplog.records if r.exc_info or r.levelno >= logging.ERROR]
    assert not errors, errors[:3]
    assert CANARY not in str(entries) + caplog.text


@pytest.fixture
async def ingest(
    kafka: Kafka, topic: str, tmp_path: Path, clean_logs: None
) -> AsyncIterator[tuple[Ingest, Application]]:
    keys = tmp_path / "keys.json"
    key = new_key(keys, Scope.INGEST)
    settings = IngestSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        topic=topic,
        api_keys_file=str(keys),
        derived_id_secret=SecretStr(SECRET),
        produce_timeout_seconds=30.0,
        arrival_timeout_seconds=1.0,
    )
    app, not_ready = create_ingest(settings)
    async with served(app, settings) as url, client(url, key) as session:
        await until(lambda: not_ready() is None)
        yield Ingest(session, url, kafka, topic, keys, key), app


@pytest.fixture
async def api(
    database: Database, kafka: Kafka, topic: str, tmp_path: Path, clean_logs: None
) -> AsyncIterator[tuple[str, Application]]:
    async with connection_to(database.url) as connection:
        await connection.execute("INSERT INTO authors VALUES (1, '=Ann', '2020-01-01', 'Tech')")
        await connection.execute(
            "INSERT INTO posts SELECT i, 1, 'Tech', now() - interval '9 days', 'Post ' || i, 5,"
            " false FROM generate_series(1, 10) AS i"
        )
        await connection.execute("SELECT refresh_engagement_stats(force => true)")
    keys = tmp_path / "keys.json"
    key = new_key(keys, Scope.READ)
    app, not_ready = create_app(api_settings(database, kafka, topic, keys))
    async with served(app):
        await until(lambda: not_ready() is None)
        yield key, app


@pytest.fixture
async def catalogue(
    database: Database, tmp_path: Path, clean_logs: None
) -> AsyncIterator[tuple[str, Application]]:
    keys = tmp_path / "keys.json"
    key = new_key(keys, Scope.ADMIN)
    app, not_ready = create_catalogue(
        CatalogueSettings(database_url=SecretStr(database.url), api_keys_file=str(keys))
    )
    async with served(app):
        await until(lambda: not_ready() is None)
        yield key, app


def accepted(request: Request, reply: Reply) -> int:
    """Return how many events a reply accepts."""
    if reply.headers.get("content-type") == "image/gif":
        return int("x-filtered-reason" not in reply.headers)
    if reply.status not in (202, 207):
        return 0
    return int(reply.json.get("accepted", 1))


async def test_what_ingest_accepts_the_consumer_can_store_and_the_rest_is_refused(
    ingest: tuple[Ingest, Application], database: Database
) -> None:
    service, app = ingest
    requests = requests_of(seeds.INGEST, service.key, REQUESTS * 7 // 10, SEED)
    replies = await send_all(lambda request: call(app, request), requests)
    records = await service.records()
    decoded = decode_all(records)

    assert wrong_replies(replies)[:3] == []
    assert success_rate(replies) > 0.1
    assert len(records) == sum(accepted(*pair) for pair in replies) > 0
    assert [letter for letter in decoded if isinstance(letter, DeadLetter)] == []
    assert await store(database, decoded) > 0


def decode_all(records: list[Any]) -> list[Any]:
    rules = Rules(WindowSettings().window, dead_letter_limit=100)
    return [decode(record, rules) for record in records]


async def store(database: Database, decoded: list[Any]) -> int:
    """Store rows like a consumer, and return their number."""
    rows = {row[:2]: row for row in decoded if not isinstance(row, RetractedEvent)}
    async with connection_to(database.url) as connection, connection.transaction():
        resolved = await ExternalIds().resolve(
            connection, sorted(rows.values(), key=lambda row: row[:2])
        )
        await store_events(connection, resolved)
        return int(await connection.fetchval("SELECT count(*) FROM engagements"))


async def test_damaged_bytes_on_a_connection_are_answered_or_the_connection_is_closed(
    ingest: tuple[Ingest, Application],
) -> None:
    service, _ = ingest
    random = Random(SEED)
    requests = requests_of(seeds.INGEST, service.key, REQUESTS // 20, SEED + 1)
    sent = {
        request: damage(request.on_the_wire(), random) if random.random() < 0.8 else
        request.on_the_wire() for request in requests
    }  # fmt: skip
    replies = await send_all(lambda request: send_raw(service.url, sent[request]), requests)
    received = [reply for _, reply in replies if reply.status]

    assert wrong_replies(replies)[:3] == []
    assert success_rate(replies) > 0.02
    assert len(received) > len(replies) * 0.9
    assert all(reply.headers["x-content-type-options"] == "nosniff" for reply in received)
    decoded = decode_all(await service.records())
    assert [letter for letter in decoded if isinstance(letter, DeadLetter)] == []


async def test_no_question_to_the_read_api_makes_it_fail(api: tuple[str, Application]) -> None:
    key, app = api
    requests = requests_of(seeds.READ, key, REQUESTS * 3 // 20, SEED + 2)
    replies = await send_all(lambda request: call(app, request), requests)

    assert wrong_replies(replies)[:3] == []
    assert success_rate(replies) > 0.1


async def test_no_change_of_the_catalogue_makes_it_fail(
    catalogue: tuple[str, Application],
) -> None:
    key, app = catalogue
    requests = requests_of(seeds.CATALOGUE, key, REQUESTS // 10, SEED + 3)
    replies = await send_all(lambda request: call(app, request), requests)

    assert wrong_replies(replies)[:3] == []
    assert success_rate(replies) > 0.1
