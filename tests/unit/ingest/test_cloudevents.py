"""CloudEvents are read as the events in them, and their errors have codes."""

import base64
import json
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_service.cloudevents import derived_id, read_structured, reader_of_headers
from schema.errors import InvalidEvent
from schema.wire import decode_draft
from tests.external_ids import EXTERNAL_IDS

VERSION_4 = "e7c1745c-cd4a-4c19-87e4-45face935938"
VERSION_7 = "019cd8a6-0000-7000-8000-000000000001"
TIME = "2026-03-10T12:00:00Z"
DATA = b'{"post_id":42,"user_id":7}'
ENVELOPE = {
    "specversion": "1.0",
    "id": VERSION_4,
    "source": "/blog",
    "type": "com.example.post.like",
    "time": TIME,
    "data": json.loads(DATA),
}
EVENT = {
    "event_id": VERSION_4,
    "post_id": 42,
    "user_id": 7,
    "type": "like",
    "engaged_timestamp": TIME,
}


def read(**changed: Any) -> Any:
    return json.loads(read_structured(json.dumps(ENVELOPE | changed).encode()).event_json())


def read_headers(body: bytes = DATA, **changed: Any) -> Any:
    attributes = {k: v for k, v in ENVELOPE.items() if k != "data"} | changed
    headers = [(f"ce-{k}".encode(), v.encode()) for k, v in attributes.items() if v is not None]
    reader = reader_of_headers([(b"host", b"x"), *headers])
    assert reader is not None
    return json.loads(reader(body).event_json())


def test_structured_and_binary_form_have_the_same_event() -> None:
    assert read() == read_headers() == EVENT


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"type": "view"}, {"type": "view"}),
        ({"type": "a.b.like.view"}, {"type": "view"}),
        ({"subject": "43"}, {"post_id": 42}),
        ({"subject": "43", "data": {"user_id": 7}}, {"post_id": 43}),
        ({"subject": "43", "data": None}, {"post_id": 43, "user_id": None}),
        ({"subject": "posts/42", "data": {"user_id": 7}}, {"post": "posts/42", "post_id": None}),
        ({"subject": "042", "data": {"user_id": 7}}, {"post": "042", "post_id": None}),
        (
            {"subject": "43", "data": {"post": "why", "user": "reader", "post_id": None}},
            {"post": "why", "user": "reader", "post_id": None, "user_id": None},
        ),
        ({"data": {"post_id": 2**63 - 1, "user_id": 7}}, {"post_id": 2**63 - 1}),
        ({"data": None, "data_base64": base64.b64encode(DATA).decode()}, {}),
        ({"datacontenttype": "application/json; charset=utf-8"}, {}),
        ({"datacontenttype": "application/vnd.example+json"}, {}),
        ({"traceparent": "x", "partitionkey": 7, "subject": None, "dataschema": "y"}, {}),
        ({"id": VERSION_7, "time": None}, {"event_id": VERSION_7, "engaged_timestamp": None}),
        ({"id": "order 17"}, {"event_id": str(uuid5(NAMESPACE_URL, "/blog\norder 17"))}),
    ],
)
def test_fields_of_the_event_are_found(changed: dict[str, Any], expected: dict[str, Any]) -> None:
    fields = EVENT | expected

    assert read(**changed) == {name: value for name, value in fields.items() if value is not None}


def test_header_values_are_percent_decoded() -> None:
    assert read_headers(id="caf%C3%A9")["event_id"] == str(derived_id("/blog", "café"))
    assert read_headers(specversion='"1.0"') == EVENT
    assert read_headers(b"", subject="43")["post_id"] == 43


def test_headers_without_required_attributes_are_no_envelope() -> None:
    assert reader_of_headers([(b"host", b"x"), (b"cek", b"y"), (b"ce-traceparent", b"z")]) is None


@given(st.tuples(*[st.text("abc/", min_size=1)] * 2), st.tuples(*[st.text("abc/", min_size=1)] * 2))
def test_derived_id_differs_for_different_source_and_id(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (derived_id(*one) == derived_id(*other)) == (one == other)


@pytest.mark.parametrize("text", EXTERNAL_IDS)
def test_external_ids_are_preserved_in_every_form(text: str) -> None:
    data = {"post": text, "user": text}
    for event in (read(data=data), read_headers(json.dumps(data).encode())):
        assert (event["post"], event["user"]) == (text, text)
    if text != "42":
        assert read(data={}, subject=text)["post"] == text
        assert read_headers(b"{}", subject=quote(text, safe=""))["post"] == text
        if text.isascii() and "%" not in text:
            quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
            assert read_headers(b"{}", subject=quoted)["post"] == text


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
        ({"id": VERSION_4, "time": None}, "timestamp_required"),
        ({"id": "order 17", "time": None}, "timestamp_required"),
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
        ({"data": {}, "subject": 42}, "invalid_cloudevent"),
        ({"data_base64": "e30="}, "invalid_cloudevent"),
        ({"data": None, "data_base64": "!"}, "invalid_cloudevent"),
        ({"data": None, "data_base64": "e30"}, "invalid_cloudevent"),
        ({"data": None, "data_base64": "ew=="}, "malformed_json"),
        ({"datacontenttype": "text/xml"}, "invalid_cloudevent"),
    ],
)
def test_invalid_envelope_is_rejected_with_its_code(changed: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        decode_draft(json.dumps(read(**changed)).encode())
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [(b"[]", "not_an_object"), (b"{", "malformed_json"), (b'{"a":"\xff"}', "malformed_json")],
)
def test_body_that_is_no_envelope_is_rejected(raw: bytes, code: str) -> None:
    [error] = read_structured(raw).errors
    assert error.code == code


@pytest.mark.parametrize(
    ("extra", "detail"),
    [
        ((b"ce-id", b"again"), "id: repeated"),
        ((b"ce-source", b"%ff"), "source: expected percent-encoded UTF-8"),
        ((b"ce-source", b"\xff"), "source: expected percent-encoded UTF-8"),
        ((b"ce-data", b"x"), "specversion: required, and not empty"),
    ],
)
def test_invalid_headers_are_rejected(extra: tuple[bytes, bytes], detail: str) -> None:
    reader = reader_of_headers([(b"ce-id", b"1"), extra])
    assert reader is not None
    extracted = reader(b"{}")
    details = {error.detail for error in extracted.errors if error.code == "invalid_cloudevent"}

    assert detail in details
    with pytest.raises(InvalidEvent):
        extracted.event_json()


def test_all_errors_of_an_envelope_are_found() -> None:
    envelope = {"specversion": "2", "id": 1, "type": "x.y", "data": {"x": 1}}
    errors = read_structured(json.dumps(envelope).encode()).errors

    assert [(error.attribute, error.code) for error in errors] == [
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
def test_any_envelope_is_an_event_or_has_an_error(changed: dict[str, Any]) -> None:
    extracted = read_structured(json.dumps(ENVELOPE | changed).encode())
    if extracted.errors:
        with pytest.raises(InvalidEvent):
            extracted.event_json()
    else:
        fields = set(json.loads(extracted.event_json()))
        assert fields >= {"event_id", "type"}
        assert fields & {"post_id", "post"}
