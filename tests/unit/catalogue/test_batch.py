"""Lines of a catalogue batch: values are parsed strictly, texts are normalised."""

import json
from typing import Any

import pytest

from catalogue_service.batch import MAX_LINES, parse, parse_line
from catalogue_service.models import Change
from catalogue_service.store import Rejection
from tests.external_ids import NOT_EXTERNAL_IDS
from web.problems import Problem

POST: dict[str, Any] = {
    "kind": "post",
    "id": "p",
    "author": "ann",
    "category": "Tech",
    "title": "A title",
    "publish_timestamp": "2026-01-01T09:00:00Z",
}
AUTHOR = {
    "kind": "author",
    "id": 7,
    "name": "Ann",
    "author_category": "c",
    "joined_date": "2026-01-31",
}
USER = {"kind": "user", "id": 7, "user_segment": "free", "signup_date": "2026-01-31"}


def accepted(line: dict[str, Any]) -> Change:
    found = parse_line(json.dumps(line).encode())
    assert isinstance(found, Change), found
    return found


def rejected(line: dict[str, Any]) -> str:
    found = parse_line(json.dumps(line).encode())
    assert isinstance(found, Rejection)
    return found.detail


INVALID_TIMES = [
    "20261101", "1793491200", "1793491200.5", 1793491200, 1793491200.0, True, "2026-11-01", "",
    "2026-11-01T00:00:00", "2026-11-01T00:00Z", "2026-11-01T00:00:00+0100", "2026-02-30T00:00:00Z",
    "2026-11-01T24:00:00Z", "2026-11-01T00:00:60Z", "20261101T000000Z", "2026-W44-7T00:00:00Z",
    "2026-11-01T00:00:00+01:75", " 2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z\n", "now", "",
    "2026-11-01T00:00:00,5Z", "+2026-11-01T00:00:00Z", "\u0662026-11-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
]  # fmt: skip
INVALID_DATES = [
    "20260131", "1769817600", 1769817600, 0, 1.0, True, "2026-1-31", "2026-02-30",
    "2026-01-31T00:00:00",
    "2026-01-31T00:00:00Z", "2026-W05-6", " 2026-01-31", "2026-01-31\n", "31.01.2026", "",
]  # fmt: skip


@pytest.mark.parametrize("value", INVALID_TIMES)
def test_publish_timestamp_is_rejected_unless_it_is_rfc_3339(value: Any) -> None:
    assert "publish_timestamp: " in rejected(POST | {"publish_timestamp": value})


@pytest.mark.parametrize("value", INVALID_DATES)
def test_date_is_rejected_unless_it_is_a_calendar_date(value: Any) -> None:
    assert "joined_date: expected a date" in rejected(AUTHOR | {"joined_date": value})
    assert "signup_date: expected a date" in rejected(USER | {"signup_date": value})


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("content_length", ["5", "5.0", 5.0, True, -1, 2**31, ""]),
        ("has_media", ["true", "yes", "1", 1, 0, ""]),
        ("is_promoted", ["on", 1.0]),
        ("author_id", ["7", 7.0, True, 0]),
        ("title", [7, True, ["a"], {}]),
        ("tags", ["ai", [1], [["ai"]], {"ai": 1}]),
        ("language", [1]),
    ],
)
def test_values_of_another_type_are_not_converted(field: str, values: list[Any]) -> None:
    for value in values:
        given = POST | {field: value} | ({"author": None} if field == "author_id" else {})
        assert f"{field}" in rejected(given)


def test_publish_timestamp_is_converted_to_utc() -> None:
    content = accepted(POST | {"publish_timestamp": "2026-01-01 09:00:00.1234567+01:00"}).content

    assert content.publish_timestamp.isoformat() == "2026-01-01T08:00:00.123456+00:00"


def test_null_is_absent() -> None:
    optional = "external_id author_id content_length has_media tags is_promoted language delete"
    content = accepted(POST | dict.fromkeys(optional.split())).content

    assert content == accepted(POST).content
    assert (content.content_length, content.tags, content.language) == (0, [], "en")
    assert accepted(USER | {"country": None, "external_id": None}).content.country is None
    assert rejected(POST | {"title": None}) == "title: required"
    assert "unknown field" in rejected(POST | {"colour": None})


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("a\tb", "a b"),
        ("a\r\n  b", "a b"),
        ("  a  b ", "a b"),
        ("a\u2028b\u0085c", "a b c"),
        ("a\0b\x1b", "a b"),
        ("a\ud83d", "a\ufffd"),
        ("\u00ab\u00a0a\u00a0\u00bb", None),
        ("\u3042\u3000\u3044", None),
        ("e\u0301 \U0001f44d\U0001f3fd", None),
        ("x" * 500 + " ", "x" * 500),
    ],
)
def test_titles_are_normalised_with_a_note(given: str, stored: str | None) -> None:
    content = accepted(POST | {"title": given}).content
    author = accepted(AUTHOR | {"name": given}).content

    assert (content.title, author.name) == (stored or given, stored or given)
    assert content.notes == (["title_normalised"] if stored else [])
    assert author.notes == (["name_normalised"] if stored else [])


@pytest.mark.parametrize("given", ["", " ", "\n", "\u3000\t\0"])
def test_empty_title_is_replaced_with_a_note(given: str) -> None:
    content = accepted(POST | {"title": given}).content

    assert (content.title, content.notes) == ("(untitled)", ["title_empty"])


def test_tags_are_a_set_in_the_given_order() -> None:
    tags = ["go", "ai", "go", " ai\t", "", "Go"] + ["go"] * 100
    content = accepted(POST | {"tags": tags}).content

    assert (content.tags, content.notes) == (["go", "ai", "Go"], ["tags_normalised"])
    assert "tags" in rejected(POST | {"tags": [str(n) for n in range(51)]})


@pytest.mark.parametrize("text", [*NOT_EXTERNAL_IDS, "\ud83d"])
def test_invalid_external_id_is_rejected_by_field(text: str) -> None:
    assert rejected(POST | {"id": text}).startswith("id: ")
    assert "external_id: " in rejected(POST | {"external_id": text})
    assert "author: " in rejected(POST | {"author": text})


def test_deletion_has_kind_and_id_only() -> None:
    assert accepted({"kind": "post", "id": 7, "delete": True, "title": None}).content is None
    assert accepted(POST | {"delete": False}).content is not None
    assert rejected(POST | {"delete": True}).startswith("delete: ")
    assert rejected({"kind": "post", "id": 7, "delete": "yes"}).startswith("delete: ")


def test_too_many_lines_are_rejected_before_any_is_parsed() -> None:
    assert len(parse(b"\n0" * MAX_LINES + b"\n" * 100_000)) == MAX_LINES
    with pytest.raises(Problem) as caught:
        parse(b"0\n" * 2_000_000)
    assert caught.value.code == "too_many_lines"
