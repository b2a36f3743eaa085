"""The pixel's query becomes an event that is judged like any other."""

import json

import pytest

from ingest_service.pixel import GIF, event_json
from schema.errors import InvalidEvent
from schema.http.problems import Problem
from schema.wire import decode_draft


def test_the_query_is_the_event_without_the_key() -> None:
    event = b"post_id=42&type=view&user_id=7&engaged_timestamp=2026-01-01T00:00:00%2B01:00"
    query = b"key=eng_x&once=view:1m&" + event

    assert json.loads(event_json(query)) == {
        "post_id": 42,
        "type": "view",
        "user_id": 7,
        "engaged_timestamp": "2026-01-01T00:00:00+01:00",
    }


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (b"", "missing_field"),
        (b"post_id=x&type=view", "invalid_post_id"),
        (b"post_id=-1&type=view", "invalid_post_id"),
        (b"post_id=&type=view", "invalid_post_id"),
        (b"post_id=9999999999999999999&type=view", "invalid_post_id"),
        (b"post_id=" + b"9" * 5000 + b"&type=view", "invalid_post_id"),
        (b"post_id=1&type=zzz", "invalid_type"),
        (b"post_id=1&type=view&utm=1", "unknown_field"),
    ],
)
def test_a_bad_query_has_the_events_codes(query: bytes, code: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        decode_draft(event_json(query))

    assert caught.value.code == code


@pytest.mark.parametrize("query", [b"post_id=1&post_id=2&type=view", b"type=%ff", b"type=\xff"])
def test_a_query_that_cannot_be_read_is_refused(query: bytes) -> None:
    with pytest.raises(Problem) as caught:
        event_json(query)

    assert (caught.value.status, caught.value.code) == (400, "malformed_query")


def test_the_picture_is_one_transparent_pixel() -> None:
    assert GIF[:10] == b"GIF89a\x01\x00\x01\x00"
    assert GIF[-1:] == b";"
    assert len(GIF) == 43
