"""Finding what a key sent, and retracting it, on a real topic."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from engage.commands.events import Sender, count_events, retract_events
from engage.settings import ClientSettings
from engage.target import Target
from runtime.progress import silent
from tests.conftest import Kafka
from tests.ingesting import Ingest, event, ingesting
from tests.serving import client, new_key
from web.auth import Scope

EVENTS = 1_203


@pytest.fixture
async def ingest(kafka: Kafka, topic: str, tmp_path: Path) -> AsyncIterator[Ingest]:
    keys = tmp_path / "keys.json"
    (tmp_path / "leaked").write_text(new_key(keys, Scope.INGEST), encoding="utf-8")
    async with ingesting(kafka, topic, keys) as running:
        yield running


@pytest.fixture
def system(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> Target:
    for name, text in (
        ("KAFKA_BOOTSTRAP_SERVERS", ingest.kafka.bootstrap_servers),
        ("TOPIC", ingest.topic),
        ("INGEST_URL", ingest.url),
        ("INGEST_KEY", ingest.key),
    ):
        monkeypatch.setenv(f"ENGAGE_{name}", text)
    return Target(ingest.keys.parent, None, ClientSettings.load())


def leaked_key(ingest: Ingest) -> str:
    return (ingest.keys.parent / "leaked").read_text(encoding="utf-8")


def sender(ingest: Ingest, start: datetime, end: datetime) -> Sender:
    return Sender(leaked_key(ingest).split("_")[2], start, end)


async def send_leaked(ingest: Ingest, events: list[dict[str, Any]]) -> None:
    async with client(ingest.url, leaked_key(ingest)) as session:
        for start in range(0, len(events), 1_000):
            async with session.post("/events/batch", json=events[start : start + 1_000]) as answer:
                assert answer.status == 202


async def retracted(ingest: Ingest) -> list[Any]:
    values = [json.loads(record.value) for record in await ingest.records()]
    return [value for value in values if "retracted_event_id" in value]


async def test_events_of_one_key_and_period_are_retracted_and_no_other(
    ingest: Ingest, system: Target
) -> None:
    before = event()
    await send_leaked(ingest, [before])
    start = datetime.now(UTC)
    sent = [event(post_id=1 + number % 50) for number in range(EVENTS - 3)]
    sent += [event(type="like", post="a/slug", user="u")]
    sent[-1].pop("post_id")
    old = (start - timedelta(days=390)).isoformat()
    sent += [event(engaged_timestamp=old), event(engaged_timestamp="2026-01-01T00:00:00.5+02:00")]
    await send_leaked(ingest, sent)
    assert (await ingest.post("/events", event()))[0] == 202
    end = datetime.now(UTC)
    await send_leaked(ingest, [event()])
    whose = sender(ingest, start, end)
    found = await count_events(system, whose, silent)
    assert (found.events, found.retracted, found.log_begins) == (EVENTS, 0, None)
    assert await retracted(ingest) == []

    found = await retract_events(system, whose, silent)
    assert (found.events, found.retracted, dict(found.refused)) == (EVENTS, EVENTS, {})
    named = await retracted(ingest)
    assert {each["retracted_event_id"] for each in named} == {each["event_id"] for each in sent}
    assert len(named) == EVENTS
    by_id = {each["retracted_event_id"]: each for each in named}
    for each in sent:
        retraction = by_id[each["event_id"]]
        assert retraction.get("post", retraction.get("post_id")) == each.get(
            "post", each.get("post_id")
        )
        moment = datetime.fromisoformat(retraction["engaged_timestamp"])
        assert moment == datetime.fromisoformat(each["engaged_timestamp"])


async def test_retractions_that_the_key_sent_itself_are_left_alone(
    ingest: Ingest, system: Target
) -> None:
    start = datetime.now(UTC)
    sent = event()
    await send_leaked(ingest, [sent])
    named = {name: sent[name] for name in ("event_id", "engaged_timestamp", "post_id")}
    async with (
        client(ingest.url, leaked_key(ingest)) as session,
        session.post("/events/retractions", json=[named]) as answer,
    ):
        assert answer.status == 202
    whose = sender(ingest, start, datetime.now(UTC) + timedelta(hours=1))

    assert (await count_events(system, whose, silent)).events == 1


async def test_period_that_the_topic_no_longer_has_is_reported(
    ingest: Ingest, system: Target
) -> None:
    start = datetime.now(UTC)
    await send_leaked(ingest, [event(post_id=1)])
    [first] = await ingest.records()
    admin = AIOKafkaAdminClient(bootstrap_servers=ingest.kafka.bootstrap_servers)
    await admin.start()
    try:
        place = TopicPartition(ingest.topic, first.partition)
        await admin.delete_records({place: RecordsToDelete(before_offset=1)})
    finally:
        await admin.close()
    await send_leaked(ingest, [event(post_id=1)])
    whose = sender(ingest, start, datetime.now(UTC) + timedelta(hours=1))
    async with asyncio.timeout(60):
        found = await count_events(system, whose, silent)

    assert found.events == 1
    assert found.log_begins is not None
    assert start < found.log_begins
