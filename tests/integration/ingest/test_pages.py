"""Keys of pages and limited keys over a socket, on a real broker."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from schema.http.keys import Scope, read_keys
from schema.http.last_use import last_uses
from tests.conftest import Kafka
from tests.ingesting import Ingest, event, ingesting
from tests.serving import client, new_key

PAGE = "https://www.example.com"


@pytest.fixture
async def ingest(kafka: Kafka, topic: str, tmp_path: Path) -> AsyncIterator[Ingest]:
    keys = tmp_path / "keys.json"
    public = new_key(keys, Scope.INGEST, origins=(PAGE,))
    limited = new_key(keys, Scope.INGEST, rate_per_second=2.0)
    (tmp_path / "public").write_text(public, encoding="utf-8")
    (tmp_path / "limited").write_text(limited, encoding="utf-8")
    async with ingesting(kafka, topic, keys) as running:
        yield running


def key(ingest: Ingest, name: str) -> str:
    return (ingest.keys.parent / name).read_text(encoding="utf-8")


async def test_a_page_asks_first_then_sends_with_its_own_key(ingest: Ingest) -> None:
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    async with client(ingest.url, None) as session:
        async with session.options("/events", headers=asked) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
            assert answer.headers["Access-Control-Max-Age"] == "7200"
            assert await answer.read() == b""
        # The connection is still good after an answer without a body.
        beacon = f"/events/beacon?key={key(ingest, 'public')}"
        async with session.post(beacon, json=event(), headers={"Origin": PAGE}) as answer:
            assert answer.status == 202
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
            assert answer.headers["Vary"] == "Origin"
        async with session.post(beacon, json=event()) as answer:
            assert answer.status == 403
            assert (await answer.json(content_type=None))["code"] == "foreign_origin"
    assert len(await ingest.records()) == 1


async def test_a_limited_key_stores_its_burst_and_is_told_to_wait(ingest: Ingest) -> None:
    async with client(ingest.url, key(ingest, "limited")) as session:
        statuses = []
        for _ in range(5):
            async with session.post("/events", json=event()) as answer:
                statuses.append(answer.status)
                headers = answer.headers
        assert statuses == [202, 202, 202, 202, 429]
        assert headers["RateLimit-Policy"] == '"key";q=4;w=2'
        await asyncio.sleep(float(headers["Retry-After"]))  # what is tested is that it suffices
        async with session.post("/events", json=event()) as answer:
            assert answer.status == 202
    assert len(await ingest.records()) == 5


async def test_a_key_without_limit_is_never_told_of_one(ingest: Ingest) -> None:
    async def send(session: aiohttp.ClientSession) -> bool:
        async with session.post("/events", json=event()) as answer:
            return answer.status == 202 and "RateLimit" not in answer.headers

    assert all(await asyncio.gather(*(send(ingest.session) for _ in range(200))))


async def test_uses_of_keys_are_written_beside_the_file(ingest: Ingest) -> None:
    async with ingest.session.post("/events", json=event()) as answer:
        assert answer.status == 202
    used = next(entry.key_id for entry in read_keys(ingest.keys) if entry.key_id in ingest.key)
    deadline = time.monotonic() + 10
    while used not in last_uses(ingest.keys):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)

    assert set(last_uses(ingest.keys)) == {used}
