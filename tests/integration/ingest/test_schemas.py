"""The published schemas over HTTP."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.conftest import Kafka
from tests.ingesting import Ingest, event, ingesting
from tests.serving import client


@pytest.fixture
async def ingest(kafka: Kafka, topic: str, tmp_path: Path) -> AsyncIterator[Ingest]:
    async with ingesting(kafka, topic, tmp_path / "keys.json") as running:
        yield running


async def test_the_index_leads_to_every_schema_without_a_key(ingest: Ingest) -> None:
    async with client(ingest.url, None) as session:
        async with session.get("/schemas/") as answer:
            assert answer.status == 200
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


async def test_an_event_the_schema_takes_is_accepted_and_stored_as_the_records_says(
    ingest: Ingest,
) -> None:
    validators = []
    for name in ("event", "record"):
        async with ingest.session.get(f"/schemas/engagement-{name}.v1.json") as answer:
            validators.append(Draft202012Validator(await answer.json(content_type=None)))
    sent = event(user_id=7)
    validators[0].validate(sent)
    status, _, _ = await ingest.post("/events", sent)
    [record] = await ingest.records()

    assert status == 202
    validators[1].validate(json.loads(record.value))


@pytest.mark.parametrize("path", ["/schemas/", "/schemas/engagement-event.v1.json"])
async def test_schemas_are_cached_by_their_tag(ingest: Ingest, path: str) -> None:
    async with client(ingest.url, None) as session:
        async with session.get(path) as answer:
            headers = answer.headers
        assert headers["Cache-Control"] == "public, max-age=3600"
        known = {"If-None-Match": headers["ETag"]}
        async with session.get(path, headers=known) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
            assert answer.headers["ETag"] == headers["ETag"]
        async with session.head(path) as answer:
            assert (answer.status, answer.headers["ETag"]) == (200, headers["ETag"])


async def test_there_is_no_other_schema(ingest: Ingest) -> None:
    async with client(ingest.url, None) as session, session.get("/schemas/x.json") as answer:
        assert answer.status == 404
