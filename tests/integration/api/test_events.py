"""The state of an event, by its ID."""

import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from consumer.rows import instant, microseconds
from sql import load
from tests.integration.api.conftest import Api, row


def path(event_id: uuid.UUID, engaged: datetime | None = None) -> str:
    query = "" if engaged is None else f"?engaged_timestamp={quote(engaged.isoformat())}"
    return f"/events/{event_id}{query}"


async def test_event_is_found_by_id_and_timestamp(api: Api) -> None:
    stored = row(7, "like", days_ago=3)
    event_id, engaged = UUID(bytes=stored[1]), instant(stored[0])
    await api.store([stored])
    found = await api.json(path(event_id, engaged))

    assert (found["state"], found["post_id"], found["type"]) == ("stored", 7, "like")
    assert datetime.fromisoformat(found["engaged_timestamp"]) == engaged
    other = await api.json(path(event_id, engaged + timedelta(microseconds=1)))
    assert other["state"] == "not_seen"


async def test_event_with_a_version_7_id_is_found_without_a_timestamp(api: Api) -> None:
    engaged, event_id = microseconds(datetime.now(UTC)), uuid7()
    await api.store([(engaged, event_id.bytes, 7, None, "view", engaged)])

    assert (await api.json(path(event_id)))["state"] == "stored"
    assert (await api.json(path(uuid7())))["state"] == "not_seen"


async def test_event_with_another_id_needs_the_timestamp(api: Api) -> None:
    answer = await api.get(path(uuid.uuid4()))
    assert answer.status == 422
    assert (await answer.json())["code"] == "timestamp_required"


async def test_event_is_reported_as_retracted(api: Api) -> None:
    stored = row(7)
    event_id, engaged = UUID(bytes=stored[1]), instant(stored[0])
    await api.store([stored])
    identities = {"engaged_timestamps": [engaged], "event_ids": [event_id], "post_ids": [7]}
    await load("apply_retractions").fetch(api.connection, **identities, received=[engaged])

    assert (await api.json(path(event_id, engaged)))["state"] == "retracted"


async def test_dead_letter_is_found_by_its_event_id(api: Api) -> None:
    event_id = uuid.uuid4()
    await api.connection.execute(
        'INSERT INTO dead_letters (topic, partition, "offset", reason, detail, record_timestamp,'
        " event_id) VALUES ('t', 1, 5, 'invalid_type', 'type: ...', now(), $1)",
        event_id,
    )
    found = await api.json(path(event_id, datetime.now(UTC)))

    assert found["state"] == "dead_lettered"
    assert (found["reason"], found["partition"], found["offset"]) == ("invalid_type", 1, 5)
    assert found["dead_letter_id"] == 1


@pytest.mark.parametrize(
    "wrong",
    ["/events/42", f"/events/{uuid.UUID(int=1)}?engaged_timestamp=2026-01-01T00:00:00",
     f"/events/{uuid.UUID(int=1)}?colour=red",
     f"/events/{uuid.UUID(int=1)}?engaged_timestamp=9999-12-31T23:59:59-14:00",
     f"/events/{uuid.UUID(int=1)}?engaged_timestamp=0001-01-01T00:00:00%2B14:00",
     f"/events/{uuid.UUID(int=(2**128 - 1) & ~(0xF << 76) | 0x7 << 76)}"],
)  # fmt: skip
async def test_invalid_event_id_or_timestamp_is_rejected(api: Api, wrong: str) -> None:
    assert (await api.get(wrong)).status == 422
