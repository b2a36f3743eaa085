"""The published model and JSON Schemas accept what the decoders accept."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from schema.errors import InvalidEvent
from schema.event import Draft, Record
from schema.event_model import Event
from schema.published import schemas
from schema.wire import decode_draft, decode_record

PUBLISHED = schemas()
EVENT = Draft202012Validator(PUBLISHED["engagement-event.v1.json"])
RECORD = Draft202012Validator(PUBLISHED["engagement-record.v1.json"])
UUID_V4 = "e7c1745c-cd4a-4c19-87e4-45face935938"

ids = st.one_of(
    st.integers(-2, 3), st.sampled_from([2**63 - 1, 2**63, True, 1.5, "1", None, [], {}])
)
names = st.sampled_from(["why", "é" * 200, "é" * 201, "", "a\tb", "\x7f", 7, None, []])
times = st.sampled_from(
    [
        "2026-01-01T00:00:00Z", "2026-01-01t00:00:00z", "2026-01-01 00:00:00+05:30",
        "2026-01-01T00:00:00.1234567Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+0530",
        "2026-01-01T00:00:00", "2026-01-01", "2026-13-01T00:00:00Z", "2026-01-32T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2016-12-31T23:59:60Z",
        "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00-23:59", "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z", "٢٠٢٦-01-01T00:00:00Z", "now", "", 1735689600, True, None,
    ]
)  # fmt: skip
event_ids = st.sampled_from(
    [
        UUID_V4, UUID_V4.upper(), UUID_V4.replace("-", ""), "{" + UUID_V4 + "}", UUID_V4[:-1],
        "urn:uuid:" + UUID_V4, UUID_V4.replace("-", "", 1), UUID_V4 + "0", "", "x", 7, None,
    ]
)  # fmt: skip
fields: dict[str, Any] = {
    "post_id": ids,
    "user_id": ids,
    "post": names,
    "user": names,
    "type": st.sampled_from(["view", "like", "comment", "share", "VIEW", "", None, 1]),
    "event_id": event_ids,
    "engaged_timestamp": times,
    "received_timestamp": times,
    "extra": st.just(1),
}
COMPLETE = {
    "event_id": UUID_V4,
    "post_id": 1,
    "type": "view",
    "engaged_timestamp": "2026-01-01T00:00:00Z",
}
bodies = st.one_of(
    st.fixed_dictionaries({}, optional=fields),
    st.sampled_from(sorted(fields)).flatmap(
        lambda name: fields[name].map(lambda value: COMPLETE | {name: value})
    ),
    st.fixed_dictionaries(
        {}, optional={name: fields[name] for name in ("post_id", "post", "user_id", "user")}
    ).map(lambda changed: {k: v for k, v in COMPLETE.items() if k != "post_id"} | changed),
    st.sampled_from([COMPLETE, 7, None, [], [COMPLETE], "x"]),
)


def accepts(decode: Callable[[bytes], object], body: Any) -> bool:
    try:
        decode(json.dumps(body).encode())
    except (InvalidEvent, ValidationError):
        return False
    return True


@given(bodies)
def test_model_and_schema_of_events_accept_what_the_decoder_accepts(body: Any) -> None:
    is_valid = EVENT.is_valid(body)
    assert is_valid == accepts(decode_draft, body) == accepts(Event.model_validate_json, body)


@given(bodies)
def test_schema_of_records_accepts_what_the_decoder_accepts(body: Any) -> None:
    assert RECORD.is_valid(body) == accepts(decode_record, body)


@pytest.mark.parametrize("name", PUBLISHED)
def test_schema_is_valid_and_so_are_its_examples(name: str) -> None:
    schema = PUBLISHED[name]
    Draft202012Validator.check_schema(schema)

    assert schema["$id"] == f"/schemas/{name}"
    assert schema["examples"]
    for example in schema["examples"]:
        Draft202012Validator(schema).validate(example)
    for field, described in schema["properties"].items():
        assert described["description"], field


@pytest.mark.parametrize(("validator", "struct"), [(EVENT, Draft), (RECORD, Record)])
def test_schema_has_every_field_and_accepts_a_complete_event(validator: Any, struct: Any) -> None:
    assert validator.schema["properties"].keys() == set(struct.__struct_fields__)
    assert validator.is_valid(COMPLETE)
    assert validator.is_valid({"post_id": 1, "type": "view"}) is (struct is Draft)


@pytest.mark.parametrize(
    "body",
    [
        {"post_id": 1.0},
        {"engaged_timestamp": "2026-02-30T00:00:00Z"},
        {"engaged_timestamp": "9999-12-31T23:59:59-14:00"},
    ],
)
def test_decoder_rejects_what_a_schema_cannot_express(body: dict[str, Any]) -> None:
    assert EVENT.is_valid(COMPLETE | body)
    assert not accepts(decode_draft, COMPLETE | body)
    assert not accepts(Event.model_validate_json, COMPLETE | body)
