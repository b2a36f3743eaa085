from datetime import UTC, date, datetime, timedelta

import pytest

from consumer.decode import DeadLetter, Rules, decode, fingerprint, instant
from schema.admission import Window
from schema.event import MAX_EVENT_BYTES
from tests.factories import NOW, Message, value

RULES = Rules(Window(past=timedelta(days=400), future=timedelta(seconds=300)), 100)


def test_a_valid_record_becomes_a_row_in_column_order() -> None:
    [row] = decode([Message(0, value(post_id=9, user_id=3, type="like"))], RULES)

    assert not isinstance(row, DeadLetter)
    assert row[0] == NOW
    assert row[2:5] == (9, 3, "like")
    assert row[5] == NOW + timedelta(seconds=1)


def test_without_a_received_timestamp_the_records_own_time_counts() -> None:
    message = Message(0, value(received_timestamp=None), timestamp=int(NOW.timestamp() * 1000) + 5)
    [row] = decode([message], RULES)

    assert row[5] == NOW + timedelta(milliseconds=5)


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
    before, dead, after = decode([Message(4, value()), Message(5, raw), Message(6, value())], RULES)

    assert isinstance(dead, DeadLetter)
    assert (dead.offset, dead.reason, dead.value) == (5, reason, raw)
    assert not isinstance(before, DeadLetter)
    assert not isinstance(after, DeadLetter)


def test_rows_of_a_refused_day_are_dead_letters() -> None:
    rules = Rules(RULES.window, 100, {date(2026, 3, 10)})
    [dead] = decode([Message(0, value())], rules)

    assert isinstance(dead, DeadLetter)
    assert dead.reason == "day_refused"


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
    assert instant(milliseconds) == datetime(1970, 1, 1, tzinfo=UTC)
