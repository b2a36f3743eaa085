"""POST /events and /events/batch on a real broker: accepted events are in the topic."""

import asyncio
import contextlib
import gzip
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import TopicAlreadyExistsError
from aiokafka.partitioner import murmur2
from jsonschema import Draft202012Validator

from ingest_service.app import create_app
from ingest_service.cloudevents import derived_id
from ingest_service.settings import IngestSettings
from schema.errors import SetupError
from tests.conftest import Kafka, create_topic
from tests.ingesting import JSON, Ingest, event
from tests.integration.ingest.test_browser_routes import TEXT
from tests.serving import client, served

NDJSON = {"Content-Type": "application/x-ndjson"}
STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
BATCHED = {"Content-Type": "application/cloudevents-batch+json"}
ENVELOPE = {
    "specversion": "1.0",
    "id": "17",
    "source": "/blog",
    "type": "com.example.post.like",
    "time": datetime.now(UTC).isoformat(),
    "subject": "43",
}
BINARY = JSON | {f"ce-{name}": value for name, value in ENVELOPE.items()}
LOOSE = {"type": "view", "post_id": 1, "event_id": str(uuid.uuid4())}
OLD = event(engaged_timestamp="2001-01-01T00:00:00Z")


async def test_accepted_event_is_in_the_topic_as_published(ingest: Ingest) -> None:
    validators = []
    for name in ("event", "record"):
        async with ingest.session.get(f"/schemas/engagement-{name}.v1.json") as answer:
            validators.append(Draft202012Validator(await answer.json(content_type=None)))
    sent = event(user_id=7)
    status, body, _ = await ingest.post("/events", sent)

    assert (status, body) == (202, {"event_id": sent["event_id"]})
    [record] = await ingest.records()
    value = json.loads(record.value)
    assert (record.key, record.partition) == (b"42", (murmur2(b"42") & 0x7FFFFFFF) % 4)
    assert dict(record.headers).keys() == {"content-type", "schema", "key-id"}
    names = ("event_id", "post_id", "user_id", "type")
    assert [value[name] for name in names] == [sent[name] for name in names]
    assert datetime.fromisoformat(value["received_timestamp"]).tzinfo is not None
    validators[0].validate(sent)
    validators[1].validate(value)


async def test_event_without_id_gets_a_uuid7_of_its_time(ingest: Ingest) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    _, body, _ = await ingest.post("/events", {"post_id": 1, "type": "like"})
    [value] = await ingest.values()
    event_id = uuid.UUID(body["event_id"])
    engaged = datetime.fromisoformat(value["engaged_timestamp"])

    assert event_id.version == 7
    assert event_id.int >> 80 == round(engaged.timestamp() * 1000)
    assert before <= engaged <= datetime.now(UTC)


async def test_batch_is_validated_event_by_event(ingest: Ingest) -> None:
    good, other = event(), event(post_id=2**63 - 1)
    batch = [good, event(type="zzz"), 7, other]
    status, body, _ = await ingest.post("/events/batch", batch)

    assert (status, body["received"], body["accepted"], body["rejected"]) == (207, 4, 2, 2)
    assert body["event_ids"] == [good["event_id"], None, None, other["event_id"]]
    assert [(e["index"], e["error"]) for e in body["errors"]] == [
        (1, "invalid_type"),
        (2, "not_an_object"),
    ]
    assert {value["event_id"] for value in await ingest.values()} == {
        good["event_id"],
        other["event_id"],
    }


async def test_cloudevents_are_stored_in_all_three_forms(ingest: Ingest) -> None:
    event_id = str(derived_id("/blog", "17"))
    sent = ENVELOPE | {"data": {"user_id": 7}, "traceparent": "00-x"}
    assert (await ingest.post("/events", sent, STRUCTURED))[:2] == (202, {"event_id": event_id})
    status, body, _ = await ingest.post("/events", {"user_id": 7}, BINARY)
    assert (status, body) == (202, {"event_id": event_id})
    headers = {name: value for name, value in BINARY.items() if name.startswith("ce-")}
    async with ingest.session.post(
        "/events", headers=headers, skip_auto_headers=["Content-Type"]
    ) as answer:
        assert (answer.status, await answer.json()) == (202, {"event_id": event_id})
    batch = [ENVELOPE, ENVELOPE | {"specversion": "0.3"}, event(), ENVELOPE | {"type": "x.seen"}]
    status, body, _ = await ingest.post("/events/batch", batch, BATCHED)

    assert (status, body["event_ids"]) == (207, [event_id, None, None, None])
    assert [(e["index"], e["error"]) for e in body["errors"]] == [
        (1, "invalid_cloudevent"),
        (2, "invalid_cloudevent"),
        (3, "invalid_type"),
    ]
    values = await ingest.values()
    assert [(v["post_id"], v["type"]) for v in values] == [(43, "like")] * 4
    assert [v.get("user_id") for v in values].count(7) == 2


async def test_gzip_is_inflated_within_the_limit(ingest: Ingest) -> None:
    headers = JSON | {"Content-Encoding": "gzip", "User-Agent": "x"}
    bomb = gzip.compress(b" " * 40_000_000)
    for path in ("/events", "/events/batch", "/events/beacon"):
        body: Any = event() if path == "/events" else [event()]
        packed = gzip.compress(json.dumps(body).encode())
        assert (await ingest.post(path, packed, headers))[0] == 202
        began = time.monotonic()
        assert (await ingest.post(path, bomb, headers))[0] == 413
        assert time.monotonic() - began < 1.0
        assert (await ingest.post(path, gzip.compress(packed), headers))[0] in (400, 422)
        for damaged in (packed + packed, packed[:-4]):
            assert (await ingest.post(path, damaged, headers))[1]["code"] == "malformed_gzip"


INVALID: tuple[tuple[str, Any, dict[str, str], int, str], ...] = (
    ("/events", b"true", JSON, 422, "not_an_object"),
    ("/events", b'{"post_id":NaN}', JSON, 400, "malformed_json"),
    ("/events", b"\xef\xbb\xbf{}", JSON, 400, "malformed_json"),
    ("/events", b'{"post_id":1,"type":"\\ud800"}', JSON, 400, "malformed_json"),
    ("/events", b'{"post_id":1,"type":"view","x":1}', JSON, 422, "unknown_field"),
    ("/events", b" " * 70_000, JSON, 413, "body_too_large"),
    ("/events", b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
    ("/events", b"{}", JSON | {"Content-Encoding": "br"}, 415, "unsupported_encoding"),
    ("/events", b"{}", NDJSON, 415, "unsupported_media_type"),
    ("/events", ENVELOPE | {"id": ""}, STRUCTURED, 422, "invalid_cloudevent"),
    ("/events", ENVELOPE, JSON, 422, "unknown_field"),
    ("/events", ENVELOPE, BATCHED, 415, "unsupported_media_type"),
    ("/events", event(), JSON | {"ce-id": "1"}, 422, "invalid_cloudevent"),
    ("/events", OLD, JSON, 422, "timestamp_too_old"),
    ("/events?dryrun=1", event(), JSON, 422, "unknown_parameter"),
    ("/events?dry_run=yes", event(), JSON, 422, "invalid_dry_run"),
    ("/events?dry_run=1&once=x", event(), JSON, 422, "invalid_once"),
    ("/events?once=often", event(), JSON, 422, "invalid_once"),
    ("/events/batch", b"[]", JSON, 422, "empty_batch"),
    ("/events/batch", b"{}", JSON, 422, "not_an_array"),
    ("/events/batch", b"[[{}]]", JSON, 422, "no_valid_event"),
    ("/events/batch", b"[1,", JSON, 400, "malformed_json"),
    ("/events/batch", b" " * 1_100_000, JSON, 413, "body_too_large"),
    ("/events/batch", [{}] * 1_001, BATCHED, 413, "too_many_events"),
    ("/events/batch", ENVELOPE, STRUCTURED, 415, "unsupported_media_type"),
    ("/events/batch?dry_run=1&onc=view:1h", [event()], JSON, 422, "unknown_parameter"),
    ("/events/batch?dry_run=1", [event()] * 1_001, JSON, 413, "too_many_events"),
    ("/events/retractions?dry_run=1", event(), JSON, 422, "unknown_parameter"),
    ("/events/beacon", b"[]", TEXT, 422, "empty_batch"),
    ("/events/beacon", b"{", TEXT, 400, "malformed_json"),
    ("/events/beacon", b"7", TEXT, 422, "not_an_array"),
    ("/events/beacon", b"[]", {"Content-Type": "text/html"}, 415, "unsupported_media_type"),
    ("/events/beacon", b" " * 1_100_000, TEXT, 413, "body_too_large"),
)


async def test_invalid_requests_are_rejected_with_their_code_and_store_nothing(
    ingest: Ingest,
) -> None:
    for path, body, headers, status, code in INVALID:
        found, document, answered = await ingest.post(path, body, headers)
        assert (found, document["code"]) == (status, code), (path, body)
        assert answered["Content-Type"] == "application/problem+json"
    assert await ingest.records() == []


DRY_RUNS: tuple[tuple[str, Any, dict[str, str]], ...] = (
    ("/events", event(user_id=7), JSON),
    ("/events", event(type="zzz", post_id=0), JSON),
    ("/events", LOOSE, JSON),
    ("/events", 7, JSON),
    ("/events", ENVELOPE, STRUCTURED),
    ("/events", ENVELOPE | {"specversion": "2"}, STRUCTURED),
    ("/events", {"user_id": 7}, BINARY),
    ("/events/batch", [event(), event(type="zzz"), 7, OLD, LOOSE], JSON),
    ("/events/batch", b"\n\n".join([json.dumps(event()).encode(), b"{", b"7"]), NDJSON),
    ("/events/batch", [ENVELOPE, event(), ENVELOPE | {"type": "x"}], BATCHED),
)


async def test_dry_run_predicts_the_response_and_stores_nothing(ingest: Ingest) -> None:
    predictions = []
    for path, body, headers in DRY_RUNS:
        status, predicted, _ = await ingest.post(f"{path}?dry_run=1", body, headers)
        assert status == 200, (path, body)
        predictions.append(predicted)
    assert await ingest.records() == []

    for (path, body, headers), predicted in zip(DRY_RUNS, predictions, strict=True):
        _, real, _ = await ingest.post(path, body, headers)
        if path == "/events":
            real = {"event_ids": [real.get("event_id")], "errors": [{"error": real.get("code")}]}
        codes = {error["error"] for error in predicted["errors"]}
        assert [e and e["event_id"] for e in predicted["events"]] == real["event_ids"], body
        assert {error["error"] for error in real["errors"]} - {None} <= codes, body
        assert predicted["would_accept"] == len(real["event_ids"]) - real["event_ids"].count(None)


async def test_dry_run_shows_the_derived_identity(ingest: Ingest) -> None:
    like = event(type="like", user_id=7)
    _, predicted, _ = await ingest.post("/events?dry_run=1&once=like:1d", like)
    _, real, _ = await ingest.post("/events?once=like:1d", like)

    assert predicted["events"][0]["event_id"] == real["event_id"] != like["event_id"]


async def test_response_to_a_large_invalid_batch_is_below_128_kibibytes(ingest: Ingest) -> None:
    batch = [event(type="zzz", post_id="x") for _ in range(1_000)]
    async with ingest.session.post("/events/batch", json=batch) as answer:
        assert answer.status == 422
        assert len(await answer.read()) < 128 * 1024


async def test_events_are_accepted_when_the_topic_is_created_again_with_fewer_partitions(
    ingest: Ingest,
) -> None:
    events = [event(post_id=number) for number in range(1, 21)]
    assert (await ingest.post("/events/batch", events))[0] == 202
    admin = AIOKafkaAdminClient(bootstrap_servers=ingest.kafka.bootstrap_servers)
    await admin.start()
    await admin.delete_topics([ingest.topic])
    await admin.close()
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(TopicAlreadyExistsError):
                await create_topic(ingest.kafka, ingest.topic, 2)
                break
        while (await ingest.post("/events/batch", events))[0] != 202:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_service_is_alive_but_not_ready_when_kafka_is_away() -> None:
    settings = IngestSettings(kafka_bootstrap_servers="127.0.0.1:1", allow_anonymous=True)
    app, _ = create_app(settings)
    async with served(app) as url, client(url, None) as session:
        for path, status in (("/healthz", 200), ("/readyz", 503)):
            async with session.get(path) as answer:
                assert answer.status == status
        began = time.monotonic()
        async with session.post("/events", json=event()) as answer:
            assert (answer.status, (await answer.json())["code"]) == (503, "unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        assert time.monotonic() - began < 5
        async with session.post("/events?dry_run=1", json=event()) as answer:
            assert (answer.status, (await answer.json())["would_accept"]) == (200, 1)


async def test_service_without_keys_is_for_pages_of_its_own_machine(kafka: Kafka) -> None:
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


def test_service_beyond_loopback_needs_a_key_file() -> None:
    with pytest.raises(SetupError, match="ENGAGE_API_KEYS_FILE"):
        create_app(IngestSettings(host="0.0.0.0"))


async def test_openapi_documents_the_routes_with_their_errors(ingest: Ingest) -> None:
    async with ingest.session.get("/openapi.json") as answer:
        document = await answer.json()
    paths = document["paths"]
    errors = {"400", "401", "403", "408", "413", "415", "422", "429", "503"}

    assert "Event" in document["components"]["schemas"]
    for path, kind in (("/events", "cloudevents"), ("/events/batch", "cloudevents-batch")):
        route = paths[path]["post"]
        assert errors | {"200", "202"} <= route["responses"].keys()
        assert {p["name"] for p in route["parameters"]} == {"dry_run", "once"}
        kinds = {"application/json", f"application/{kind}+json"}
        assert route["requestBody"]["content"].keys() == kinds
    for path in ("/events/batch", "/events/beacon", "/events/retractions"):
        assert errors | {"207"} <= paths[path]["post"]["responses"].keys()
    fields = {"post_id", "post", "type", "event_id", "user_id", "user", "engaged_timestamp"}
    parameters = {p["name"] for p in paths["/events/pixel.gif"]["get"]["parameters"]}
    assert parameters == fields | {"key", "once"}
