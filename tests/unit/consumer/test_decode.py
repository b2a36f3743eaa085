from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.decode import DeadLetter, Rules, decode, decode_plain, fingerprint, from_milliseconds
from consumer.rows import microseconds
from schema.event import MAX_EVENT_BYTES
from schema.wire import encode
from tests.factories import NOW, WINDOW, Message, record, value

RULES = Rules(WINDOW, 100)


def test_valid_record_becomes_a_row_in_column_order() -> None:
    event = record(post_id=9, user_id=3, type="like")

    received = microseconds(NOW + timedelta(seconds=1))
    expected = (microseconds(NOW), event.event_id.bytes, 9, 3, "like", received)
    assert decode(Message(0, encode(event)), RULES) == expected


def test_received_timestamp_defaults_to_the_time_of_the_record() -> None:
    message = Message(0, value(received_timestamp=None), timestamp=int(NOW.timestamp() * 1000) + 5)

    assert decode(message, RULES)[5] == microseconds(NOW + timedelta(milliseconds=5))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "empty_value"),
        (b"", "empty_value"),
        (b"\xff\xfe", "malformed_json"),
        (b"[" * 100_000, "event_too_large"),
        (b"[" * 50_000, "not_an_object"),
        (b'{"post_id":1}', "missing_field"),
        (value(post_id=2**63), "invalid_post_id"),
        (value(event_id="\\u0000"), "invalid_event_id"),
        (value(engaged_timestamp=NOW - timedelta(days=401)), "timestamp_too_old"),
        (value(engaged_timestamp=NOW + timedelta(seconds=302)), "timestamp_in_future"),
        (b" " * (MAX_EVENT_BYTES + 1), "event_too_large"),
    ],
)
def test_invalid_record_becomes_a_dead_letter_with_its_bytes(
    raw: bytes | None, reason: str
) -> None:
    dead = decode(Message(5, raw), RULES)

    assert isinstance(dead, DeadLetter)
    assert (dead.offset, dead.reason, dead.value) == (5, reason, raw)
    assert decode_plain([Message(4, value()), Message(5, raw), Message(6, value())], RULES) is None


def test_dead_letter_has_the_event_id_when_it_can_be_decoded() -> None:
    event = record(engaged_timestamp=NOW - timedelta(days=401))
    values = [encode(event), b"[]", b'{"event_id": "no"}', b"\xff"]
    letters = [decode(Message(0, raw), RULES) for raw in values]

    assert all(isinstance(letter, DeadLetter) for letter in letters)
    assert [letter.event_id for letter in letters] == [event.event_id, None, None, None]


_PLAIN = value(post_id=3, user_id=4)
_PIECES = st.sampled_from(
    [
        _PLAIN,
        value(post_id=None, post="a"),
        value(user="b"),
        value(user_id=2, user="b"),
        value(received_timestamp=None),
        value(engaged_timestamp="2026-03-10T14:00:00+02:00"),
        value(engaged_timestamp="2026-03-10T12:00:00.123456789Z"),
        value(engaged_timestamp=NOW - timedelta(days=401)),
        value(event_id="00000000-0000-0000-0000-000000000000"),
        value(post_id="7"),
        value(engaged_timestamp="2026-03-10T12:00:00+0000"),
        value(engaged_timestamp="2026-03-10T12:00:00.0000009Z").replace(b"9Z", b"\\u0039Z"),
        value(received_timestamp="2026-03-10T12:00:01-0000"),
        value(received_timestamp="2026-03-10T12:00:01.9999999Z"),
        value(received_timestamp="2026-03-10T14:00:01+0200"),
        value(post_id=None, post="10.1371/journal.pone.0123456"),
        value(user='a-2024"'),
        _PLAIN + b"," + _PLAIN,
        _PLAIN + b",\n" + _PLAIN,
        _PLAIN + _PLAIN,
        b" " + _PLAIN,
        _PLAIN[:-1] + b',"post":"}',
        b'{x","user":"y"}',
        _PLAIN[:-1] + b',"x":{}',
        _PLAIN[:-1] + b',"x":[{}',
        b'{}],"y":1}',
        b"{}",
        b"",
        None,
    ]
)


@given(st.lists(_PIECES | st.just(_PLAIN), min_size=1, max_size=6))
def test_decode_plain_agrees_with_decode(values: list[bytes | None]) -> None:
    messages = [Message(offset, raw) for offset, raw in enumerate(values)]
    rows = decode_plain(messages, RULES)

    assert rows is None or rows == [decode(message, RULES) for message in messages]
    if set(values) == {_PLAIN}:
        assert rows is not None


def test_event_of_a_rejected_day_becomes_a_dead_letter() -> None:
    rules = Rules(RULES.window, 100, {date(2026, 3, 10)})
    dead = decode(Message(0, value()), rules)

    assert isinstance(dead, DeadLetter)
    assert dead.reason == "day_out_of_range"
    assert decode_plain([Message(0, value())], rules) is None


def test_fingerprints_differ_by_key_value_time_and_offset() -> None:
    prints = {
        fingerprint(Message(1, b"v", 1, b"k")),
        fingerprint(Message(2, b"v", 1, b"k")),
        fingerprint(Message(1, b"w", 1, b"k")),
        fingerprint(Message(1, b"v", 2, b"k")),
        fingerprint(Message(1, b"v", 1, b"l")),
    }

    assert len(prints) == 5


@pytest.mark.parametrize("milliseconds", [-(2**62), 2**62])
def test_record_timestamp_outside_the_calendar_is_1970(milliseconds: int) -> None:
    assert from_milliseconds(milliseconds) == datetime(1970, 1, 1, tzinfo=UTC)
