import hashlib
import json

import pytest

from consumer.ids import ErasedUsers
from consumer.redaction import REDACTED_DETAIL, redact

KEY = b"k" * 32
ERASED = ErasedUsers(
    frozenset({42}),
    frozenset({hashlib.sha256(KEY + name.encode()).digest() for name in ("ann", "crm:7")}),
    KEY,
)


def redacted_value(value: bytes) -> bytes | None:
    return redact(b"7", value, "a fault", ERASED)[1]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"user_id": 42, "n": 1}, {"user_id": None, "n": 1}, id="number"),
        pytest.param({"user_id": "42"}, {"user_id": None}, id="number as text"),
        pytest.param({"user_id": 42.0}, {"user_id": None}, id="number as a float"),
        pytest.param({"uid": [42, 43]}, {"uid": [None, 43]}, id="another field"),
        pytest.param({"a": {"b": "by ann, twice"}}, {"a": {"b": None}}, id="inside a text"),
        pytest.param({"user": "ann", "post": "ann"}, {"user": None, "post": "ann"}, id="name"),
        pytest.param({"user": "crm:7"}, {"user": None}, id="name with a colon"),
        pytest.param({"ann": 1, "n": 1}, {"n": 1}, id="name of a field"),
        pytest.param([{"user_id": 42}], [{"user_id": None}], id="array"),
        pytest.param({"post": {"user": "ann"}}, {"post": {"user": None}}, id="inside a post"),
        pytest.param({"at": "2026-03-10 42"}, {"at": None}, id="behind a date"),
        pytest.param({"u": '{"user_id":42}'}, {"u": None}, id="JSON in a text"),
    ],
)
def test_redacted_json_keeps_everything_but_the_user(value: object, expected: object) -> None:
    found = redacted_value(json.dumps(value).encode())

    assert found is not None
    assert json.loads(found) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(b'{"user_id":42,"type":"view"', None, id="cut off"),
        pytest.param(b"<user>42</user>", None, id="XML"),
        pytest.param(b"user=ann&post=9", None, id="form"),
        pytest.param(b'{"user_id":42,"user_id":43}', None, id="a field twice"),
        pytest.param(b"42", None, id="nothing else"),
        pytest.param(b'\xff{"user":"ann"', None, id="not UTF-8"),
        pytest.param(rb'{"user":"\u0061nn"}', b'{"user":null}', id="escaped"),
        pytest.param('{"user":"ann"}'.encode("utf-16"), b'{"user":null}', id="UTF-16"),
    ],
)
def test_value_that_is_not_json_is_removed_when_it_may_name_the_user(
    value: bytes, expected: bytes | None
) -> None:
    assert redacted_value(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b'{"post_id":42,"user_id":7,"type":"viewed"}', id="post"),
        pytest.param(b'{"post_id":42,"user_id":7', id="post, cut off"),
        pytest.param(b'{"user_id":420, "x":"142"}', id="part of a number"),
        pytest.param(b'{"user_id":7,"at":"2026-03-10T12:42:42Z"}', id="time"),
        pytest.param(b'{"user":"anna", "ok":true', id="part of a name"),
        pytest.param(b'{"x": 01932f5c-0042-7000-8000-000000000042', id="event id"),
        pytest.param(b'{"user":"42"}', id="another user's external id"),
        pytest.param(b'{"user":"10.1371/42"}', id="an external id with the number"),
        pytest.param(b'{"user":"by ann"}', id="an external id with the name"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[" * 100_000, id="deep"),
    ],
)
def test_dead_letter_of_another_user_is_unchanged(value: bytes) -> None:
    assert redact(b"7", value, "a fault", ERASED) == (b"7", value, "a fault")


def test_key_and_detail_that_name_the_user_are_removed_unless_the_key_is_the_post() -> None:
    assert redact(b"42", b'{"post_id":42,"user_id":7}', "", ERASED)[0] == b"42"
    assert redact(b"42", b'{"post_id":9}', "", ERASED)[0] is None
    assert redact(b"ann", None, "", ERASED) == (None, None, "")
    assert redact(None, None, "row (1, 42, view)", ERASED)[2] == REDACTED_DETAIL


def test_erased_users_of_rows_are_found_by_number_and_external_id() -> None:
    rows = [(0, bytes(16), 1, user, "view", 0) for user in (42, 43, None, "ann", "bob", "42")]

    assert ERASED.users_in(rows) == {42, "ann"}
