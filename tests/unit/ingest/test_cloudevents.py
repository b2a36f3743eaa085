"""An envelope becomes the event it carries; what is wrong with it is told by code."""

import base64
import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_service.cloudevents import binary, derived_id, structured
from schema.errors import InvalidEvent
from schema.wire import decode_draft

VERSION_4 = "e7c1745c-cd4a-4c19-87e4-45face935938"
VERSION_7 = "019cd8a6-0000-7000-8000-000000000001"
TIME = "2026-03-10T12:00:00Z"
ENVELOPE = {
    "specversion": "1.0",
    "id": VERSION_4,
    "source": "/blog",
    "type": "com.example.post.like",
    "time": TIME,
    "data": {"post_id": 42, "user_id": 7},
}
EVENT = {
    "event_id": VERSION_4,
    "post_id": 42,
    "user_id": 7,
    "type": "like",
    "engaged_timestamp": TIME,
}


def read(**changed: Any) -> Any:
    return json.loads(structured(json.dumps(ENVELOPE | changed).encode()).event_json())


def refused(**changed: Any) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        decode_draft(json.dumps(read(**changed)).encode())
    return caught.value


def in_headers(body: bytes = b'{"post_id":42,"user_id":7}', **changed: Any) -> Any:
    attributes = {k: v for k, v in ENVELOPE.items() if k != "data"} | changed
    headers = [(f"ce-{k}".encode(), v.encode()) for k, v in attributes.items() if v is not None]
    found = binary([(b"host", b"x"), *headers])
    assert found is not None
    return json.loads(found(body).event_json())


def test_structured_and_binary_carry_the_same_event() -> None:
    assert read() == in_headers() == EVENT


def test_headers_without_an_envelope_are_none() -> None:
    assert binary([(b"host", b"x"), (b"cek", b"y"), (b"ce-traceparent", b"z")]) is None


def test_an_id_that_is_no_uuid_makes_one_from_source_and_id() -> None:
    found = read(id="order 17")["event_id"]

    assert (
        found
        == str(uuid5(NAMESPACE_URL, "/blog\norder 17"))
        == in_headers(id="order 17")["event_id"]
    )
    assert found != read(id="order 18")["event_id"]
    assert found != read(id="order 17", source="/shop")["event_id"]


@given(st.tuples(*[st.text("abc/", min_size=1)] * 2), st.tuples(*[st.text("abc/", min_size=1)] * 2))
def test_only_the_same_source_and_id_share_an_event_id(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (derived_id(*one) == derived_id(*other)) == (one == other)


@pytest.mark.parametrize("given_id", [VERSION_4, "order 17"])
def test_the_time_is_required_with_an_id_that_carries_none(given_id: str) -> None:
    assert refused(id=given_id, time=None).code == "timestamp_required"
    assert "engaged_timestamp" not in read(id=VERSION_7, time=None)


@pytest.mark.parametrize("kind", ["view", "com.example.view", "a.b.like.view"])
def test_the_last_part_of_the_type_counts(kind: str) -> None:
    assert read(type=kind)["type"] == "view"


def test_the_subject_is_the_post_where_the_data_names_none() -> None:
    assert read(subject="43")["post_id"] == 42
    assert read(subject="43", data={"user_id": 7})["post_id"] == 43
    assert read(subject="43", data=None)["post_id"] == 43
    assert in_headers(b"", subject="43")["post_id"] == 43


def test_a_subject_that_is_no_number_is_the_posts_external_id() -> None:
    assert read(subject="posts/42", data={"user_id": 7})["post"] == "posts/42"
    assert read(subject="042", data=None)["post"] == "042"


def test_the_data_may_name_post_and_user_by_external_id() -> None:
    found = read(subject="43", data={"post": "why", "user": "reader", "post_id": None})

    assert (found["post"], found["user"]) == ("why", "reader")
    assert "post_id" not in found


def test_extension_attributes_and_unset_ones_are_passed_over() -> None:
    assert read(traceparent="x", partitionkey=7, subject=None, dataschema="y") == EVENT


def test_data_may_come_as_base64_and_with_its_type() -> None:
    data = base64.b64encode(json.dumps(ENVELOPE["data"]).encode()).decode()

    assert read(data=None, data_base64=data) == EVENT
    assert read(datacontenttype="application/json; charset=utf-8") == EVENT
    assert read(datacontenttype="application/vnd.example+json") == EVENT


def test_header_values_are_percent_decoded() -> None:
    assert in_headers(id="caf%C3%A9")["event_id"] == str(derived_id("/blog", "café"))
    assert in_headers(specversion='"1.0"') == EVENT


def test_large_ids_keep_every_digit() -> None:
    assert read(data={"post_id": 2**63 - 1})["post_id"] == 2**63 - 1


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"specversion": "0.3"}, "invalid_cloudevent"),
        ({"specversion": 1.0}, "invalid_cloudevent"),
        ({"specversion": None}, "invalid_cloudevent"),
        ({"id": ""}, "invalid_cloudevent"),
        ({"id": 7}, "invalid_cloudevent"),
        ({"id": "a\nb"}, "invalid_cloudevent"),
        ({"source": ""}, "invalid_cloudevent"),
        ({"source": None}, "invalid_cloudevent"),
        ({"source": "a\nb"}, "invalid_cloudevent"),
        ({"type": None}, "invalid_cloudevent"),
        ({"type": "com.example.post.seen"}, "invalid_type"),
        ({"type": "com.example.post.like."}, "invalid_type"),
        ({"type": "com.example.LIKE"}, "invalid_type"),
        ({"time": 7}, "invalid_cloudevent"),
        ({"time": "yesterday"}, "invalid_engaged_timestamp"),
        ({"id": "00000000-0000-0000-0000-000000000000", "time": None}, "timestamp_required"),
        ({"data": "x"}, "invalid_cloudevent"),
        ({"data": []}, "invalid_cloudevent"),
        ({"data": {"post_id": "42"}}, "invalid_post_id"),
        ({"data": {"post_id": None}}, "missing_field"),
        ({"data": {"post_id": 42, "post": "a"}}, "ambiguous_post"),
        ({"data": {"post_id": 42, "user_id": 7, "user": "a"}}, "ambiguous_user"),
        ({"data": {"post_id": 42, "type": "view"}}, "unknown_field"),
        ({"data": {"post_id": 42, "user_id": 0}}, "invalid_user_id"),
        ({"data": {}}, "missing_field"),
        ({"data": None}, "missing_field"),
        ({"data": {}, "subject": "9" * 19}, "invalid_post_id"),
        ({"data": {}, "subject": 42}, "invalid_cloudevent"),
        ({"data_base64": "e30="}, "invalid_cloudevent"),
        ({"data": None, "data_base64": "!"}, "invalid_cloudevent"),
        ({"data": None, "data_base64": "e30"}, "invalid_cloudevent"),
        ({"data": None, "data_base64": "ew=="}, "malformed_json"),
        ({"datacontenttype": "text/xml"}, "invalid_cloudevent"),
    ],
)
def test_a_wrong_envelope_is_refused_with_its_code(changed: dict[str, Any], code: str) -> None:
    assert refused(**changed).code == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [(b"[]", "not_an_object"), (b"{", "malformed_json"), (b'{"a":"\xff"}', "malformed_json")],
)
def test_what_is_no_envelope_is_refused(raw: bytes, code: str) -> None:
    [fault] = structured(raw).faults
    assert fault.code == code


@pytest.mark.parametrize(
    ("extra", "detail"),
    [
        ((b"ce-id", b"again"), "id: given twice"),
        ((b"ce-source", b"%ff"), "source: expected percent-encoded UTF-8"),
        ((b"ce-source", b"\xff"), "source: expected percent-encoded UTF-8"),
        ((b"ce-data", b"x"), "specversion: required, and not empty"),
    ],
)
def test_wrong_headers_are_refused(extra: tuple[bytes, bytes], detail: str) -> None:
    found = binary([(b"ce-id", b"1"), extra])
    assert found is not None
    reading = found(b"{}")
    details = {fault.detail for fault in reading.faults if fault.code == "invalid_cloudevent"}

    assert detail in details
    with pytest.raises(InvalidEvent):
        reading.event_json()


def test_all_that_is_wrong_with_an_envelope_is_told_at_once() -> None:
    envelope = {"specversion": "2", "id": 1, "type": "x.y", "data": {"x": 1}}
    faults = structured(json.dumps(envelope).encode()).faults

    assert [(fault.attribute, fault.code) for fault in faults] == [
        ("id", "invalid_cloudevent"),
        ("source", "invalid_cloudevent"),
        ("specversion", "invalid_cloudevent"),
        ("type", "invalid_type"),
        ("data", "unknown_field"),
        ("subject", "missing_field"),
    ]


@given(
    st.dictionaries(
        st.sampled_from([*ENVELOPE, "subject", "data_base64", "datacontenttype"]),
        st.one_of(st.none(), st.integers(), st.text("ab1:é\n", max_size=9), st.just({})),
    )
)
def test_every_envelope_is_an_event_or_has_a_fault(changed: dict[str, Any]) -> None:
    reading = structured(json.dumps(ENVELOPE | changed).encode())
    if reading.faults:
        with pytest.raises(InvalidEvent):
            reading.event_json()
    else:
        assert set(json.loads(reading.event_json())) >= {"event_id", "post_id", "type"}


def test_no_fault_echoes_the_input() -> None:
    text = "zqxjk"
    envelopes = [ENVELOPE | {name: f"{text}\n{text}"} for name in ENVELOPE]
    envelopes.append(ENVELOPE | {"data": {text: text}})
    faults = [f for e in envelopes for f in structured(json.dumps(e).encode()).faults]

    assert len(faults) >= 5
    assert text not in str(faults)
