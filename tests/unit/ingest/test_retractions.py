"""What a client names to take events back."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ingest_service.intake import Clerk
from ingest_service.retractions import as_sent, read
from schema.admission import Window
from schema.wire import decode_retraction, encode

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
CLERK = Clerk(NOW, Window(timedelta(days=400), timedelta(minutes=5)))
NAMED: dict[str, Any] = {
    "event_id": "e7c1745c-cd4a-4c19-87e4-45face935938",
    "engaged_timestamp": "2026-03-01T00:00:00+01:00",
    "post_id": 42,
}


def codes(body: Any) -> list[str]:
    return [error.code for _, error in read(json.dumps(body).encode(), CLERK).refused]


def test_one_and_several_are_read_alike() -> None:
    assert read(json.dumps(NAMED).encode(), CLERK).received == 1
    assert read(json.dumps([NAMED, NAMED]).encode(), CLERK).received == 2


def test_it_comes_back_from_kafka_as_it_was_meant() -> None:
    [record] = read(json.dumps(NAMED).encode(), CLERK).records
    found = decode_retraction(encode(as_sent(record)))

    assert found is not None
    assert (found.retracted_event_id, found.post_id) == (uuid.UUID(NAMED["event_id"]), 42)
    assert found.engaged_timestamp == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert found.received_timestamp == NOW


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"event_id": None}, "missing_field"),
        ({"event_id": "x"}, "invalid_event_id"),
        ({"engaged_timestamp": None}, "timestamp_required"),
        ({"engaged_timestamp": "2020-01-01T00:00:00Z"}, "timestamp_too_old"),
        ({"post_id": None}, "missing_field"),
        ({"post_id": 0}, "invalid_post_id"),
        ({"post": "slug"}, "ambiguous_post"),
        ({"type": "like"}, "unknown_field"),
    ],
)
def test_what_names_no_event_is_refused(changed: dict[str, Any], code: str) -> None:
    assert codes(NAMED | changed) == [code]


def test_each_of_several_is_judged_on_its_own() -> None:
    intake = read(json.dumps([NAMED, 7, NAMED]).encode(), CLERK)

    assert (len(intake.records), intake.indexes) == (2, [0, 2])
    assert [(index, error.code) for index, error in intake.refused] == [(1, "not_an_object")]
