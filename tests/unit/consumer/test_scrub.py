"""What is left of a dead letter that names an erased user."""

import hashlib
import json

import pytest

from consumer.erased import Erased
from consumer.scrub import ERASED_DETAIL, scrub
from tests.factories import record

KEY = b"k" * 32
ERASED = Erased(
    frozenset({42}),
    frozenset({hashlib.sha256(KEY + name.encode()).digest() for name in ("ann", "crm:7")}),
    KEY,
)


def left_of(value: bytes) -> bytes | None:
    return scrub(b"7", value, "a fault", ERASED)[1]


@pytest.mark.parametrize(
    ("value", "left"),
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
        pytest.param({"u": '{"user_id":42}'}, {"u": None}, id="JSON in a text"),
    ],
)
def test_json_keeps_all_but_the_user(value: object, left: object) -> None:
    found = left_of(json.dumps(value).encode())

    assert found is not None
    assert json.loads(found) == left


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b'{"user_id":42,"type":"view"', id="cut off"),
        pytest.param(b"<user>42</user>", id="XML"),
        pytest.param(b"user=ann&post=9", id="form"),
        pytest.param(b'{"user_id":42,"user_id":43}', id="a field twice"),
        pytest.param(b"42", id="nothing else"),
        pytest.param(b'\xff{"user":"ann"', id="not UTF-8"),
    ],
)
def test_what_cannot_be_taken_apart_goes_as_a_whole(value: bytes) -> None:
    assert left_of(value) is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b'{"post_id":42,"user_id":7,"type":"viewed"}', id="post"),
        pytest.param(b'{"post_id":42,"user_id":7', id="post, cut off"),
        pytest.param(b'{"user_id":420, "x":"142"}', id="part of a number"),
        pytest.param(b'{"user_id":7,"at":"2026-03-10T12:42:42Z"}', id="time"),
        pytest.param(b'{"user":"anna", "ok":true', id="part of a name"),
        pytest.param(b'{"x": 01932f5c-0042-7000-8000-000000000042', id="event id"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[" * 100_000, id="deep"),
    ],
)
def test_what_names_others_stays_byte_for_byte(value: bytes) -> None:
    assert scrub(b"7", value, "a fault", ERASED) == (b"7", value, "a fault")


def test_a_json_text_may_spell_the_name_as_it_likes() -> None:
    assert left_of(rb'{"user":"\u0061nn"}') == b'{"user":null}'
    assert left_of('{"user":"ann"}'.encode("utf-16")) == b'{"user":null}'


def test_the_key_goes_unless_it_is_the_posts() -> None:
    for_post = b'{"post_id":42,"user_id":7}'

    assert scrub(b"42", for_post, "", ERASED)[0] == b"42"
    assert scrub(b"42", b'{"post_id":9}', "", ERASED)[0] is None
    assert scrub(b"ann", None, "", ERASED) == (None, None, "")


def test_a_detail_that_names_the_user_goes() -> None:
    assert scrub(None, None, "row (1, 42, view)", ERASED)[2] == ERASED_DETAIL


def test_rows_of_the_erased_are_found_by_number_and_by_name() -> None:
    def row(user: int | str | None) -> tuple:
        made = record()
        return (made.engaged_timestamp, made.event_id, 1, user, "view", made.engaged_timestamp)

    rows = [row(user) for user in (42, 43, None, "ann", "bob", "42")]

    assert ERASED.among(rows) == {42, "ann"}
