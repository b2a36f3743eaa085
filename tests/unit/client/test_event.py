"""The event as the client stamps it."""

import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from engagement_client import Event, Retraction, from_json
from engagement_client.event import mint
from ingest_service import retractions
from ingest_service.intake import Clerk
from schema.admission import Window
from schema.wire import decode_draft

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
V7 = uuid.UUID("0198f3a0-0000-7000-8000-000000000001")


def test_an_event_is_stamped_with_a_version_7_id_that_tells_its_time() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    event = Event.stamp("like", {"post_id": 42})
    after = datetime.now(UTC)

    assert (event.event_id.version, event.event_id.variant) == (7, uuid.RFC_4122)
    assert before <= event.engaged_timestamp <= after
    milliseconds = (event.engaged_timestamp - EPOCH) // timedelta(milliseconds=1)
    assert event.event_id.int >> 80 == milliseconds
    assert event.engaged_timestamp.microsecond % 1000 == 0


def test_no_two_minted_ids_are_the_same() -> None:
    assert len({mint() for _ in range(1_000)}) == 1_000


def test_the_service_reads_what_is_written() -> None:
    event = Event.stamp("share", {"post_id": 2**63 - 1, "user_id": 1})
    draft = decode_draft(event.to_json().encode())

    assert (draft.event_id, draft.engaged_timestamp) == (event.event_id, event.engaged_timestamp)
    assert (draft.post_id, draft.user_id, draft.type) == (2**63 - 1, 1, "share")


def test_ids_of_ones_own_system_are_sent_as_text() -> None:
    written = json.loads(Event.stamp("view", {"post": "été-42", "user": "u/7"}).to_json())

    assert (written["post"], written["user"]) == ("été-42", "u/7")
    assert not {"post_id", "user_id"} & written.keys()


def test_an_event_that_was_kept_is_read_back_with_its_identity() -> None:
    at = datetime(2026, 1, 31, 9, 30, 0, 123456, timezone(timedelta(hours=2)))
    event = Event.stamp("comment", {"post": "a", "user_id": 7, "at": at})

    assert Event.from_json(event.to_json()) == event


@pytest.mark.parametrize("text", ["[]", "{}", '{"event_id":"x"}', "{", '{"a":1}'])
def test_what_is_no_kept_event_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Event.from_json(text)


def test_an_id_of_version_7_brings_its_time_as_the_service_takes_it() -> None:
    event = Event.stamp("view", {"post_id": 1, "event_id": str(V7)})

    assert event.event_id == V7
    assert event.engaged_timestamp == datetime.fromtimestamp((V7.int >> 80) / 1000, UTC)


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
def test_what_the_service_would_refuse_is_refused_at_once(
    kind: Any, details: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Event.stamp(kind, details)


def test_the_longest_ids_stay_within_what_the_service_takes_as_one_event() -> None:
    worst = chr(0x1F600) * 200
    event = Event.stamp("comment", {"post": worst, "user": worst})

    assert len(event.to_json()) < 64 * 1024


@pytest.mark.parametrize("at", [None, datetime(2026, 1, 31, 9, 30, 0, 123456, UTC)])
def test_a_retraction_names_the_event_as_it_was_tracked(at: datetime | None) -> None:
    given = {} if at is None else {"at": at}
    event = Event.stamp("like", {"post": "slug", "user_id": 7, **given})  # type: ignore[typeddict-item]
    taken_back = Retraction.of(event.event_id, {"post": "slug", **given})  # type: ignore[typeddict-item]
    clerk = Clerk(event.engaged_timestamp, Window(timedelta(days=1), timedelta(days=1)))
    [admitted] = retractions.read(f"[{taken_back.to_json()}]".encode(), clerk).records

    assert admitted.event_id == event.event_id
    assert admitted.engaged_timestamp == event.engaged_timestamp
    assert admitted.post == "slug"


def test_a_retraction_needs_the_time_where_the_id_carries_none() -> None:
    with pytest.raises(ValueError, match="at: required"):
        Retraction.of(uuid.uuid4(), {"post_id": 1})


def test_what_was_kept_is_read_back_as_what_it_was() -> None:
    event = Event.stamp("like", {"post_id": 1})
    taken_back = Retraction.of(event.event_id, {"post_id": 1})

    assert from_json(event.to_json()) == event
    assert from_json(taken_back.to_json()) == taken_back
