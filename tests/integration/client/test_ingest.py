"""The client with the real ingest service and broker."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engagement_client import AsyncClient, Client, Event, Limits
from tests.conftest import Kafka
from tests.ingesting import Ingest, ingesting


@pytest.fixture
async def ingest(kafka: Kafka, topic: str, tmp_path: Path) -> AsyncIterator[Ingest]:
    async with ingesting(kafka, topic, tmp_path / "keys.json") as served:
        yield served


async def stored(ingest: Ingest) -> list[dict[str, object]]:
    return [json.loads(record.value) for record in await ingest.records()]


async def test_every_event_of_several_threads_and_types_arrives_once(ingest: Ingest) -> None:
    def work() -> dict[str, str]:
        with Client(ingest.url, ingest.key, limits=Limits(max_events=600)) as client:
            tracked = {}
            for n in range(1, 1_001):
                track = (client.view, client.like, client.comment, client.share)[n % 4]
                tracked[str(track(post_id=n, user_id=7))] = track.__name__
        assert client.counts.delivered == client.counts.tracked == 1_000
        return tracked

    workers = await asyncio.gather(*(asyncio.to_thread(work) for _ in range(2)))
    tracked = workers[0] | workers[1]
    found = await stored(ingest)

    assert len(found) == len(tracked) == 2_000
    assert {str(e["event_id"]): e["type"] for e in found} == tracked
    assert {e["user_id"] for e in found} == {7}


async def test_service_accepts_a_batch_of_maximum_size(ingest: Ingest) -> None:
    async with AsyncClient(ingest.url, ingest.key) as client:
        ids = [await client.view(post_id=2**63 - 1, user_id=2**63 - 1) for _ in range(1_000)]
        assert await client.flush()
        assert client.counts.delivered == 1_000

    assert [e["event_id"] for e in await stored(ingest)] == [str(i) for i in ids]


async def test_identity_and_time_are_those_that_were_given(ingest: Ingest) -> None:
    at = datetime.now(UTC) - timedelta(days=3)
    async with AsyncClient(ingest.url, ingest.key) as client:
        event_id = await client.share(post_id=42, at=at)
        await client.add(Event(event_id=event_id, type="share", engaged_timestamp=at, post_id=42))

    first, second = await stored(ingest)
    assert first["event_id"] == second["event_id"] == str(event_id)
    assert datetime.fromisoformat(str(first["engaged_timestamp"])) == at
    assert first["engaged_timestamp"] == second["engaged_timestamp"]


async def test_retraction_names_its_event(ingest: Ingest) -> None:
    at = datetime.now(UTC) - timedelta(days=3)
    async with AsyncClient(ingest.url, ingest.key) as client:
        first = await client.like(post="slug", user="u")
        await client.retract(first, post="slug")
        second = await client.like(post_id=42, at=at)
        await client.retract(second, post_id=42, at=at)
        assert await client.flush()
        assert (client.counts.tracked, client.counts.delivered) == (4, 4)

    found = await stored(ingest)
    retractions = {e["retracted_event_id"]: e for e in found if "retracted_event_id" in e}
    assert set(retractions) == {str(first), str(second)}
    for event in (e for e in found if "event_id" in e):
        named = retractions[event["event_id"]]
        for name in ("engaged_timestamp", "post_id", "post"):
            assert named.get(name) == event.get(name)


async def test_rejected_events_are_reported_one_by_one(ingest: Ingest) -> None:
    rejected = []

    def on_rejected(event: Event, error: str, detail: str) -> None:
        rejected.append((event.post_id, error, bool(detail)))

    async with AsyncClient(ingest.url, ingest.key, on_rejected=on_rejected) as client:
        await client.view(post_id=1)
        await client.view(post_id=2, at=datetime(2000, 1, 1, tzinfo=UTC))
        await client.view(post_id=3)
        assert await client.flush()
        counts = client.counts

    assert rejected == [(2, "timestamp_too_old", True)]
    assert (counts.delivered, counts.rejected) == (2, 1)
    assert [e["post_id"] for e in await stored(ingest)] in ([1, 3], [3, 1])
