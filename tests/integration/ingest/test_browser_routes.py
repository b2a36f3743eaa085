"""Beacon, pixel and the script over HTTP, on a real broker."""

import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ingest_service.pixel import GIF
from tests.conftest import Kafka
from tests.ingesting import JSON, Ingest, event, ingesting
from tests.serving import client

TEXT = {"Content-Type": "text/plain;charset=UTF-8", "User-Agent": "Mozilla/5.0"}
BOT = TEXT | {"User-Agent": "Mozilla/5.0 (compatible; AnyBot/1.0)"}


@pytest.fixture
async def ingest(kafka: Kafka, topic: str, tmp_path: Path) -> AsyncIterator[Ingest]:
    async with ingesting(kafka, topic, tmp_path / "keys.json", ignored_user_ids="13") as running:
        yield running


async def values(ingest: Ingest) -> list[Any]:
    return [json.loads(record.value) for record in await ingest.records()]


async def test_a_beacon_with_its_key_in_the_query_is_stored(ingest: Ingest) -> None:
    sent = [event(), event(type="like", user_id=7)]
    async with (
        client(ingest.url, None) as session,
        session.post(
            f"/events/beacon?key={ingest.key}", data=json.dumps(sent), headers=TEXT
        ) as answer,
    ):
        assert answer.status == 202
        body = await answer.json()

    assert body["event_ids"] == [e["event_id"] for e in sent]
    assert "dropped" not in body
    assert {e["event_id"] for e in await values(ingest)} == {e["event_id"] for e in sent}


async def test_a_beacon_may_be_one_event(ingest: Ingest) -> None:
    status, body, _ = await ingest.post("/events/beacon", event(), TEXT)
    assert (status, body["received"], body["accepted"]) == (202, 1, 1)

    status, body, _ = await ingest.post("/events/beacon", event(type="zzz"), JSON)
    assert (status, body["code"]) == (422, "invalid_type")
    assert len(await ingest.records()) == 1


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"[]", TEXT, 422, "empty_batch"),
        (b"{", TEXT, 400, "malformed_json"),
        (b"[1,", TEXT, 400, "malformed_json"),
        (b"7", TEXT, 422, "not_an_array"),
        (b"[]", {"Content-Type": "text/plain;charset=latin-1"}, 415, "unsupported_media_type"),
        (b"[]", {"Content-Type": "text/html"}, 415, "unsupported_media_type"),
        (b" " * 1_100_000, TEXT, 413, "body_too_large"),
    ],
)
async def test_a_bad_beacon_is_refused_with_its_code(
    ingest: Ingest, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    found, document, _ = await ingest.post("/events/beacon", body, headers)

    assert (found, document["code"]) == (status, code)
    assert await ingest.records() == []


async def test_the_query_carries_a_key_for_beacon_and_pixel_alone(ingest: Ingest) -> None:
    async with client(ingest.url, None) as session:
        for path in ("/events", "/events/batch"):
            async with session.post(f"{path}?key={ingest.key}", json=event()) as answer:
                assert answer.status == 401
        for query in ("", "?key=eng_ingest_x_y", f"?key={ingest.key}&key={ingest.key}"):
            async with session.post(f"/events/beacon{query}", data="[]", headers=TEXT) as answer:
                assert answer.status == 401
    assert await ingest.records() == []


async def test_bots_and_ignored_users_are_dropped_and_the_reply_says_so(ingest: Ingest) -> None:
    sent = [event(), event(user_id=13), event(type="zzz")]
    status, body, _ = await ingest.post("/events/beacon", sent, TEXT)
    assert status == 207
    assert (body["received"], body["accepted"], body["rejected"], body["dropped"]) == (3, 1, 1, 1)
    assert body["event_ids"] == [sent[0]["event_id"], None, None]

    status, body, headers = await ingest.post("/events/beacon", [event(), event()], BOT)
    assert (status, headers["x-dropped-reason"]) == (202, "bot")
    assert (body["accepted"], body["rejected"], body["dropped"]) == (0, 0, 2)

    assert len(await ingest.records()) == 1
    async with ingest.session.get("/metrics") as answer:
        text = await answer.text()
    assert 'engage_ingest_dropped_total{reason="bot"}' in text
    assert 'engage_ingest_dropped_total{reason="ignored_user"}' in text


async def test_a_back_end_is_not_sieved(ingest: Ingest) -> None:
    headers = BOT | JSON
    assert (await ingest.post("/events", event(user_id=13), headers))[0] == 202
    assert (await ingest.post("/events/batch", [event(user_id=13)], headers))[0] == 202
    assert len(await ingest.records()) == 2


async def test_the_pixel_stores_its_event(ingest: Ingest) -> None:
    query = f"key={ingest.key}&post_id=42&type=view&user_id=7"
    async with (
        client(ingest.url, None) as session,
        session.get(f"/events/pixel.gif?{query}", headers={"User-Agent": "x"}) as answer,
    ):
        assert (answer.status, answer.content_type) == (200, "image/gif")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert await answer.read() == GIF

    [stored] = await values(ingest)
    assert (stored["post_id"], stored["user_id"], stored["type"]) == (42, 7, "view")


async def test_a_pixel_that_is_wrong_or_only_looked_at_stores_nothing(ingest: Ingest) -> None:
    good = "/events/pixel.gif?post_id=42&type=view"
    for method, path, status, code in (
        ("GET", f"{good}&utm=1", 422, "unknown_field"),
        ("GET", f"{good}&type=like", 400, "malformed_query"),
        ("GET", f"{good}&once=view:9d", 422, "invalid_once"),
        ("POST", good, 405, "method_not_allowed"),
    ):
        async with ingest.session.request(method, path) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (status, code)
            assert answer.content_type == "application/problem+json"
    async with ingest.session.head(good) as answer:
        assert answer.status == 405
    async with ingest.session.get(good, headers={"User-Agent": "AnyBot"}) as answer:
        assert (answer.status, answer.headers["X-Dropped-Reason"]) == (200, "bot")
    assert await ingest.records() == []


async def test_once_makes_repeats_one_event_on_every_route(ingest: Ingest) -> None:
    at = datetime.now(UTC).isoformat()
    like = {"type": "like", "user_id": 7, "engaged_timestamp": at}
    _, single, _ = await ingest.post("/events?once=like:1d", event(**like))
    _, batch, _ = await ingest.post("/events/batch?once=like:1d", [event(**like), event()])
    _, beacon, _ = await ingest.post("/events/beacon?once=like:1d", event(**like), TEXT)

    assert UUID(single["event_id"]).version == 7
    assert batch["event_ids"][0] == beacon["event_ids"][0] == single["event_id"]
    assert batch["event_ids"][1] != single["event_id"]
    repeats = [e for e in await values(ingest) if e["event_id"] == single["event_id"]]
    assert len(repeats) == 3
    assert {e["engaged_timestamp"] for e in repeats} == {f"{at[:10]}T00:00:00Z"}


async def test_once_refuses_what_it_cannot_read(ingest: Ingest) -> None:
    status, body, _ = await ingest.post("/events?once=often", event())

    assert (status, body["code"]) == (422, "invalid_once")
    assert await ingest.records() == []


async def test_the_tracker_is_open_cached_and_loadable_from_any_page(ingest: Ingest) -> None:
    async with client(ingest.url, None) as session:
        async with session.get("/tracker.js") as answer:
            assert answer.status == 200
            plain = await answer.text()
            headers = answer.headers
        assert headers["Content-Type"].startswith("text/javascript")
        assert headers["Cache-Control"] == "public, max-age=3600"
        assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "sendBeacon" in plain

        known = {"If-None-Match": headers["ETag"]}
        async with session.get("/tracker.js", headers=known) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        async with session.head("/tracker.js") as answer:
            assert answer.status == 200


async def test_the_tracker_is_packed_for_those_who_can_unpack_it(ingest: Ingest) -> None:
    async with ingest.session.get(
        "/tracker.js", headers={"Accept-Encoding": "gzip"}, auto_decompress=False
    ) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        packed = await answer.read()
    async with ingest.session.get("/tracker.js", headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert gzip.decompress(packed) == await answer.read()
    assert len(packed) <= 1536


async def test_openapi_knows_the_browsers_routes(ingest: Ingest) -> None:
    async with ingest.session.get("/openapi.json") as answer:
        paths = (await answer.json())["paths"]

    assert {"202", "207", "422"} <= paths["/events/beacon"]["post"]["responses"].keys()
    parameters = {p["name"] for p in paths["/events/pixel.gif"]["get"]["parameters"]}
    fields = {"post_id", "post", "type", "event_id", "user_id", "user", "engaged_timestamp"}
    assert parameters == fields | {"key", "once"}
