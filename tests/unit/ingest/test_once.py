"""Derived identities: the same in a window, different outside it, and always storable."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_service.intake import Intake
from ingest_service.once import derive, parse, rules
from schema.admission import Window, admit
from schema.event import Draft, Record
from schema.http.problems import Problem

NOW = datetime(2026, 3, 10, 12, 47, 11, 5, tzinfo=UTC)
LONG = timedelta(days=366)
WINDOW = Window(past=timedelta(days=400), future=timedelta(seconds=300))
RULES = parse("view:30m,like:1d", WINDOW.past)
CLIENTS_ID = UUID("019cd8a6-0000-7000-8000-000000000001")


def record(**fields: Any) -> Record:
    given_fields = {"event_id": CLIENTS_ID, "engaged_timestamp": NOW, "user_id": 7} | fields
    draft = Draft(**({"post_id": 42, "type": "view"} | given_fields))
    return admit(draft, NOW, WINDOW, lambda: CLIENTS_ID)


def test_the_time_is_the_windows_start_and_the_id_carries_it() -> None:
    derived = derive(record(), RULES, WINDOW)

    assert derived.engaged_timestamp == datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
    assert (derived.event_id.version, derived.event_id.variant) == (7, "specified in RFC 4122")
    milliseconds = derived.event_id.int >> 80
    assert milliseconds == int(derived.engaged_timestamp.timestamp() * 1000)
    assert derived.event_id != CLIENTS_ID


def test_the_id_is_the_same_in_every_process_and_release() -> None:
    assert str(derive(record(), RULES, WINDOW).event_id) == "019cd7b9-bd40-782b-90fa-b2d8586e78ab"


@given(st.integers(0, 30 * 60_000_000 - 1), st.uuids(version=4))
def test_whatever_comes_in_a_window_has_one_identity(microseconds: int, event_id: UUID) -> None:
    start = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    moment = start + timedelta(microseconds=microseconds)
    other = derive(record(event_id=event_id, engaged_timestamp=moment), RULES, WINDOW)
    first = derive(record(engaged_timestamp=start), RULES, WINDOW)

    assert (other.event_id, other.engaged_timestamp) == (first.event_id, first.engaged_timestamp)


@pytest.mark.parametrize(
    "fields",
    [
        {"post_id": 43},
        {"user_id": 8},
        {"type": "like"},
        {"engaged_timestamp": NOW - timedelta(minutes=30)},
    ],
)
def test_another_post_user_type_or_window_is_another_event(fields: dict[str, Any]) -> None:
    assert (
        derive(record(**fields), RULES, WINDOW).event_id != derive(record(), RULES, WINDOW).event_id
    )


def test_windows_of_different_lengths_are_told_apart() -> None:
    noon = record(engaged_timestamp=NOW.replace(hour=12, minute=0, second=0, microsecond=0))
    hour, half = parse("view:1h", WINDOW.past), parse("view:30m", WINDOW.past)

    assert derive(noon, hour, WINDOW).event_id != derive(noon, half, WINDOW).event_id


@pytest.mark.parametrize("fields", [{"user_id": None}, {"type": "comment"}])
def test_anonymous_events_and_other_types_are_left_alone(fields: dict[str, Any]) -> None:
    assert derive(record(**fields), RULES, WINDOW) == record(**fields)


def test_a_window_that_begins_before_retention_refuses_that_event_alone() -> None:
    old = record(engaged_timestamp=NOW - timedelta(days=399), type="like")
    intake = Intake(3, [old, record()], [0, 2])
    intake.change(lambda each: derive(each, {"like": LONG}, WINDOW))

    assert [(index, error.code) for index, error in intake.refused] == [(0, "timestamp_too_old")]
    assert (intake.indexes, intake.records) == ([2], [record()])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (b"", {}),
        (b"key=x", {}),
        (b"once=", {}),
        (b"twonce=view:1m", {}),
        (b"key=x&once=view:1m", {"view": timedelta(minutes=1)}),
        (b"once=view%3A1d%2Clike%3A366d", {"view": timedelta(days=1), "like": LONG}),
        (b"once=share:2h", {"share": timedelta(hours=2)}),
    ],
)
def test_rules_stand_in_the_query(query: bytes, found: dict[str, timedelta]) -> None:
    assert rules(query, WINDOW) == found


@pytest.mark.parametrize(
    "once",
    [
        "view",
        "view:0m",
        "view:30s",
        "view:25h",
        "like:367d",
        "like:9999999d",
        "comment:1d",
        "view:1m,view:2m",
        "view:1m,",
        "x:1m",
        "view:٣m",
        "view:1m&once=like:1d",
    ],
)
def test_rules_beyond_their_bounds_are_refused(once: str) -> None:
    with pytest.raises(Problem) as caught:
        rules(f"once={once}".encode(), WINDOW)

    assert (caught.value.status, caught.value.code) == (422, "invalid_once")


def test_no_window_is_longer_than_events_are_kept() -> None:
    with pytest.raises(Problem):
        parse("like:31d", timedelta(days=30))
