"""External IDs are kept byte for byte, whichever path an event takes."""

import asyncio
import base64
import csv
import io
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest
from yarl import URL

from consumer.redaction import REDACTED_DETAIL
from consumer.replay import Replayer
from engage.client import post_lines
from engage.erasure import Subject, erase
from engage.import_file import identified, read
from engage.user_export import export
from engagement_client import Event
from schema.event import Draft
from schema.validation import Window
from tests.conftest import Kafka
from tests.external_ids import EXTERNAL_IDS, NOT_EXTERNAL_IDS
from tests.ingesting import JSON, Ingest, ingesting
from tests.integration.consumer.conftest import Pipeline

NDJSON: Final = {"Content-Type": "application/x-ndjson"}
STRUCTURED: Final = {"Content-Type": "application/cloudevents+json"}
BATCHED: Final = {"Content-Type": "application/cloudevents-batch+json"}
TEXT: Final = {"Content-Type": "text/plain"}
NOW: Final = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
async def ingest(kafka: Kafka, pipeline: Pipeline, tmp_path: Path) -> AsyncIterator[Ingest]:
    async with ingesting(kafka, pipeline.settings.topic, tmp_path / "keys.json") as running:
        yield running


class Sent:
    """Events of one path, identified by their minute; their times have an offset and a fraction."""

    def __init__(self, minute: int) -> None:
        self.minute = NOW - timedelta(minutes=minute)
        local = (self.minute + timedelta(hours=5, minutes=30)).replace(tzinfo=None)
        self.time = f"{local.isoformat()}.1234567+05:30"
        self.instant = self.minute + timedelta(microseconds=123456)

    def events(self, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
        for text in texts:
            yield {
                "event_id": str(uuid.uuid4()),
                "post": text,
                "user": text,
                "type": "view",
                "engaged_timestamp": self.time,
            }

    def envelopes(self, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
        for event in self.events(texts):
            data = {"post": event["post"], "user": event["user"]}
            yield {
                "specversion": "1.0",
                "id": event["event_id"],
                "source": "a test",
                "type": "view",
                "time": self.time,
            } | (
                {"data": data}
                if event["post"] == "42"
                else {"subject": event["post"], "data": {"user": event["user"]}}
            )


async def accept(ingest: Ingest, path: str, body: Any, headers: dict[str, str]) -> None:
    status, answer, _ = await ingest.post(path, body, headers)
    assert status == 202, answer


def requests(sent: Sent) -> dict[str, list[tuple[str, Any, dict[str, str]]]]:
    """Return, for each path, its requests: route, body and headers."""
    events, envelopes = list(sent.events(EXTERNAL_IDS)), list(sent.envelopes(EXTERNAL_IDS))
    binary = [(dict(envelope), envelope["data"]) for envelope in sent.envelopes(EXTERNAL_IDS)]
    in_base64 = list(sent.envelopes(EXTERNAL_IDS))
    data = json.dumps(in_base64[0].pop("data")).encode()
    in_base64[0]["data_base64"] = base64.b64encode(data).decode()
    by_client = [
        Event.stamp("view", {"post": text, "user": text, "at": sent.instant}).to_json()
        for text in EXTERNAL_IDS
    ]
    return {
        "single events": [("/events", event, JSON) for event in events],
        "batch": [("/events/batch", events, JSON)],
        "batch in UTF-8": [
            ("/events/batch", json.dumps(events, ensure_ascii=False).encode(), JSON)
        ],
        "NDJSON": [("/events/batch", "\n".join(map(json.dumps, events)).encode(), NDJSON)],
        "beacon": [("/events/beacon", events, TEXT)],
        "structured CloudEvents": [("/events", envelope, STRUCTURED) for envelope in envelopes],
        "binary CloudEvents": [
            (
                "/events",
                json.dumps(data).encode(),
                JSON | {f"ce-{k}": quote(v, safe="") for k, v in attributes.items() if k != "data"},
            )
            for attributes, data in binary
        ],
        "batch of CloudEvents": [("/events/batch", in_base64, BATCHED)],
        "client": [("/events/batch", f"[{','.join(by_client)}]".encode(), JSON)],
    }


async def send_batch_with_an_invalid_event(ingest: Ingest, sent: Sent) -> None:
    events = [*sent.events(EXTERNAL_IDS), {"post": "\ud83d", "type": "view"}]
    status, answer, _ = await ingest.post("/events/batch", events, JSON)
    assert (status, answer["rejected"]) == (207, 1)
    assert answer["errors"][0]["index"] == len(EXTERNAL_IDS)


async def send_pixels(ingest: Ingest, sent: Sent) -> None:
    for event in sent.events(EXTERNAL_IDS):
        target = URL(f"{ingest.url}/events/pixel.gif?{urlencode(event)}", encoded=True)
        async with ingest.session.get(target) as answer:
            assert answer.status == 200, await answer.text()


async def import_file(ingest: Ingest, name: str, text: str) -> None:
    path = ingest.keys.with_name(name)
    path.write_text(text, encoding="utf-8")
    lines = [line.body for line in identified(read(path, Draft.__struct_fields__))]
    url, key = ingest.url, ingest.key
    assert await asyncio.to_thread(post_lines, f"{url}/events/batch", key, lines) == []


async def import_ndjson(ingest: Ingest, sent: Sent) -> None:
    await import_file(ingest, "a.ndjson", "\n".join(map(json.dumps, sent.events(EXTERNAL_IDS))))


async def import_csv(ingest: Ingest, sent: Sent) -> None:
    file = io.StringIO()
    rows = csv.DictWriter(
        file, ["post", "type", "engaged_timestamp", "user"], extrasaction="ignore"
    )
    rows.writeheader()
    # In a CSV file, digits are a number.
    rows.writerows(sent.events([text for text in EXTERNAL_IDS if text != "42"]))
    await import_file(ingest, "a.csv", file.getvalue())


async def stored(pipeline: Pipeline) -> dict[datetime, set[tuple[str, str]]]:
    """Return the external IDs of posts and users of stored events, by the events' time."""
    rows = await pipeline.connection.fetch(
        "SELECT e.engaged_timestamp, p.external_id, u.external_id FROM engagements AS e"
        " JOIN external_ids AS p ON p.kind = 'post' AND p.id = e.post_id"
        " JOIN external_ids AS u ON u.kind = 'user' AND u.id = e.user_id"
    )
    found: dict[datetime, set[tuple[str, str]]] = {}
    for time, post, user in rows:
        found.setdefault(time, set()).add((post, user))
    return found


async def test_external_ids_are_kept_byte_for_byte_on_every_path(
    pipeline: Pipeline, ingest: Ingest
) -> None:
    minutes = itertools.count(1)
    sent: dict[str, Sent] = {}
    for path in requests(Sent(0)):
        sent[path] = Sent(next(minutes))
        for route, body, headers in requests(sent[path])[path]:
            await accept(ingest, route, body, headers)
    for send in (send_batch_with_an_invalid_event, send_pixels, import_ndjson, import_csv):
        sent[send.__name__] = Sent(next(minutes))
        await send(ingest, sent[send.__name__])
    sent["other producers"] = Sent(next(minutes))
    produced = sent["other producers"].events(EXTERNAL_IDS)
    await pipeline.produce_raw(*(json.dumps(event).encode() for event in produced))
    events = len(sent) * len(EXTERNAL_IDS) - 1
    async with pipeline.consumer():
        await pipeline.until_accounted(events)

    found = await stored(pipeline)
    everything = {(text, text) for text in EXTERNAL_IDS}
    missing = {path: found[each.instant] ^ everything for path, each in sent.items()}
    assert {path: texts for path, texts in missing.items() if texts} == {
        "import_csv": {("42", "42")}
    }
    assert await pipeline.stored() == events
    assert (await pipeline.totals())["dead_lettered"] == 0
    assert await pipeline.failed_checks() == []


async def test_external_ids_are_kept_by_replay_and_matched_exactly_by_retractions(
    pipeline: Pipeline, ingest: Ingest
) -> None:
    sent = Sent(3 * 24 * 60)
    events = list(sent.events(EXTERNAL_IDS))
    await pipeline.produce_raw(*(json.dumps(event).encode() for event in events))
    async with pipeline.consumer(retention_days=1):
        await pipeline.until_accounted(len(events))
    assert await pipeline.stored() == 0
    replayer = Replayer(pipeline.connection, Window(timedelta(days=400), timedelta(minutes=5)), "a")
    for row in await pipeline.connection.fetch("SELECT dead_letter_id FROM dead_letters"):
        assert (await replayer.replay(row[0], is_dry_run=False)).outcome == "stored"
    replayed = await stored(pipeline)

    retractions = [
        {name: event[name] for name in event if name not in ("type", "user")} for event in events
    ]
    await accept(ingest, "/events/retractions", retractions[::2], JSON)
    async with pipeline.consumer():
        await pipeline.until_accounted(len(events) + len(retractions[::2]))
    left = await stored(pipeline)

    assert replayed == {sent.instant: {(text, text) for text in EXTERNAL_IDS}}
    assert left == {sent.instant: {(text, text) for text in EXTERNAL_IDS[1::2]}}


async def test_invalid_external_ids_are_rejected_on_every_path(ingest: Ingest) -> None:
    for text in NOT_EXTERNAL_IDS:
        [event] = Sent(1).events([text])
        good = event | {"post": "good", "user": None}
        for field in ("post", "user"):
            bad = good | {field: text}
            status, answer, _ = await ingest.post("/events", bad, JSON)
            assert (status, answer["code"]) == (422, f"invalid_{field}")
            for path, headers in (("/events/batch", JSON), ("/events/beacon", TEXT)):
                status, answer, _ = await ingest.post(path, [bad, good], headers)
                assert (status, answer["errors"][0]["error"]) == (207, f"invalid_{field}")
        target = URL(f"{ingest.url}/events/pixel.gif?{urlencode(event)}", encoded=True)
        async with ingest.session.get(target) as answer:
            assert (answer.status, (await answer.json())["code"]) == (422, "invalid_post")


async def test_export_and_erasure_find_a_user_in_every_json_notation(
    pipeline: Pipeline,
) -> None:
    events = [event | {"type": "stare"} for event in Sent(1).events(EXTERNAL_IDS)]
    escaped_slashes = [json.dumps(event).replace("/", "\\/") for event in events]
    plain = [json.dumps(event, ensure_ascii=False) for event in events]
    await pipeline.produce_raw(*(text.encode() for text in [*escaped_slashes, *plain]))
    async with pipeline.consumer():
        await pipeline.until_accounted(2 * len(events))
    url = pipeline.url

    wanted = [text for text in EXTERNAL_IDS if not text.isdigit()][::4]
    for text in wanted:
        found: list[Any] = []
        subject = Subject(external_id=text)
        await export(url, subject, requested_by="a test", write=found.append)
        letters = [json.loads(item["value"]) for item in found if item["kind"] == "dead_letter"]
        assert [letter["user"] for letter in letters] == [text, text]
        assert (await erase(url, subject, requested_by="a test", is_linked=False)).dead_letters == 2

    rows = await pipeline.connection.fetch("SELECT value, detail FROM dead_letters")
    left = [json.loads(row["value"]) for row in rows]
    assert sorted(letter["post"] for letter in left) == sorted(EXTERNAL_IDS * 2)
    for letter in left:
        assert letter["user"] == (None if letter["post"] in wanted else letter["post"])
    assert REDACTED_DETAIL not in {row["detail"] for row in rows}
