"""The ingest service over HTTP, on a real broker: what is accepted stands in the topic."""

import gzip
import json
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka.partitioner import murmur2

from ingest_service.app import create_app
from ingest_service.settings import IngestSettings
from schema.errors import SetupError
from tests.conftest import Kafka
from tests.ingesting import JSON, Ingest, event, ingesting
from tests.serving import client, served

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
async def ingest(kafka: Kafka, topic: str, tmp_path: Path) -> AsyncIterator[Ingest]:
    async with ingesting(kafka, topic, tmp_path / "keys.json") as running:
        yield running


async def test_an_accepted_event_stands_in_the_topic_as_the_contract_says(ingest: Ingest) -> None:
    sent = event(user_id=7)
    status, body, _ = await ingest.post("/events", sent)

    assert (status, body) == (202, {"event_id": sent["event_id"]})
    [record] = await ingest.records()
    stands = json.loads(record.value)
    assert record.key == b"42"
    assert record.partition == (murmur2(b"42") & 0x7FFFFFFF) % 4
    assert dict(record.headers).keys() == {"content-type", "schema"}
    assert {name: stands[name] for name in ("event_id", "post_id", "user_id", "type")} == {
        name: sent[name] for name in ("event_id", "post_id", "user_id", "type")
    }
    assert datetime.fromisoformat(stands["received_timestamp"]).tzinfo is not None


async def test_without_an_id_one_that_tells_the_time_is_minted_and_returned(
    ingest: Ingest,
) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    _, body, _ = await ingest.post("/events", {"post_id": 1, "type": "like"})
    [record] = await ingest.records()
    minted = uuid.UUID(body["event_id"])
    engaged = datetime.fromisoformat(json.loads(record.value)["engaged_timestamp"])

    assert minted.version == 7
    assert minted.int >> 80 == round(engaged.timestamp() * 1000)
    assert before <= engaged <= datetime.now(UTC)


async def test_a_batch_is_judged_event_by_event(ingest: Ingest) -> None:
    good, other = event(), event(post_id=2**63 - 1)
    batch = [good, event(type="zzz"), 7, other]
    status, body, _ = await ingest.post("/events/batch", batch)

    assert status == 207
    assert (body["received"], body["accepted"], body["rejected"]) == (4, 2, 2)
    assert body["event_ids"] == [good["event_id"], None, None, other["event_id"]]
    assert [(e["index"], e["error"]) for e in body["errors"]] == [
        (1, "invalid_type"),
        (2, "not_an_object"),
    ]
    assert len(await ingest.records()) == 2


async def test_ndjson_counts_its_lines_without_the_blank_ones(ingest: Ingest) -> None:
    lines = [json.dumps(event()).encode(), b"", b"{", json.dumps(event()).encode(), b""]
    status, body, _ = await ingest.post("/events/batch", b"\n".join(lines), NDJSON)

    assert status == 207
    assert (body["received"], [e["index"] for e in body["errors"]]) == (3, [1])


async def test_a_thousand_events_are_one_batch_and_one_more_is_too_many(ingest: Ingest) -> None:
    status, body, _ = await ingest.post("/events/batch", [event() for _ in range(1_000)])
    assert (status, body["accepted"], body["errors"]) == (202, 1_000, [])

    status, body, _ = await ingest.post("/events/batch", [event() for _ in range(1_001)])
    assert (status, body["code"]) == (413, "too_many_events")
    assert len(await ingest.records()) == 1_000


@pytest.mark.parametrize("path", ["/events", "/events/batch"])
async def test_gzip_is_understood_and_bombs_are_not(ingest: Ingest, path: str) -> None:
    body: Any = event() if path == "/events" else [event()]
    headers = JSON | {"Content-Encoding": "gzip"}
    packed = gzip.compress(json.dumps(body).encode())

    assert (await ingest.post(path, packed, headers))[0] == 202
    assert (await ingest.post(path, gzip.compress(b" " * 50_000_000), headers))[0] == 413
    assert (await ingest.post(path, gzip.compress(packed), headers))[0] in (400, 422)
    assert (await ingest.post(path, packed + packed, headers))[1]["code"] == "malformed_gzip"
    assert (await ingest.post(path, packed[:-4], headers))[1]["code"] == "malformed_gzip"


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "code"),
    [
        ("/events", b"true", JSON, 422, "not_an_object"),
        ("/events", b"[]", JSON, 422, "not_an_object"),
        ("/events", b'{"post_id":NaN}', JSON, 400, "malformed_json"),
        ("/events", b'{"post_id":1,"type":"view"}{}', JSON, 400, "malformed_json"),
        ("/events", b"\xef\xbb\xbf{}", JSON, 400, "malformed_json"),
        ("/events", b"[" * 60_000, JSON, 422, "not_an_object"),
        ("/events", b'{"post_id":1e2,"type":"view"}', JSON, 422, "invalid_post_id"),
        ("/events", b'{"post_id":1,"type":"\\ud800"}', JSON, 400, "malformed_json"),
        ("/events", b'{"post_id":1,"type":"view","x":1}', JSON, 422, "unknown_field"),
        ("/events", b" " * 70_000, JSON, 413, "body_too_large"),
        ("/events", b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        ("/events", b"{}", JSON | {"Content-Encoding": "br"}, 415, "unsupported_encoding"),
        ("/events", b"{}", NDJSON, 415, "unsupported_media_type"),
        ("/events/batch", b"[]", JSON, 422, "empty_batch"),
        ("/events/batch", b"{}", JSON, 422, "not_an_array"),
        ("/events/batch", b"[[{}]]", JSON, 422, "no_valid_event"),
        ("/events/batch", b"[1,", JSON, 400, "malformed_json"),
        ("/events/batch", b" " * 1_100_000, JSON, 413, "body_too_large"),
    ],
)
async def test_a_bad_body_is_refused_with_its_code_and_stores_nothing(
    ingest: Ingest, path: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    found, document, answered = await ingest.post(path, body, headers)

    assert (found, document["code"]) == (status, code)
    assert answered["Content-Type"] == "application/problem+json"
    assert await ingest.records() == []


@pytest.mark.parametrize(
    ("moved", "code"),
    [
        (timedelta(seconds=360), "timestamp_in_future"),
        (timedelta(days=-401), "timestamp_too_old"),
    ],
)
async def test_times_outside_the_window_are_refused(
    ingest: Ingest, moved: timedelta, code: str
) -> None:
    then = (datetime.now(UTC) + moved).isoformat()
    status, body, _ = await ingest.post("/events", event(engaged_timestamp=then))

    assert (status, body["code"]) == (422, code)


async def test_keys_are_demanded_and_scoped(ingest: Ingest) -> None:
    given = ingest.session.headers["Authorization"].removeprefix("Bearer ")
    for key in (None, "eng_ingest_x_y", given[:-1]):
        async with (
            client(ingest.url, key) as session,
            session.post("/events", json=event()) as answer,
        ):
            assert answer.status == 401
            assert (await answer.json())["code"] == "key_required"
    assert await ingest.records() == []


async def test_every_answer_to_a_huge_bad_batch_stays_small(ingest: Ingest) -> None:
    batch = [event(type="zzz", post_id="x") for _ in range(1_000)]
    async with ingest.session.post("/events/batch", json=batch) as answer:
        assert answer.status == 422
        assert len(await answer.read()) < 128 * 1024


async def test_other_methods_and_paths_are_problems(ingest: Ingest) -> None:
    for method, path, status in (("PUT", "/events", 405), ("GET", "/nowhere", 404)):
        async with ingest.session.request(method, path) as answer:
            assert (answer.status, answer.content_type) == (status, "application/problem+json")


async def test_metrics_count_what_was_accepted_and_refused(ingest: Ingest) -> None:
    await ingest.post("/events", event())
    await ingest.post("/events", event(type="zzz"))
    async with ingest.session.get("/metrics") as answer:
        text = await answer.text()

    assert "engage_ingest_accepted_total" in text
    assert 'engage_ingest_rejected_total{code="invalid_type"}' in text


async def test_with_kafka_away_it_is_alive_not_ready_and_asks_to_come_again() -> None:
    settings = IngestSettings(kafka_bootstrap_servers="127.0.0.1:1", allow_anonymous=True)
    app, _ = create_app(settings)
    async with served(app) as url, client(url, None) as session:
        async with session.get("/healthz") as answer:
            assert answer.status == 200
        async with session.get("/readyz") as answer:
            assert answer.status == 503
        began = time.monotonic()
        async with session.post("/events", json=event()) as answer:
            assert (answer.status, (await answer.json())["code"]) == (503, "unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        assert time.monotonic() - began < 5


async def test_without_keys_only_pages_of_the_own_machine_may_ask(kafka: Kafka) -> None:
    app, _ = create_app(IngestSettings(kafka_bootstrap_servers=kafka.bootstrap_servers))
    async with served(app) as url, client(url, None) as session:
        for headers, status in (
            ({}, 200),
            ({"Host": "evil.example"}, 400),
            ({"Host": "evil/../x"}, 400),
            ({"Origin": "http://evil.example"}, 403),
        ):
            async with session.get("/healthz", headers=headers) as answer:
                assert answer.status == status, headers


def test_beyond_loopback_it_refuses_to_start_without_keys() -> None:
    with pytest.raises(SetupError, match="ENGAGE_API_KEYS_FILE"):
        create_app(IngestSettings(host="0.0.0.0"))


async def test_the_openapi_document_has_the_event_and_every_error(ingest: Ingest) -> None:
    async with ingest.session.get("/openapi.json") as answer:
        document = await answer.json()
    errors = {"400", "401", "403", "408", "413", "415", "422", "429", "503"}

    assert errors <= document["paths"]["/events"]["post"]["responses"].keys()
    assert errors | {"207"} <= document["paths"]["/events/batch"]["post"]["responses"].keys()
    assert "Event" in document["components"]["schemas"]


@pytest.mark.parametrize(
    "path",
    ["/events?dryrun=1", "/events/batch?dry_run=1&onc=view:1h", "/events/retractions?dry_run=1"],
)
async def test_a_typing_error_in_the_query_is_refused_rather_than_stored(
    ingest: Ingest, path: str
) -> None:
    sent = event()
    body = [sent] if "batch" in path else sent
    status, problem, _ = await ingest.post(path, body)

    assert (status, problem["code"]) == (422, "unknown_parameter")
    assert await ingest.records() == []
