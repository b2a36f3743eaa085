"""Derived identities: the same in a window, different outside it, and always valid."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_service.dedupe import Rules, derive_identity, parse_once
from ingest_service.parse import ParsedBatch
from schema.event import Draft, Record
from schema.uuid7 import time_of
from schema.validation import Window, complete
from tests.factories import WINDOW
from web.problems import Problem

NOW = datetime(2026, 3, 10, 12, 47, 11, 5, tzinfo=UTC)
LONG = timedelta(days=366)
RULES = parse_once(["view:30m,like:1d"], WINDOW)
KEY = b"a secret of this deployment"
CLIENTS_ID = UUID("019cd8a6-0000-7000-8000-000000000001")


def record(**fields: Any) -> Record:
    given_fields = {"event_id": CLIENTS_ID, "engaged_timestamp": NOW, "user_id": 7} | fields
    draft = Draft(**({"post_id": 42, "type": "view"} | given_fields))
    return complete(draft, NOW, WINDOW, lambda: CLIENTS_ID)


def test_derived_id_has_the_start_of_the_window_and_is_the_same_in_every_release() -> None:
    derived = derive_identity(record(), RULES, WINDOW, KEY)

    assert str(derived.event_id) == "019cd7b9-bd40-7b70-afe4-941ce98d4cbf"
    assert (derived.event_id.version, derived.event_id.variant) == (7, "specified in RFC 4122")
    assert time_of(derived.event_id) == derived.engaged_timestamp
    assert derived.engaged_timestamp == datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


@given(st.integers(0, 30 * 60_000_000 - 1), st.uuids(version=4))
def test_events_of_one_window_have_one_identity(microseconds: int, event_id: UUID) -> None:
    start = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    moment = start + timedelta(microseconds=microseconds)
    other = derive_identity(record(event_id=event_id, engaged_timestamp=moment), RULES, WINDOW, KEY)
    first = derive_identity(record(engaged_timestamp=start), RULES, WINDOW, KEY)

    assert (other.event_id, other.engaged_timestamp) == (first.event_id, first.engaged_timestamp)


@pytest.mark.parametrize(
    ("fields", "rules", "key"),
    [
        pytest.param({"post_id": 43}, RULES, KEY, id="post"),
        pytest.param({"user_id": 8}, RULES, KEY, id="user"),
        pytest.param({"type": "like"}, RULES, KEY, id="type"),
        pytest.param({"engaged_timestamp": NOW - timedelta(minutes=30)}, RULES, KEY, id="window"),
        pytest.param({}, parse_once(["view:10m"], WINDOW), KEY, id="length of the window"),
        pytest.param({}, RULES, b"another", id="secret"),
    ],
)
def test_derived_id_differs_with(fields: dict[str, Any], rules: Rules, key: bytes) -> None:
    found = derive_identity(record(**fields), rules, WINDOW, key)

    assert found.event_id != derive_identity(record(), RULES, WINDOW, KEY).event_id


@pytest.mark.parametrize("fields", [{"user_id": None}, {"type": "comment"}])
def test_identity_is_kept_for_anonymous_events_and_other_types(fields: dict[str, Any]) -> None:
    assert derive_identity(record(**fields), RULES, WINDOW, KEY) == record(**fields)


def test_event_is_rejected_alone_when_its_window_starts_before_retention() -> None:
    old = record(engaged_timestamp=NOW - timedelta(days=399), type="like")
    batch = ParsedBatch(3, [old, record()], [0, 2])
    batch.replace_each(lambda each: derive_identity(each, {"like": LONG}, WINDOW, KEY))

    assert [(index, error.code) for index, error in batch.rejected] == [(0, "timestamp_too_old")]
    assert (batch.indexes, batch.records) == ([2], [record()])


@pytest.mark.parametrize(
    ("given_values", "rules"),
    [
        ([], {}),
        ([""], {}),
        (["view:1d,like:366d"], {"view": timedelta(days=1), "like": LONG}),
        (["share:2h"], {"share": timedelta(hours=2)}),
    ],
)
def test_once_is_parsed(given_values: list[str], rules: Rules) -> None:
    assert parse_once(given_values, WINDOW) == rules


@pytest.mark.parametrize(
    "given_values",
    [
        ["view"], ["view:0m"], ["view:30s"], ["view:25h"], ["like:367d"], ["like:9999999d"],
        ["comment:1d"], ["view:1m,view:2m"], ["view:1m,"], ["x:1m"], ["view:٣m"],
        ["view:1m", "like:1d"],
    ],
)  # fmt: skip
def test_once_is_rejected_when_it_is_malformed_or_out_of_bounds(given_values: list[str]) -> None:
    with pytest.raises(Problem) as caught:
        parse_once(given_values, WINDOW)

    assert (caught.value.status, caught.value.code) == (422, "invalid_once")


def test_once_is_rejected_when_a_window_is_longer_than_retention() -> None:
    with pytest.raises(Problem):
        parse_once(["like:31d"], Window(timedelta(days=30), timedelta(0)))
