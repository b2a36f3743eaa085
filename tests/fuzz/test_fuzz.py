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

import asyncpg
import pytest
import structlog
from pydantic import SecretStr

from analytics_api.app import create_app
from catalogue_service.app import create_app as create_catalogue
from catalogue_service.settings import CatalogueSettings
from consumer.decode import DeadLetter, Retracted, Rules, decode
from consumer.external_ids import ExternalIds
from consumer.rows import copy, day
from ingest_service.app import create_app as create_ingest
from ingest_service.settings import IngestSettings
from schema.http.edge import Application
from schema.http.keys import Scope
from schema.http.side_port import Readiness
from schema.settings import WindowSettings
from tests.conftest import Database, Kafka
from tests.fuzz import seeds
from tests.fuzz.asking import Reply, call, faults, send_raw
from tests.fuzz.mutations import CANARY, damage, mutate
from tests.fuzz.seeds import Request
from tests.ingesting import Ingest
from tests.serving import api_settings, client, new_key, served

REQUESTS = int(os.environ.get("ENGAGE_TEST_FUZZ_REQUESTS", "10000"))
SEED = int(os.environ.get("ENGAGE_TEST_FUZZ_SEED", "20260131"))
AT_ONCE = 64
WINDOW = WindowSettings().window
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


async def ask_all(
    ask: Callable[[Request], Awaitable[Reply]], given: list[Request]
) -> list[tuple[Request, Reply]]:
    """Ask some at a time; the answers in the order of the requests."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(request: Request) -> tuple[Request, Reply]:
        async with slots:
            return request, await ask(request)

    return await asyncio.gather(*map(one, given))


def judge(answered: list[tuple[Request, Reply]], floor: float) -> None:
    """Fail with the first wrong answers; *floor*: the least share that got past the edge."""
    wrong = [(found, *pair) for pair in answered if (found := faults(*pair))]
    assert not wrong, f"seed {SEED}, {len(wrong)} wrong answers: {wrong[:3]}"
    statuses = collections.Counter(reply.status for _, reply in answered)
    print(f"seed {SEED}: {dict(statuses)}")  # noqa: T201  (shown when a later line fails)
    good = sum(count for status, count in statuses.items() if 200 <= status < 300)
    assert good > floor * len(answered), f"most damage did not get anywhere: {statuses}"
    assert len(statuses) > 5


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Any:
    """Yields to the test; afterwards no log may hold an error, a traceback, or what was sent."""
    with structlog.testing.capture_logs() as entries, caplog.at_level(logging.INFO):
        yield
    loud = [e for e in entries if e["log_level"] in ("error", "critical") or "exc_info" in e]
    assert not loud, loud[:3]
    assert CANARY not in str(entries)
    records = [r for r in caplog.records if r.exc_info or r.levelno >= logging.ERROR]
    assert not records, [r.getMessage() for r in records[:3]]
    assert CANARY not in caplog.text


@pytest.fixture
async def ingest(
    kafka: Kafka, topic: str, tmp_path: Path, quiet: None
) -> AsyncIterator[tuple[Ingest, Application]]:
    keys = tmp_path / "keys.json"
    key = new_key(keys, Scope.INGEST)
    settings = IngestSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        topic=topic,
        api_keys_file=str(keys),
        produce_deadline_seconds=30.0,
        arrival_deadline_seconds=1.0,
    )
    app, not_ready = create_ingest(settings)
    async with served(app, settings) as url, client(url, key) as session:
        await ready(not_ready)
        yield Ingest(session, url, kafka, topic, keys, key), app


@pytest.fixture
async def api(
    database: Database, kafka: Kafka, topic: str, tmp_path: Path, quiet: None
) -> AsyncIterator[tuple[str, Application]]:
    connection = await asyncpg.connect(database.url)
    try:
        await connection.execute("INSERT INTO authors VALUES (1, '=Ann', '2020-01-01', 'Tech')")
        await connection.execute(
            "INSERT INTO posts SELECT i, 1, 'Tech', now() - interval '9 days', 'Post ' || i, 5,"
            " false FROM generate_series(1, 10) AS i"
        )
        await connection.execute("SELECT refresh_engagement_stats(force => true)")
    finally:
        await connection.close()
    keys = tmp_path / "keys.json"
    key = new_key(keys, Scope.READ)
    app, not_ready = create_app(api_settings(database, kafka, topic, keys))
    async with served(app):
        await ready(not_ready)
        yield key, app


@pytest.fixture
async def catalogue(
    database: Database, tmp_path: Path, quiet: None
) -> AsyncIterator[tuple[str, Application]]:
    keys = tmp_path / "keys.json"
    key = new_key(keys, Scope.ADMIN)
    app, not_ready = create_catalogue(
        CatalogueSettings(database_url=SecretStr(database.url), api_keys_file=str(keys))
    )
    async with served(app):
        await ready(not_ready)
        yield key, app


async def ready(not_ready: Readiness) -> None:
    async with asyncio.timeout(30):
        while not_ready() is not None:  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(0.01)


def accepted(request: Request, reply: Reply) -> int:
    """Return how many events an answer accepts."""
    if reply.headers.get("content-type") == "image/gif":
        return int("x-dropped-reason" not in reply.headers)
    if reply.status not in (202, 207):
        return 0
    return int(reply.json.get("accepted", 1))


async def test_what_ingest_accepts_the_consumer_can_store_and_the_rest_is_refused(
    ingest: tuple[Ingest, Application], database: Database
) -> None:
    running, app = ingest
    given = requests_of(seeds.INGEST, running.key, REQUESTS * 7 // 10, SEED)
    answered = await ask_all(lambda request: call(app, request), given)

    judge(answered, floor=0.1)
    records = await running.records()
    assert len(records) == sum(accepted(*pair) for pair in answered) > 0
    decoded = decode_all(records)
    assert [letter for letter in decoded if isinstance(letter, DeadLetter)] == []
    assert await stored(database, decoded) > 0


def decode_all(records: list[Any]) -> list[Any]:
    rules = Rules(WINDOW, dead_letter_limit=100)
    return [decode(record, rules) for record in records]


async def stored(database: Database, decoded: list[Any]) -> int:
    """Put rows into PostgreSQL as a consumer does; the number of them."""
    rows = {row[:2]: row for row in decoded if not isinstance(row, Retracted)}
    connection = await asyncpg.connect(database.url)
    try:
        async with connection.transaction():
            resolved = await ExternalIds().resolve(
                connection, sorted(rows.values(), key=lambda row: row[:2])
            )
            for needed in sorted({day(row[0]) for row in resolved}):
                await connection.execute("SELECT ensure_partition($1)", needed)
            await copy(connection, resolved)
            return int(await connection.fetchval("SELECT count(*) FROM engagements"))
    finally:
        await connection.close()


async def test_damaged_bytes_on_a_connection_are_answered_or_the_connection_is_closed(
    ingest: tuple[Ingest, Application],
) -> None:
    running, _ = ingest
    random = Random(SEED)
    given = requests_of(seeds.INGEST, running.key, REQUESTS // 20, SEED + 1)
    wires = {
        request: damage(request.on_the_wire(), random) if random.random() < 0.8 else
        request.on_the_wire() for request in given
    }  # fmt: skip
    answered = await ask_all(lambda request: send_raw(running.url, wires[request]), given)

    judge(answered, floor=0.02)
    bare = [reply for _, reply in answered if reply.status]
    assert len(bare) > len(answered) * 0.9
    assert all(reply.headers["x-content-type-options"] == "nosniff" for reply in bare)
    decoded = decode_all(await running.records())
    assert [letter for letter in decoded if isinstance(letter, DeadLetter)] == []


async def test_no_question_to_the_read_api_makes_it_fail(api: tuple[str, Application]) -> None:
    key, app = api
    given = requests_of(seeds.READ, key, REQUESTS * 3 // 20, SEED + 2)
    answered = await ask_all(lambda request: call(app, request), given)

    judge(answered, floor=0.1)


async def test_no_change_of_the_catalogue_makes_it_fail(
    catalogue: tuple[str, Application],
) -> None:
    key, app = catalogue
    given = requests_of(seeds.CATALOGUE, key, REQUESTS // 10, SEED + 3)
    answered = await ask_all(lambda request: call(app, request), given)

    judge(answered, floor=0.1)
