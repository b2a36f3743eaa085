from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.decode import DeadLetter, Rules, decode, decode_plain, fingerprint, instant_of
from consumer.rows import microseconds
from schema.admission import Window
from schema.event import MAX_EVENT_BYTES
from schema.wire import encode
from tests.factories import NOW, Message, record, value

RULES = Rules(Window(past=timedelta(days=400), future=timedelta(seconds=300)), 100)


def test_a_valid_record_becomes_a_row_in_column_order() -> None:
    event = record(post_id=9, user_id=3, type="like")
    row = decode(Message(0, encode(event)), RULES)

    received = microseconds(NOW + timedelta(seconds=1))
    assert row == (microseconds(NOW), event.event_id.bytes, 9, 3, "like", received)


def test_without_a_received_timestamp_the_records_own_time_counts() -> None:
    message = Message(0, value(received_timestamp=None), timestamp=int(NOW.timestamp() * 1000) + 5)
    row = decode(message, RULES)

    assert row[5] == microseconds(NOW + timedelta(milliseconds=5))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(None, "empty_value", id="tombstone"),
        pytest.param(b"", "empty_value", id="no bytes"),
        pytest.param(b"\xff\xfe", "malformed_json", id="not UTF-8"),
        pytest.param(b"[" * 100_000, "event_too_large", id="deep and large"),
        pytest.param(b"[" * 50_000, "not_an_object", id="deep"),
        pytest.param(b"[]", "not_an_object", id="array"),
        pytest.param(b'{"post_id":1}', "missing_field", id="missing field"),
        pytest.param(value(post_id=2**63), "invalid_post_id", id="id beyond bigint"),
        pytest.param(value(type="buy"), "invalid_type", id="unknown type"),
        pytest.param(value(event_id="\\u0000"), "invalid_event_id", id="NUL"),
        pytest.param(
            value(engaged_timestamp="9999-12-31T23:59:59-14:00"),
            "invalid_engaged_timestamp",
            id="year 10000 in UTC",
        ),
        pytest.param(
            value(engaged_timestamp=NOW - timedelta(days=401)), "timestamp_too_old", id="too old"
        ),
        pytest.param(
            value(engaged_timestamp=NOW + timedelta(seconds=302)),
            "timestamp_in_future",
            id="future",
        ),
        pytest.param(b" " * (MAX_EVENT_BYTES + 1), "event_too_large", id="too large"),
    ],
)
def test_a_record_that_cannot_be_stored_is_a_dead_letter_with_its_bytes(
    raw: bytes | None, reason: str
) -> None:
    dead = decode(Message(5, raw), RULES)

    assert isinstance(dead, DeadLetter)
    assert (dead.offset, dead.reason, dead.value) == (5, reason, raw)
    assert decode_plain([Message(4, value()), Message(5, raw), Message(6, value())], RULES) is None


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
def test_many_at_once_are_decoded_as_each_one_is(values: list[bytes | None]) -> None:
    messages = [Message(offset, raw) for offset, raw in enumerate(values)]
    rows = decode_plain(messages, RULES)

    assert rows is None or rows == [decode(message, RULES) for message in messages]
    if set(values) == {_PLAIN}:
        assert rows is not None


def test_rows_of_a_refused_day_are_dead_letters() -> None:
    rules = Rules(RULES.window, 100, {date(2026, 3, 10)})
    dead = decode(Message(0, value()), rules)

    assert isinstance(dead, DeadLetter)
    assert dead.reason == "day_refused"
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
def test_a_record_time_beyond_the_calendar_is_1970(milliseconds: int) -> None:
    assert instant_of(milliseconds) == datetime(1970, 1, 1, tzinfo=UTC)
