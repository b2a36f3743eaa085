"""Keys that are bound to origins."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import Kafka
from tests.ingesting import JSON, Ingest, event, ingesting
from tests.integration.ingest.conftest import PAGE
from tests.serving import client
from tests.waiting import until
from web.auth import last_uses, read_keys

BROWSER = {"Origin": PAGE, "User-Agent": "Mozilla/5.0"}
ENVELOPE = {"Content-Type": "application/cloudevents-batch+json"}


class Page:
    """A page that sends requests with the public key."""

    def __init__(self, ingest: Ingest, key: str) -> None:
        self.ingest = ingest
        self.key = key

    async def send(
        self, path: str, body: Any = None, headers: dict[str, str] = JSON
    ) -> tuple[int, Any]:
        method = "GET" if body is None else "POST"
        data = None if body is None else json.dumps(body)
        async with (
            client(self.ingest.url, self.key) as session,
            session.request(method, path, data=data, headers=BROWSER | headers) as answer,
        ):
            text = (await answer.read()).decode(errors="replace")
            return answer.status, json.loads(text) if text.startswith("{") else text


@pytest.fixture
def page(ingest: Ingest, public_key: str) -> Page:
    return Page(ingest, public_key)


def at_age(**age: float) -> dict[str, Any]:
    return event(engaged_timestamp=(datetime.now(UTC) - timedelta(**age)).isoformat())


async def test_page_sends_events_after_a_preflight(ingest: Ingest, public_key: str) -> None:
    preflight = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    async with client(ingest.url, None) as session:
        async with session.options("/events", headers=preflight) as answer:
            assert (answer.status, await answer.read()) == (204, b"")
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        beacon = f"/events/beacon?key={public_key}"
        async with session.post(beacon, json=event(), headers={"Origin": PAGE}) as answer:
            assert answer.status == 202
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        async with session.post(beacon, json=event()) as answer:
            assert answer.status == 403
            assert (await answer.json(content_type=None))["code"] == "foreign_origin"
    assert len(await ingest.records()) == 1


async def test_public_key_may_not_retract(ingest: Ingest, page: Page) -> None:
    sent = event(type="like", user_id=7)
    assert (await ingest.post("/events", sent))[0] == 202
    named = [{name: sent[name] for name in ("event_id", "engaged_timestamp", "post_id")}]
    for body in (named, named[0], [], "no JSON"):
        status, found = await page.send("/events/retractions", body)
        assert (status, found["code"]) == (403, "retraction_forbidden")
    assert len(await ingest.records()) == 1

    assert (await ingest.post("/events/retractions", named))[0] == 202


async def test_public_key_sends_events_of_the_last_two_days_only(
    ingest: Ingest, page: Page
) -> None:
    recent, old = at_age(hours=47.9), at_age(hours=48.1)
    code = "timestamp_too_old_for_public_key"
    for path in ("/events", "/events/beacon", "/events?dry_run=1"):
        assert (await page.send(path, recent))[0] in (200, 202)
        status, found = await page.send(path, old)
        errors = found.get("errors") or [{"error": found.get("code")}]
        assert (status in (200, 422), errors[0]["error"]) == (True, code)
    for path in ("/events/batch", "/events/beacon"):
        status, found = await page.send(path, [old, recent])
        assert (status, found["accepted"]) == (207, 1)
        assert [(e["index"], e["error"]) for e in found["errors"]] == [(0, code)]
    envelope = {"specversion": "1.0", "id": "1", "source": "s", "type": "view", "subject": "1"}
    envelope |= {"time": old["engaged_timestamp"]}
    status, found = await page.send("/events/batch", [envelope], ENVELOPE)
    assert (status, found["errors"][0]["error"]) == (422, code)
    assert (await page.send(f"/events/pixel.gif?{urlencode(recent)}"))[0] == 200
    status, found = await page.send(f"/events/pixel.gif?{urlencode(old)}")
    assert (status, found["code"]) == (422, code)
    # Also by the time in an event ID.
    moment = int((datetime.now(UTC) - timedelta(days=3)).timestamp() * 1000)
    old_id = f"{moment >> 16:08x}-{moment & 0xFFFF:04x}-7000-8000-000000000001"
    status, found = await page.send("/events", {"event_id": old_id, "post_id": 1, "type": "view"})
    assert (status, found["code"]) == (422, code)

    assert (await ingest.post("/events", at_age(days=399)))[0] == 202


async def test_public_key_has_the_same_limit_for_derived_times(ingest: Ingest, page: Page) -> None:
    like = event(type="like", user_id=7)
    for path in ("/events?once=like:30d", "/events/beacon?once=like:49h"):
        status, found = await page.send(path, like)
        assert (status, found["code"]) == (422, "invalid_once")
    status, found = await page.send("/events?once=like:1d&dry_run=1", like)
    assert (status, found["code"]) == (403, "dry_run_forbidden")

    # The window of a queued event started earlier than the event.
    queued = at_age(hours=47) | {"type": "like", "user_id": 7}
    assert (await page.send("/events/beacon?once=like:2d", [queued, like]))[0] == 202
    assert (await ingest.post("/events?once=like:30d", like))[0] == 202
    assert (await ingest.post("/events?once=like:30d&dry_run=1", like))[0] == 200


async def test_records_name_the_key_of_their_request(ingest: Ingest, page: Page) -> None:
    public, own = (
        next(entry.key_id for entry in read_keys(ingest.keys) if entry.key_id in key)
        for key in (page.key, ingest.key)
    )
    assert (await ingest.post("/events", event()))[0] == 202
    assert (await ingest.post("/events/batch", [event(), event()]))[0] == 202
    assert (await page.send("/events/beacon", event()))[0] == 202
    records = await ingest.records()

    named = sorted(dict(record.headers)["key-id"].decode() for record in records)
    assert named == sorted([own, own, own, public])
    for record in records:
        assert [name for name, _ in record.headers] == ["content-type", "schema", "key-id"]


async def test_once_needs_a_secret_when_keys_are_required(
    kafka: Kafka, topic: str, tmp_path: Path
) -> None:
    async with ingesting(kafka, topic, tmp_path / "keys.json", derived_id_secret=None) as ingest:
        for path, body in (
            ("/events?once=like:1d", event(type="like", user_id=7)),
            ("/events/batch?once=like:1d", [event()]),
            ("/events/beacon?once=view:1m", event()),
            ("/events?once=like:1d&dry_run=1", event()),
        ):
            status, found, headers = await ingest.post(path, body)
            assert (status, found["code"]) == (503, "once_unavailable")
            assert headers["Retry-After"] == "60"
        assert (await ingest.post("/events", event()))[0] == 202
        assert len(await ingest.records()) == 1


async def test_last_use_of_a_key_is_recorded(ingest: Ingest) -> None:
    assert (await ingest.post("/events", event()))[0] == 202
    used = next(entry.key_id for entry in read_keys(ingest.keys) if entry.key_id in ingest.key)
    folders = [ingest.keys.parent / "uses"]
    await until(lambda: last_uses(folders))

    assert set(last_uses(folders)) == {used}
    files = {entry.name for entry in ingest.keys.parent.glob("keys.json*")}
    assert files == {"keys.json", "keys.json.lock"}
