"""Events of the client, as the service reads them."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from engagement_client import Event, Retraction, from_json
from engagement_client.event import new_event_id
from schema.uuid7 import time_of
from schema.wire import decode_draft

LONGEST = chr(0x1F600) * 200
V7 = uuid.UUID("0198f3a0-0000-7000-8000-000000000001")


def test_event_has_a_new_version_7_id_with_its_time() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    event = Event.stamp("like", {"post_id": 42})
    after = datetime.now(UTC)

    assert (event.event_id.version, event.event_id.variant) == (7, uuid.RFC_4122)
    assert before <= event.engaged_timestamp <= after
    assert time_of(event.event_id) == event.engaged_timestamp
    assert len({new_event_id() for _ in range(1_000)}) == 1_000


def test_time_of_an_event_is_that_in_its_version_7_id() -> None:
    event = Event.stamp("view", {"post_id": 1, "event_id": str(V7)})

    assert (event.event_id, event.engaged_timestamp) == (V7, time_of(V7))


@pytest.mark.parametrize(
    "details",
    [{"post_id": 2**63 - 1, "user_id": 1}, {"post": "été-42", "user": "u/7"}, {"post": LONGEST}],
)
def test_service_parses_encoded_events(details: Any) -> None:
    event = Event.stamp("share", details)
    draft = decode_draft(event.to_json().encode())

    assert (draft.event_id, draft.engaged_timestamp) == (event.event_id, event.engaged_timestamp)
    assert draft.type == "share"
    assert {name: getattr(draft, name) for name in details} == details


def test_longest_ids_are_within_the_limit_of_an_event() -> None:
    event = Event.stamp("comment", {"post": LONGEST, "user": LONGEST})

    assert len(event.to_json()) < 64 * 1024


def test_events_and_retractions_are_decoded_unchanged() -> None:
    at = datetime(2026, 1, 31, 9, 30, 0, 123456, timezone(timedelta(hours=2)))
    event = Event.stamp("comment", {"post": "a", "user_id": 7, "at": at})
    retraction = Retraction.of(event.event_id, {"post": "a", "at": at})

    assert Event.from_json(event.to_json()) == from_json(event.to_json()) == event
    assert from_json(retraction.to_json()) == retraction


@pytest.mark.parametrize("text", ["[]", "{}", '{"event_id":"x"}', "{", '{"a":1}'])
def test_from_json_rejects_invalid_text(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Event.from_json(text)


@pytest.mark.parametrize(
    ("kind", "details", "message"),
    [
        ("click", {"post_id": 1}, "type"),
        ("view", {}, "exactly one of post_id and post"),
        ("view", {"post_id": 1, "post": "a"}, "exactly one of post_id and post"),
        ("view", {"post_id": 1, "user_id": 1, "user": "a"}, "at most one of user_id"),
        ("view", {"post_id": 0}, "post_id"),
        ("view", {"post_id": 2**63}, "post_id"),
        ("view", {"post_id": True}, "post_id"),
        ("view", {"post_id": "42"}, "post_id"),
        ("view", {"post_id": 1, "user_id": -1}, "user_id"),
        ("view", {"post": ""}, "post"),
        ("view", {"post": "a\0b"}, "post"),
        ("view", {"post": "\ud800"}, "surrogates"),
        ("view", {"post": "a" * 201}, "200"),
        ("view", {"post_id": 1, "at": datetime(2026, 1, 1)}, "aware"),  # noqa: DTZ001
        ("view", {"post_id": 1, "event_id": uuid.UUID(int=0)}, "at: required"),
        ("view", {"post_id": 1, "event_id": uuid.UUID(int=0), "at": datetime.now(UTC)}, "nil"),
        ("view", {"post_id": 1, "event_id": uuid.uuid4()}, "at: required"),
        ("view", {"post_id": 1, "event_id": "42"}, "badly formed"),
    ],
)
def test_invalid_event_is_rejected_when_tracked(kind: Any, details: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Event.stamp(kind, details)


def test_retraction_needs_a_time_when_the_id_has_none() -> None:
    with pytest.raises(ValueError, match="at: required"):
        Retraction.of(uuid.uuid4(), {"post_id": 1})
