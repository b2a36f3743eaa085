"""A dry run decides like the service, and reports all errors."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_service import cloudevents
from ingest_service.dry_run import dry_run, event_errors, is_requested
from ingest_service.parse import EventParser
from ingest_service.replies import MAX_DETAILS, DryRunReply
from schema.errors import InvalidEvent
from schema.event import Record
from schema.uuid7 import uuid7_of
from tests.factories import NOW, WINDOW
from web.problems import Problem

NEW_ID = uuid7_of(int(NOW.timestamp()) * 1000, 1)
PARSER = EventParser(NOW, WINDOW, new_id=lambda _: NEW_ID)
ENVELOPED = replace(PARSER, event_json=lambda raw: cloudevents.read_structured(raw).event_json())
NIL = "00000000-0000-0000-0000-000000000000"
VERSION_4 = "e7c1745c-cd4a-4c19-87e4-45face935938"

values: Any = st.sampled_from(
    [
        None, True, 0, 1, 1.0, 2**63 - 1, 2**63, 2**70, "", "1", "view", "\ud800", [], {},
        VERSION_4, str(NEW_ID), NIL, "ffffffff-ffff-7000-8000-000000000000", "{" + NIL + "}",
        "2026-03-10T12:00:00Z", "2026-03-10T12:00:00.1234567+00:00", "2026-03-10T12:00:00+0000",
        "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "2026-03-10", "0001-01-01T00:00:00+14:00",
    ]
)  # fmt: skip
fields = st.dictionaries(
    st.sampled_from(
        ["post_id", "post", "type", "event_id", "user_id", "user", "engaged_timestamp", "extra"]
    ),
    values,
)
events = fields | fields.map(lambda changed: {"post_id": 1, "type": "view"} | changed) | values
ENVELOPE = {
    "specversion": "1.0", "id": VERSION_4, "source": "/a", "type": "a.view",
    "time": "2026-03-10T12:00:00Z", "data": {"post_id": 1},
}  # fmt: skip
envelopes = st.dictionaries(
    st.sampled_from([*ENVELOPE, "subject", "data_base64", "x"]), values | fields
).map(lambda changed: ENVELOPE | changed)


def rejection(parser: EventParser, raw: bytes) -> InvalidEvent | None:
    try:
        parser.parse_one(raw)
    except InvalidEvent as error:
        return error
    return None


def run(*events: Any) -> DryRunReply:
    return dry_run([json.dumps(event).encode() for event in events], PARSER, None)


def run_enveloped(envelope: Any) -> DryRunReply:
    raw = json.dumps(envelope).encode()
    return dry_run([raw], ENVELOPED, None, cloudevents.read_structured)


@given(events)
def test_dry_run_decides_like_the_service(event: Any) -> None:
    error, found = rejection(PARSER, json.dumps(event).encode()), run(event)

    assert (found.would_accept == 1) == (error is None) == (found.errors == [])
    assert error is None or error.code in {each.error for each in found.errors}


@given(envelopes)
def test_dry_run_decides_like_the_service_for_cloudevents(envelope: Any) -> None:
    error, found = rejection(ENVELOPED, json.dumps(envelope).encode()), run_enveloped(envelope)

    assert (found.would_accept == 1) == (error is None) == (found.errors == [])
    assert error is None or error.code in {each.error for each in found.errors}


@given(fields.filter(lambda event: "\ud800" not in event.values()))
def test_published_model_finds_the_error_of_the_service(event: dict[str, Any]) -> None:
    raw = json.dumps(event).encode()
    error = rejection(PARSER, raw)
    codes = {each.code for each in event_errors(raw, PARSER)}

    assert (error is None) == (codes == set())
    assert error is None or error.code in codes


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"type": "seen", "user_id": 0, "event_id": NIL, "x": 1, "y": 2}
            | {"engaged_timestamp": "2020-01-01T00:00:00Z"},
            {
                (None, "unknown_field"),
                ("engaged_timestamp", "timestamp_too_old"),
                ("event_id", "invalid_event_id"),
                ("post_id", "missing_field"),
                ("type", "invalid_type"),
                ("user_id", "invalid_user_id"),
            },
        ),
        (
            {"type": "x", "post_id": 1, "post": "a", "user_id": 0, "user": "b"},
            {
                ("type", "invalid_type"),
                ("user_id", "invalid_user_id"),
                ("post", "ambiguous_post"),
                ("user", "ambiguous_user"),
            },
        ),
    ],
)
def test_all_errors_of_an_event_are_reported_once(event: Any, expected: set[Any]) -> None:
    found = [(error.field, error.error) for error in run(event).errors]

    assert (set(found), len(found)) == (expected, len(expected))


def test_all_errors_of_a_cloudevent_are_reported_once() -> None:
    envelope = {"specversion": "2", "id": "1", "source": "/a", "type": "x.seen"}
    found = run_enveloped(envelope | {"data": {"user_id": 0}})

    assert [(error.field, error.error) for error in found.errors] == [
        ("specversion", "invalid_cloudevent"),
        ("time", "timestamp_required"),
        ("type", "invalid_type"),
        ("subject", "missing_field"),
        ("user_id", "invalid_user_id"),
    ]


def test_events_are_parallel_to_the_request() -> None:
    found = run({"post_id": 1}, {"post_id": 1, "type": "like"}, 7)

    assert (found.received, found.would_accept, found.would_reject) == (3, 1, 2)
    assert found.events == [None, Record(NEW_ID, "like", NOW, 1, None, NOW), None]
    assert [(error.index, error.error) for error in found.errors] == [
        (0, "missing_field"),
        (2, "not_an_object"),
    ]


def test_repeated_name_is_rejected_as_by_the_service() -> None:
    found = dry_run([b'{"post_id":0,"post_id":1,"type":"view"}'], PARSER, None)

    assert [(error.field, error.error) for error in found.errors] == [(None, "invalid_post_id")]


def test_error_of_deriving_the_identity_is_reported() -> None:
    def reject(_: Record) -> Record:
        raise InvalidEvent("timestamp_too_old", "the window")

    found = dry_run([b'{"post_id":1,"type":"view"}'], PARSER, reject)

    assert found.events == [None]
    assert [error.error for error in found.errors] == ["timestamp_too_old"]


def test_details_are_empty_after_the_maximum() -> None:
    found = run(*[{"post_id": 1}] * (MAX_DETAILS + 1))

    assert [error.detail for error in found.errors[-2:]] == ["type: required", ""]


def test_dry_run_is_requested_by_1() -> None:
    assert is_requested({"dry_run": ["1"]})
    assert not is_requested({"dry_run": ["0"]})
    assert not is_requested({})


@pytest.mark.parametrize("given_values", [[""], ["yes"], ["1", "1"]])
def test_dry_run_is_rejected_when_it_is_ambiguous(given_values: list[str]) -> None:
    with pytest.raises(Problem) as caught:
        is_requested({"dry_run": given_values})

    assert (caught.value.status, caught.value.code) == (422, "invalid_dry_run")
