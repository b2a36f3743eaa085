"""The rules for an event's ID and time."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from schema.errors import InvalidEvent
from schema.event import Draft
from schema.uuid7 import uuid7_of
from schema.validation import complete
from tests.factories import NOW, WINDOW

NEW_ID = uuid7_of(int(NOW.timestamp()) * 1000, 5)


def completed(**fields: Any) -> Any:
    draft = Draft(**({"post_id": 1, "type": "view"} | fields))
    return complete(draft, NOW, WINDOW, lambda _: NEW_ID)


def test_event_without_id_and_time_gets_both() -> None:
    record = completed()

    assert (record.event_id, record.engaged_timestamp) == (NEW_ID, NOW)


def test_time_is_that_of_a_version_7_id_when_it_is_absent() -> None:
    event_id = uuid7_of(int(NOW.timestamp() * 1000) - 1234, 99)

    assert completed(event_id=event_id).engaged_timestamp == NOW - timedelta(milliseconds=1234)


@pytest.mark.parametrize(
    ("event_id", "age", "code"),
    [
        pytest.param(uuid.UUID(int=4 << 76), None, "timestamp_required", id="version 4"),
        pytest.param(uuid.UUID(int=0), 0, "invalid_event_id", id="nil"),
        pytest.param(uuid.UUID(int=2**128 - 1), 0, "invalid_event_id", id="max"),
        pytest.param(None, -301, "timestamp_in_future", id="future"),
        pytest.param(None, 400 * 86_400 + 1, "timestamp_too_old", id="past"),
        pytest.param(
            uuid.UUID("ffffffff-ffff-7000-8000-000000000000"),
            None,
            "timestamp_in_future",
            id="version 7 of the year 10889",
        ),
    ],
)
def test_event_is_rejected(event_id: uuid.UUID | None, age: int | None, code: str) -> None:
    time = None if age is None else NOW - timedelta(seconds=age)
    with pytest.raises(InvalidEvent) as caught:
        completed(event_id=event_id, engaged_timestamp=time)

    assert caught.value.code == code
