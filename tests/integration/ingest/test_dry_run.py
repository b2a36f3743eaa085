"""Dry runs over HTTP, beside the real thing on a real broker."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ingest_service.app import create_app
from ingest_service.settings import IngestSettings
from tests.conftest import Kafka
from tests.ingesting import JSON, Ingest, event, ingesting
from tests.serving import client, served

NDJSON = {"Content-Type": "application/x-ndjson"}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCHED = {"Content-Type": "application/cloudevents-batch+json"}
ENVELOPE = {
    "specversion": "1.0",
    "id": "17",
    "source": "/blog",
    "type": "com.example.like",
    "time": datetime.now(UTC).isoformat(),
    "subject": "42",
}
LOOSE = {"type": "view", "post_id": 1, "event_id": str(uuid4())}
OLD = event(engaged_timestamp="2001-01-01T00:00:00Z")


@pytest.fixture
async def ingest(kafka: Kafka, topic: str, tmp_path: Path) -> AsyncIterator[Ingest]:
    async with ingesting(kafka, topic, tmp_path / "keys.json") as running:
        yield running


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (event(user_id=7), JSON),
        (event(type="zzz", post_id=0), JSON),
        (LOOSE, JSON),
        (OLD, JSON),
        (event(extra=1), JSON),
        (7, JSON),
        (b"{", JSON),
        (ENVELOPE, STRUCTURED),
        (ENVELOPE | {"specversion": "2"}, STRUCTURED),
        ({"user_id": 7}, JSON | {f"ce-{name}": value for name, value in ENVELOPE.items()}),
        ({}, JSON | {"ce-id": "1"}),
    ],
)
async def test_it_foretells_what_becomes_of_an_event(
    ingest: Ingest, body: Any, headers: dict[str, str]
) -> None:
    status, told, _ = await ingest.post("/events?dry_run=1", body, headers)
    assert status == 200
    assert await ingest.records() == []

    real_status, real, _ = await ingest.post("/events", body, headers)
    if real_status == 202:
        assert (told["would_accept"], told["errors"]) == (1, [])
        assert told["events"][0]["event_id"] == real["event_id"]
    else:
        assert (told["would_reject"], told["events"]) == (1, [None])
        assert real["code"] in {fault["error"] for fault in told["errors"]}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ([event(), event(type="zzz"), 7, OLD, LOOSE], JSON),
        (b"\n\n".join([json.dumps(event()).encode(), b"{", b"7"]), NDJSON),
        ([ENVELOPE, event(), ENVELOPE | {"type": "x"}], BATCHED),
    ],
)
async def test_it_foretells_what_becomes_of_a_batch(
    ingest: Ingest, body: Any, headers: dict[str, str]
) -> None:
    status, told, _ = await ingest.post("/events/batch?dry_run=1", body, headers)
    assert status == 200
    assert await ingest.records() == []

    _, real, _ = await ingest.post("/events/batch", body, headers)
    assert (told["received"], told["would_accept"], told["would_reject"]) == (
        real["received"],
        real["accepted"],
        real["rejected"],
    )
    assert [e and e["event_id"] for e in told["events"]] == real["event_ids"]
    faults = {(fault["index"], fault["error"]) for fault in told["errors"]}
    assert {(e["index"], e["error"]) for e in real["errors"]} <= faults


async def test_it_shows_the_identity_that_once_derives(ingest: Ingest) -> None:
    like = event(type="like", user_id=7)
    _, told, _ = await ingest.post("/events?dry_run=1&once=like:1d", like)
    _, real, _ = await ingest.post("/events?once=like:1d", like)

    assert told["events"][0]["event_id"] == real["event_id"] != like["event_id"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/events?dry_run=yes", event(), 422, "invalid_dry_run"),
        ("/events?dry_run=1&once=x", event(), 422, "invalid_once"),
        ("/events/batch?dry_run=1", {}, 422, "not_an_array"),
        ("/events/batch?dry_run=1", [event()] * 1_001, 413, "too_many_events"),
        ("/events?dry_run=1", b" " * 70_000, 413, "body_too_large"),
    ],
)
async def test_a_request_that_is_wrong_as_a_whole_is_refused(
    ingest: Ingest, path: str, body: Any, status: int, code: str
) -> None:
    found, document, _ = await ingest.post(path, body)

    assert (found, document["code"]) == (status, code)
    assert await ingest.records() == []


async def test_it_needs_a_key(ingest: Ingest) -> None:
    async with (
        client(ingest.url, None) as session,
        session.post("/events?dry_run=1", json=event()) as answer,
    ):
        assert answer.status == 401


async def test_it_needs_no_kafka() -> None:
    settings = IngestSettings(kafka_bootstrap_servers="127.0.0.1:1", allow_anonymous=True)
    app, _ = create_app(settings)
    async with (
        served(app) as url,
        client(url, None) as session,
        session.post("/events?dry_run=1", json=event()) as answer,
    ):
        assert (answer.status, (await answer.json())["would_accept"]) == (200, 1)


async def test_openapi_knows_dry_runs_and_cloudevents(ingest: Ingest) -> None:
    async with ingest.session.get("/openapi.json") as answer:
        paths = (await answer.json())["paths"]

    for path, kind in (("/events", STRUCTURED), ("/events/batch", BATCHED)):
        route = paths[path]["post"]
        assert {"200", "202"} <= route["responses"].keys()
        assert "dry_run" in {parameter["name"] for parameter in route["parameters"]}
        kinds = {"application/json", kind["Content-Type"]}
        assert route["requestBody"]["content"].keys() == kinds
