"""CloudEvents over HTTP, on a real broker."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ingest_service.cloudevents import derived_id
from tests.conftest import Kafka
from tests.ingesting import JSON, Ingest, event, ingesting

STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
BATCHED = {"Content-Type": "application/cloudevents-batch+json"}


@pytest.fixture
async def ingest(kafka: Kafka, topic: str, tmp_path: Path) -> AsyncIterator[Ingest]:
    async with ingesting(kafka, topic, tmp_path / "keys.json") as running:
        yield running


def envelope(**changed: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/blog",
        "type": "com.example.post.view",
        "time": datetime.now(UTC).isoformat(),
        "data": {"post_id": 42, "user_id": 7},
    } | changed


async def values(ingest: Ingest) -> list[Any]:
    return [json.loads(record.value) for record in await ingest.records()]


async def test_a_structured_cloudevent_is_stored_as_the_event_it_carries(ingest: Ingest) -> None:
    sent = envelope(traceparent="00-x")
    status, body, _ = await ingest.post("/events", sent, STRUCTURED)

    assert (status, body) == (202, {"event_id": sent["id"]})
    [stored] = await values(ingest)
    del stored["received_timestamp"]
    assert datetime.fromisoformat(stored.pop("engaged_timestamp")) == datetime.fromisoformat(
        sent["time"]
    )
    assert stored == {"event_id": sent["id"], "post_id": 42, "user_id": 7, "type": "view"}


async def test_a_binary_cloudevent_has_its_attributes_in_headers(ingest: Ingest) -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "17",
        "ce-source": "/blog",
        "ce-type": "com.example.post.like",
        "ce-time": datetime.now(UTC).isoformat(),
        "ce-subject": "43",
    }
    status, body, _ = await ingest.post("/events", {"user_id": 7}, JSON | headers)
    assert (status, body) == (202, {"event_id": str(derived_id("/blog", "17"))})

    async with ingest.session.post(
        "/events", headers=headers, skip_auto_headers=["Content-Type"]
    ) as answer:
        assert (answer.status, await answer.json()) == (202, body)
    assert [(e["post_id"], e["type"], e.get("user_id")) for e in await values(ingest)] == [
        (43, "like", 7),
        (43, "like", None),
    ]


async def test_a_batch_of_cloudevents_is_judged_one_by_one(ingest: Ingest) -> None:
    good = envelope()
    batch = [good, envelope(specversion="0.3"), event(), envelope(type="x.seen")]
    status, body, _ = await ingest.post("/events/batch", batch, BATCHED)

    assert status == 207
    assert body["event_ids"] == [good["id"], None, None, None]
    assert [(e["index"], e["error"]) for e in body["errors"]] == [
        (1, "invalid_cloudevent"),
        (2, "invalid_cloudevent"),
        (3, "invalid_type"),
    ]
    assert len(await ingest.records()) == 1


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        ("/events", envelope(id=""), STRUCTURED, 422, "invalid_cloudevent"),
        ("/events", b"{", STRUCTURED, 400, "malformed_json"),
        ("/events", envelope(time="2001-01-01T00:00:00Z"), STRUCTURED, 422, "timestamp_too_old"),
        ("/events", envelope(), JSON, 422, "unknown_field"),
        ("/events", envelope(), BATCHED, 415, "unsupported_media_type"),
        ("/events", event(), JSON | {"ce-id": "1"}, 422, "invalid_cloudevent"),
        ("/events", b"x", {"Content-Type": "text/plain", "ce-id": "1"}, 415, None),
        ("/events", envelope(pad="x" * 70_000), STRUCTURED, 413, "body_too_large"),
        ("/events/batch", [envelope(pad="x" * 70_000)], BATCHED, 422, "no_valid_event"),
        ("/events/batch", [], BATCHED, 422, "empty_batch"),
        ("/events/batch", envelope(), BATCHED, 422, "not_an_array"),
        ("/events/batch", [{}] * 1_001, BATCHED, 413, "too_many_events"),
        ("/events/batch", envelope(), STRUCTURED, 415, "unsupported_media_type"),
    ],
)
async def test_a_bad_cloudevent_is_refused_with_its_code_and_stores_nothing(
    ingest: Ingest, path: str, body: Any, headers: dict[str, str], status: int, code: str | None
) -> None:
    found, document, _ = await ingest.post(path, body, headers)

    assert (found, document["code"]) == (status, code or "unsupported_media_type")
    assert await ingest.records() == []


async def test_a_cloudevent_under_once_shares_the_derived_identity(ingest: Ingest) -> None:
    path = "/events?once=view:30m"
    _, first, _ = await ingest.post(path, envelope(time="2026-03-10T12:01:00Z"), STRUCTURED)
    _, second, _ = await ingest.post(path, envelope(time="2026-03-10T12:29:00Z"), STRUCTURED)

    assert first == second
