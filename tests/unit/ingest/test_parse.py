"""Bodies of requests, split into events that are validated one by one."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest_service.browser import GIF, event_of_query
from ingest_service.cloudevents import read_structured
from ingest_service.parse import EventParser, ParsedBatch, retraction_of, split_array, split_lines
from schema.errors import InvalidEvent
from schema.event import MAX_EVENT_BYTES
from schema.wire import decode_retraction, encode
from tests.factories import NOW, WINDOW
from web.problems import Problem

PARSER = EventParser(NOW, WINDOW, new_id=lambda _: UUID(int=(7 << 76) | 1))
GOOD = b'{"post_id":1,"type":"view","engaged_timestamp":"2026-03-10T12:00:00Z"}'
BAD = {
    "half of a surrogate pair": b'{"post":"\\ud83d","type":"view"}',
    "the other half": b'{"post":"\\ude00\\ud83d","type":"view"}',
    "half in an unknown field": b'{"post_id":1,"type":"view","title":"\\ud83d"}',
    "half in a name": b'{"post_id":1,"type":"view","\\ud83d":1}',
    "half alone": b'"\\ud83d"',
    "not UTF-8": b'{"post":"\xff\xfe","type":"view"}',
    "cut UTF-8": b'{"post":"\xf0\x9f\x98","type":"view"}',
    "deeper than parsers go": b'{"a":' + b"[" * 20_000 + b'"]"' + b"]" * 20_000 + b"}",
    "deep and mixed": b'{"a":[' * 4_000 + b"]}" * 4_000,
    "a number of many digits": b'{"post_id":' + b"9" * 10_000 + b',"type":"view"}',
    "a number out of range": b'{"post_id":1e999,"type":"view"}',
    "larger than an event may be": GOOD.replace(b",", b"," + b" " * MAX_EVENT_BYTES),
    "null": b"null",
    "an array": b"[]",
    "too old": GOOD.replace(b"2026", b"2020"),
}
NOT_JSON = {
    "open text": b'["a]',
    "more behind": b"[1] 2",
    "NaN": b"[NaN]",
    "Infinity": b"[-Infinity]",
    "control character": b'["\x01"]',
    "wrong escape": b'["\\x41"]',
    "single quotes": b"['a']",
    "empty": b"",
    "BOM": b"\xef\xbb\xbf[]",
    "UTF-16": "[]".encode("utf-16"),
    "open and deep": b"[" * 100_000,
    "open object and deep": b'[{"a":' * 50_000,
    "form feed": b"[\x0c1]",
}


def codes(batch: ParsedBatch) -> dict[int, str]:
    return {index: error.code for index, error in batch.rejected}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_invalid_event_envelope_or_retraction_of_an_array_is_rejected_alone(bad: bytes) -> None:
    envelope = b'{"specversion":"1.0","id":"1","source":"s","type":"view","subject":"7",'
    envelope += b'"time":"2026-03-10T12:00:00Z"}'
    enveloped = replace(PARSER, event_json=lambda raw: read_structured(raw).event_json())
    named = GOOD.replace(b'"type":"view"', b'"event_id":"e7c1745c-cd4a-4c19-87e4-45face935938"')
    for parse, good in (
        (PARSER.parse_array, GOOD),
        (lambda body: enveloped.parse_each(split_array(body)), envelope),
        (PARSER.parse_retractions, named),
    ):
        batch = parse(b"[" + b", ".join([good, bad, good]) + b"]")

        assert (batch.indexes, list(codes(batch))) == ([0, 2], [1])


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_array_is_rejected_when_it_is_not_json(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        PARSER.parse_array(body)

    assert (caught.value.status, caught.value.code) == (400, "malformed_json")


@pytest.mark.parametrize("body", [b"{}", b'"a"', b" 7", b"null"])
def test_array_is_rejected_when_it_is_other_json(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        PARSER.parse_array(body)

    assert (caught.value.status, caught.value.code) == (422, "not_an_array")


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('a"\\[]{},:\u00e9\U0001f44d\n\t\ud83d'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a]}"), inner, max_size=3),
)


@given(st.lists(_values, max_size=6), st.sampled_from([None, 1]), st.booleans())
def test_split_array_returns_the_values_of_any_array(
    values: list[object], indent: int | None, is_ascii: bool
) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=is_ascii)
    found = split_array(text.encode(errors="surrogatepass"))

    assert [json.loads(raw.decode(errors="surrogatepass")) for raw in found] == values


@given(st.text('[]{},:"\\ 01truefalsn', max_size=12))
def test_split_array_accepts_what_an_independent_parser_accepts(text: str) -> None:
    try:
        values = json.loads(f"[{text}]", parse_constant=pytest.fail)
    except ValueError:
        with pytest.raises(Problem):
            split_array(f"[{text}]".encode())
    else:
        assert [json.loads(raw) for raw in split_array(f"[{text}]".encode())] == values


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" + b"0," * 524_000 + b"0]", id="numbers"),
        pytest.param(b"[" + b"[]," * 300_000 + b"[]]", id="arrays"),
        pytest.param(b"[" + b'{"type":"view","post_id":1},' * 38_000 + b"0]", id="events"),
        pytest.param(b"[" + b"0," * 1_000 + b"0, not JSON", id="counted before the rest is read"),
    ],
)
def test_array_is_rejected_before_any_event_is_decoded_when_it_has_too_many(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventParser, "parse_one", lambda *_: pytest.fail("an event was decoded"))
    with pytest.raises(Problem) as caught:
        PARSER.parse_array(body)

    assert (caught.value.status, caught.value.code) == (413, "too_many_events")


def test_split_lines_skips_blank_lines_and_rejects_too_many() -> None:
    assert split_lines(b'\n \t\r\n{"a": 1} \r\n\n7') == [b'{"a": 1} \r', b"7"]
    assert len(split_lines(b"0\n" * 1_000 + b"\n" * 100_000)) == 1_000
    with pytest.raises(Problem) as caught:
        split_lines(b"0\r\n" * 300_000)
    assert caught.value.code == "too_many_events"


EVENTS = BAD | {
    "good": GOOD,
    "external ids": GOOD.replace(b'"post_id":1', b'"post":"10.1371/journal.pone.0123456"').replace(
        b"{", b'{"user":"best-phones-2024",'
    ),
    "offset": GOOD.replace(b"00Z", b"00+02:00"),
    "offset without colon": GOOD.replace(b"00Z", b"00+0000"),
}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(sorted(EVENTS)), max_size=4))
def test_array_is_parsed_like_its_events_one_by_one(names: list[str]) -> None:
    raws = [EVENTS[name] for name in names]
    array = PARSER.parse_array(b"[" + b",".join(raws) + b"]")
    ndjson = PARSER.parse_each(split_lines(b"\n".join(raws)))

    assert (array.records, array.indexes) == (ndjson.records, ndjson.indexes)
    assert codes(array) == codes(ndjson)


NAMED: dict[str, Any] = {
    "event_id": "e7c1745c-cd4a-4c19-87e4-45face935938",
    "engaged_timestamp": "2026-03-01T00:00:00+01:00",
    "post_id": 42,
}


def test_retraction_is_decoded_from_kafka_as_it_was_parsed() -> None:
    [record] = PARSER.parse_retractions(json.dumps(NAMED).encode()).records
    found = decode_retraction(encode(retraction_of(record)))

    assert found is not None
    assert (found.retracted_event_id, found.post_id) == (UUID(NAMED["event_id"]), 42)
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
def test_retraction_is_rejected_when_it_names_no_event(changed: dict[str, Any], code: str) -> None:
    body = json.dumps([NAMED, NAMED | changed]).encode()
    batch = PARSER.parse_retractions(body)

    assert (batch.indexes, codes(batch)) == ([0], {1: code})


def test_query_of_the_pixel_is_an_event_without_key_and_once() -> None:
    event = b"post_id=42&type=view&user_id=7&engaged_timestamp=2026-01-01T00:00:00%2B01:00"

    assert json.loads(event_of_query(b"key=eng_x&once=view:1m&" + event)) == {
        "post_id": 42,
        "type": "view",
        "user_id": 7,
        "engaged_timestamp": "2026-01-01T00:00:00+01:00",
    }
    assert (GIF[:10], len(GIF)) == (b"GIF89a\x01\x00\x01\x00", 43)


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
def test_query_of_the_pixel_is_rejected_like_an_event(query: bytes, code: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        PARSER.parse_one(event_of_query(query))

    assert caught.value.code == code


@pytest.mark.parametrize("query", [b"post_id=1&post_id=2&type=view", b"type=%ff", b"type=\xff"])
def test_query_of_the_pixel_is_rejected_when_it_is_malformed(query: bytes) -> None:
    with pytest.raises(Problem) as caught:
        event_of_query(query)

    assert (caught.value.status, caught.value.code) == (400, "malformed_query")
