"""A dry run says what the service would do, and everything that is wrong."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_service import cloudevents
from ingest_service.dry_run import Preview, event_faults, is_asked, rehearse
from ingest_service.intake import Clerk
from schema.admission import Window
from schema.errors import InvalidEvent
from schema.event import Record
from schema.http.problems import Problem

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
WINDOW = Window(past=timedelta(days=400), future=timedelta(seconds=300))
MINTED = UUID(int=(int(NOW.timestamp()) * 1000 << 80) | (7 << 76) | (2 << 62) | 1)
CLERK = Clerk(NOW, WINDOW, mint=lambda _: MINTED)
ENVELOPED = replace(CLERK, event_json=lambda raw: cloudevents.structured(raw).event_json())
NIL = "00000000-0000-0000-0000-000000000000"
VERSION_4 = "e7c1745c-cd4a-4c19-87e4-45face935938"

values: Any = st.sampled_from(
    [
        *(None, True, 0, 1, 1.0, 2**63 - 1, 2**63, 2**70, "", "1", "view", "\ud800", [], {}),
        *(VERSION_4, str(MINTED), NIL, "ffffffff-ffff-7000-8000-000000000000", "{" + NIL + "}"),
        *("2026-03-10T12:00:00Z", "2026-03-10T12:00:00.1234567+00:00", "2026-03-10T12:00:00+0000"),
        *(
            "2020-01-01T00:00:00Z",
            "2030-01-01T00:00:00Z",
            "2026-03-10",
            "0001-01-01T00:00:00+14:00",
        ),
    ]
)
fields = st.dictionaries(
    st.sampled_from(
        ["post_id", "post", "type", "event_id", "user_id", "user", "engaged_timestamp", "extra"]
    ),
    values,
)
events = st.one_of(
    fields, fields.map(lambda given_fields: {"post_id": 1, "type": "view"} | given_fields), values
)
envelopes = st.dictionaries(
    st.sampled_from(
        ["specversion", "id", "source", "type", "time", "subject", "data", "data_base64", "x"]
    ),
    st.one_of(values, fields),
).map(
    lambda changed: (
        {"specversion": "1.0", "id": VERSION_4, "source": "/a", "type": "a.view"}
        | {"time": "2026-03-10T12:00:00Z", "data": {"post_id": 1}}
        | changed
    )
)


def as_it_is(record: Record) -> Record:
    return record


def refusal(clerk: Clerk, raw: bytes) -> InvalidEvent | None:
    try:
        clerk.one(raw)
    except InvalidEvent as error:
        return error
    return None


def preview(*sent: Any) -> Preview:
    return rehearse([json.dumps(event).encode() for event in sent], CLERK, as_it_is)


@given(events)
def test_it_accepts_what_the_service_accepts_and_knows_its_error(event: Any) -> None:
    raw = json.dumps(event).encode()
    real, found = refusal(CLERK, raw), rehearse([raw], CLERK, as_it_is)

    assert (found.would_accept == 1) == (real is None) == (found.errors == [])
    assert real is None or real.code in {fault.error for fault in found.errors}


@given(fields.filter(lambda event: "\ud800" not in event.values()))
def test_the_model_finds_the_services_error_by_itself(event: dict[str, Any]) -> None:
    raw = json.dumps(event).encode()
    real = refusal(CLERK, raw)
    codes = {fault.code for fault in event_faults(raw, CLERK)}

    if real is None:
        assert codes == set()
    else:
        assert real.code in codes


@given(envelopes)
def test_it_knows_the_services_error_of_a_cloudevent(envelope: dict[str, Any]) -> None:
    raw = json.dumps(envelope).encode()
    real = refusal(ENVELOPED, raw)
    found = rehearse([raw], ENVELOPED, as_it_is, cloudevents.structured)

    assert (found.would_accept == 1) == (real is None) == (found.errors == [])
    assert real is None or real.code in {fault.error for fault in found.errors}


def test_all_faults_of_an_event_are_told() -> None:
    event = {"type": "seen", "user_id": 0, "event_id": NIL, "x": 1, "y": 2}
    found = preview(event | {"engaged_timestamp": "2020-01-01T00:00:00Z"})

    assert sorted((f.field or "", f.error) for f in found.errors) == [
        ("", "unknown_field"),
        ("engaged_timestamp", "timestamp_too_old"),
        ("event_id", "invalid_event_id"),
        ("post_id", "missing_field"),
        ("type", "invalid_type"),
        ("user_id", "invalid_user_id"),
    ]


def test_names_that_contradict_each_other_are_all_told() -> None:
    found = preview({"type": "x", "post_id": 1, "post": "a", "user_id": 0, "user": "b"})

    assert {(f.field, f.error) for f in found.errors} == {
        ("type", "invalid_type"),
        ("user_id", "invalid_user_id"),
        ("post", "ambiguous_post"),
        ("user", "ambiguous_user"),
    }


def test_all_faults_of_a_cloudevent_are_told_once() -> None:
    envelope = {"specversion": "2", "id": "1", "source": "/a", "type": "x.seen"}
    raw = json.dumps(envelope | {"data": {"user_id": 0}}).encode()
    found = rehearse([raw], ENVELOPED, as_it_is, cloudevents.structured)

    assert [(f.field, f.error) for f in found.errors] == [
        ("specversion", "invalid_cloudevent"),
        ("time", "timestamp_required"),
        ("type", "invalid_type"),
        ("subject", "missing_field"),
        ("user_id", "invalid_user_id"),
    ]


def test_events_run_along_with_the_input_as_they_would_be_stored() -> None:
    found = preview({"post_id": 1}, {"post_id": 1, "type": "like"}, 7)

    assert (found.received, found.would_accept, found.would_reject) == (3, 1, 2)
    assert found.events == [None, Record(MINTED, "like", NOW, 1, None, NOW), None]
    assert [(f.index, f.error) for f in found.errors] == [
        (0, "missing_field"),
        (2, "not_an_object"),
    ]


def test_a_name_given_twice_is_refused_as_the_service_does() -> None:
    raw = b'{"post_id":0,"post_id":1,"type":"view"}'
    found = rehearse([raw], CLERK, as_it_is)

    assert [(f.field, f.error) for f in found.errors] == [(None, "invalid_post_id")]


def test_what_would_change_an_event_is_heeded() -> None:
    def refuse(_: Record) -> Record:
        raise InvalidEvent("timestamp_too_old", "the window")

    raw = json.dumps({"post_id": 1, "type": "view"}).encode()
    found = rehearse([raw], CLERK, refuse)

    assert (found.events, [f.error for f in found.errors]) == ([None], ["timestamp_too_old"])


def test_beyond_500_errors_only_codes_are_told() -> None:
    found = preview(*[{"post_id": 1}] * 501)

    assert (found.errors[499].detail, found.errors[500].detail) == ("type: required", "")


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        (b"", False),
        (b"dry_run=1", True),
        (b"a=b&dry_run=1", True),
        (b"dry_run=0", False),
        (b"xdry_run=1", False),
        (b"a=%ff&dry_run=1", True),
        (b"dry_run%ff=1", False),
    ],
)
def test_the_query_asks_for_it(query: bytes, asked: bool) -> None:
    assert is_asked(query) is asked


@pytest.mark.parametrize("query", [b"dry_run", b"dry_run=yes", b"dry_run=1&dry_run=1"])
def test_an_unclear_question_is_refused_rather_than_stored(query: bytes) -> None:
    with pytest.raises(Problem) as caught:
        is_asked(query)

    assert (caught.value.status, caught.value.code) == (422, "invalid_dry_run")
