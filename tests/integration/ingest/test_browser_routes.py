"""Beacon, pixel, tracker and schemas, for pages of any origin."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from jsonschema import Draft202012Validator

from ingest_service.browser import GIF
from tests.ingesting import JSON, Ingest, event
from tests.serving import client

TEXT = {"Content-Type": "text/plain;charset=UTF-8", "User-Agent": "Mozilla/5.0"}
BOT = TEXT | {"User-Agent": "Mozilla/5.0 (compatible; AnyBot/1.0)"}


async def test_beacon_is_stored_with_its_key_in_the_query(ingest: Ingest) -> None:
    sent = [event(), event(type="like", user_id=7)]
    path = f"/events/beacon?key={ingest.key}"
    async with (
        client(ingest.url, None) as session,
        session.post(path, data=json.dumps(sent), headers=TEXT) as answer,
    ):
        assert answer.status == 202
        body = await answer.json()
        for query in ("", "?key=eng_ingest_x_y", f"?key={ingest.key}&key={ingest.key}"):
            async with session.post(f"/events/beacon{query}", data="[]", headers=TEXT) as other:
                assert other.status == 401
        async with session.post(f"/events?key={ingest.key}", json=event()) as other:
            assert other.status == 401

    assert body["event_ids"] == [e["event_id"] for e in sent]
    assert body["filtered"] == 0
    assert {e["event_id"] for e in await ingest.values()} == {e["event_id"] for e in sent}


async def test_beacon_can_be_one_event(ingest: Ingest) -> None:
    status, body, _ = await ingest.post("/events/beacon", event(), TEXT)
    assert (status, body["received"], body["accepted"]) == (202, 1, 1)

    status, body, _ = await ingest.post("/events/beacon", event(type="zzz"), JSON)
    assert (status, body["code"]) == (422, "invalid_type")
    assert len(await ingest.records()) == 1


async def test_events_of_bots_and_ignored_users_are_filtered_in_browser_routes(
    ingest: Ingest,
) -> None:
    sent = [event(), event(user_id=13), event(type="zzz")]
    status, body, _ = await ingest.post("/events/beacon", sent, TEXT)
    assert status == 207
    assert (body["received"], body["accepted"], body["rejected"], body["filtered"]) == (3, 1, 1, 1)
    assert body["event_ids"] == [sent[0]["event_id"], None, None]

    status, body, headers = await ingest.post("/events/beacon", [event(), event()], BOT)
    assert (status, headers["x-filtered-reason"]) == (202, "bot")
    assert (body["accepted"], body["rejected"], body["filtered"]) == (0, 0, 2)
    async with ingest.session.get("/metrics") as answer:
        text = await answer.text()
    assert 'engage_ingest_filtered_total{reason="bot"}' in text
    assert 'engage_ingest_filtered_total{reason="ignored_user"}' in text

    assert (await ingest.post("/events", event(user_id=13), BOT | JSON))[0] == 202
    assert (await ingest.post("/events/batch", [event(user_id=13)], BOT | JSON))[0] == 202
    assert len(await ingest.records()) == 3


async def test_events_during_a_prerender_are_filtered_and_queued_ones_are_not(
    ingest: Ingest,
) -> None:
    prerender = TEXT | {"Sec-Purpose": "prefetch;prerender"}
    before = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    sent = [event(engaged_timestamp=before), event(), {"post_id": 42, "type": "view"}]
    status, body, headers = await ingest.post("/events/beacon", sent, prerender)

    assert (status, body["accepted"], body["filtered"]) == (202, 1, 2)
    assert body["event_ids"] == [sent[0]["event_id"], None, None]
    assert headers["x-filtered-reason"] == "prefetch"
    query = {"post_id": "42", "type": "view", "engaged_timestamp": before}
    query |= {"event_id": sent[0]["event_id"]}
    async with ingest.session.get("/events/pixel.gif", params=query, headers=prerender) as answer:
        assert answer.headers["x-filtered-reason"] == "prefetch"
    assert len(await ingest.records()) == 1


async def test_pixel_stores_its_event(ingest: Ingest) -> None:
    query = f"key={ingest.key}&post_id=42&type=view&user_id=7"
    async with (
        client(ingest.url, None) as session,
        session.get(f"/events/pixel.gif?{query}", headers={"User-Agent": "x"}) as answer,
    ):
        assert (answer.status, answer.content_type) == (200, "image/gif")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert await answer.read() == GIF

    [stored] = await ingest.values()
    assert (stored["post_id"], stored["user_id"], stored["type"]) == (42, 7, "view")


async def test_pixel_stores_nothing_when_it_is_invalid_or_head(ingest: Ingest) -> None:
    valid = "/events/pixel.gif?post_id=42&type=view"
    for method, path, status, code in (
        ("GET", f"{valid}&utm=1", 422, "unknown_field"),
        ("GET", f"{valid}&type=like", 400, "malformed_query"),
        ("GET", f"{valid}&once=view:9d", 422, "invalid_once"),
        ("POST", valid, 405, "method_not_allowed"),
    ):
        async with ingest.session.request(method, path) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (status, code)
            assert answer.content_type == "application/problem+json"
    async with ingest.session.head(valid) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    async with ingest.session.get(valid, headers={"User-Agent": "AnyBot"}) as answer:
        assert (answer.status, answer.headers["X-Filtered-Reason"]) == (200, "bot")
    assert await ingest.records() == []


async def test_repeated_events_share_a_derived_identity_on_every_route(ingest: Ingest) -> None:
    at = datetime.now(UTC).isoformat()
    like = {"type": "like", "user_id": 7, "engaged_timestamp": at}
    _, single, _ = await ingest.post("/events?once=like:1d", event(**like))
    _, batch, _ = await ingest.post("/events/batch?once=like:1d", [event(**like), event()])
    _, beacon, _ = await ingest.post("/events/beacon?once=like:1d", event(**like), TEXT)

    assert UUID(single["event_id"]).version == 7
    assert batch["event_ids"][0] == beacon["event_ids"][0] == single["event_id"]
    assert batch["event_ids"][1] != single["event_id"]
    repeats = [e for e in await ingest.values() if e["event_id"] == single["event_id"]]
    assert [e["engaged_timestamp"] for e in repeats] == [f"{at[:10]}T00:00:00Z"] * 3


async def test_documents_are_open_cacheable_and_compressed(ingest: Ingest) -> None:
    for path in ("/tracker.js", "/schemas/", "/schemas/engagement-event.v1.json"):
        async with client(ingest.url, None) as session:
            async with session.get(path, headers={"Accept-Encoding": "identity"}) as answer:
                assert answer.status == 200
                plain, headers = await answer.read(), answer.headers
            assert headers["Cache-Control"] == "public, max-age=3600"
            assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
            assert headers["Access-Control-Allow-Origin"] == "*"
            async with session.get(path, headers={"If-None-Match": headers["ETag"]}) as answer:
                assert (answer.status, await answer.read()) == (304, b"")
            async with session.head(path) as answer:
                assert (answer.status, answer.headers["ETag"]) == (200, headers["ETag"])
        async with ingest.session.get(
            path, headers={"Accept-Encoding": "gzip"}, auto_decompress=False
        ) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(await answer.read()) == plain


async def test_index_of_schemas_lists_each_of_them(ingest: Ingest) -> None:
    async with client(ingest.url, None) as session:
        async with session.get("/schemas/") as answer:
            listed = (await answer.json())["schemas"]
        assert [entry["href"] for entry in listed] == [
            "/schemas/engagement-event.v1.json",
            "/schemas/engagement-record.v1.json",
        ]
        for entry in listed:
            async with session.get(entry["href"]) as answer:
                assert (answer.status, answer.content_type) == (200, "application/schema+json")
                schema = await answer.json(content_type=None)
            assert (schema["$id"], schema["title"]) == (entry["href"], entry["title"])
            Draft202012Validator.check_schema(schema)
        async with session.get("/schemas/x.json") as answer:
            assert answer.status == 404
