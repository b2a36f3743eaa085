"""The fast decoder and the published model agree, and nothing of the input is echoed."""

import json
import string
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schema.admission import Window, admit
from schema.errors import InvalidEvent
from schema.event import Draft
from schema.event_model import Event
from schema.wire import decode_draft, decode_record, encode

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
WINDOW = Window(past=timedelta(days=400), future=timedelta(seconds=300))
MINTED = uuid.UUID(int=(int(NOW.timestamp()) * 1000 << 80) | (7 << 76) | (2 << 62) | 5)

ids = st.one_of(
    st.integers(-2, 3),
    st.sampled_from([2**63 - 1, 2**63, True, 1.0, 1e300, "1", None, [], {}]),
)
types = st.sampled_from(
    ["view", "like", "comment", "share", "VIEW", " view", "", None, 1, "\ud800"]
)
times = st.one_of(
    st.sampled_from(
        [
            "2026-01-01T00:00:00Z",
            "2026-01-01t00:00:00z",
            "2026-01-01 00:00:00+05:30",
            "2026-01-01T00:00:00.1234567Z",
            "2026-01-01T00:00:00+0530",
            "2026-01-01T00:00:00",
            "2026-01-01",
            "2026-02-30T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "10000-01-01T00:00:00Z",
            "1735689600",
            "now",
            "",
            1735689600,
            True,
            None,
        ]
    ),
    st.datetimes(timezones=st.just(UTC)).map(lambda t: t.isoformat()),
)
event_ids = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda u: str(u).upper()),
    st.sampled_from(
        [
            "",
            "x",
            "{e7c1745c-cd4a-4c19-87e4-45face935938}",
            "urn:uuid:e7c1745c-cd4a-4c19-87e4-45face935938",
            "e7c1745ccd4a4c1987e445face935938",
            7,
            None,
        ]
    ),
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "post_id": ids,
        "user_id": ids,
        "type": types,
        "event_id": event_ids,
        "engaged_timestamp": times,
        "extra": st.just(1),
    },
)


def published_model_accepts(body: dict[str, Any]) -> bool:
    try:
        Event.model_validate_json(json.dumps(body))
    except ValidationError:
        return False
    return True


def fast_decoder_accepts(body: dict[str, Any]) -> bool:
    try:
        decode_draft(json.dumps(body).encode())
    except InvalidEvent:
        return False
    return True


@given(bodies)
def test_the_fast_decoder_accepts_what_the_published_model_accepts(body: dict[str, Any]) -> None:
    assert fast_decoder_accepts(body) == published_model_accepts(body)


@given(st.binary(max_size=60))
def test_no_bytes_make_the_decoder_raise_anything_else(raw: bytes) -> None:
    with pytest.raises(InvalidEvent):
        decode_draft(raw)


@given(st.text(string.ascii_letters + "<>'\"&", min_size=12, max_size=20))
def test_no_error_echoes_the_input(text: str) -> None:
    for body in ({text: 1}, {"post_id": text}, {"post_id": 1, "type": text}, text):
        with pytest.raises(InvalidEvent) as caught:
            decode_draft(json.dumps(body).encode())

        assert text not in str(caught.value)


@pytest.mark.parametrize(
    ("given_time", "kept"),
    [
        pytest.param("2026-03-10T00:00:00.1234569Z", (0, 0, 123456), id="cut, not rounded"),
        pytest.param("2026-03-10T23:59:59.9999999Z", (23, 59, 999999), id="stays in its day"),
        pytest.param("2026-03-10T05:30:00.5+05:30", (0, 0, 500000), id="kept as UTC"),
    ],
)
def test_times_are_cut_to_microseconds_in_utc(given_time: str, kept: tuple[int, int, int]) -> None:
    raw = json.dumps({"post_id": 1, "type": "view", "engaged_timestamp": given_time}).encode()
    time = decode_draft(raw).engaged_timestamp

    assert time is not None
    assert (time.hour, time.minute, time.microsecond) == kept


def admitted(**fields: Any) -> Any:
    draft = Draft(**({"post_id": 1, "type": "view"} | fields))
    return admit(draft, NOW, WINDOW, lambda _: MINTED)


def test_without_id_and_time_both_are_given_so_that_the_id_tells_the_time() -> None:
    record = admitted()

    assert (record.event_id, record.engaged_timestamp) == (MINTED, NOW)


def test_a_version_7_id_carries_the_time() -> None:
    milliseconds = int(NOW.timestamp() * 1000) - 1234
    event_id = uuid.UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62) | 99)

    assert admitted(event_id=event_id).engaged_timestamp == NOW - timedelta(milliseconds=1234)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"event_id": uuid.UUID(int=4 << 76)}, "timestamp_required", id="version 4"),
        pytest.param(
            {"event_id": uuid.UUID(int=0), "engaged_timestamp": NOW}, "invalid_event_id", id="nil"
        ),
        pytest.param(
            {"event_id": uuid.UUID(int=2**128 - 1), "engaged_timestamp": NOW},
            "invalid_event_id",
            id="max",
        ),
        pytest.param(
            {"engaged_timestamp": NOW + timedelta(seconds=301)}, "timestamp_in_future", id="future"
        ),
        pytest.param(
            {"engaged_timestamp": NOW - timedelta(days=400, seconds=1)},
            "timestamp_too_old",
            id="past",
        ),
        pytest.param(
            {"event_id": uuid.UUID("ffffffff-ffff-7000-8000-000000000000")},
            "timestamp_in_future",
            id="version 7 of the year 10889",
        ),
    ],
)
def test_refused(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        admitted(**fields)

    assert caught.value.code == code


def test_what_is_produced_is_what_the_consumer_reads() -> None:
    record = admitted(user_id=3)

    assert decode_record(encode(record)) == record
