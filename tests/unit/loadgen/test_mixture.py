"""Shares of duplicates and invalid events, and the error of each invalid event."""

import uuid
from collections import Counter
from datetime import UTC, datetime
from random import Random

import msgspec
import pytest

from loadgen.events import BREAKS_AN_ARRAY, FAULTS, Event, Item, Mix, Mixer, corrupt
from loadgen.traffic import Facts, Traffic
from schema.errors import InvalidEvent
from schema.validation import complete
from schema.wire import decode_draft
from tests.factories import WINDOW

RECEIVED = datetime(2026, 3, 1, 21, tzinfo=UTC)


def receive(body: bytes) -> None:
    complete(decode_draft(body), RECEIVED, WINDOW, uuid.uuid4)


@pytest.fixture(scope="module")
def events(facts: Facts, now_us: int) -> list[Event]:
    return list(Traffic(facts, 1).history(10_000, now_us - 10**12, now_us))


def mixed(events: list[Event], mix: Mix, *, is_array: bool = False) -> list[Item]:
    return list(Mixer(mix, 1, is_array=is_array).mix(events))


def test_events_are_valid_and_unchanged_without_a_mix(events: list[Event]) -> None:
    items = mixed(events, Mix())

    assert [item.event for item in items] == events
    for item in items[:500]:
        receive(item.body)
        assert msgspec.json.decode(item.body, type=Event) == item.event


def test_duplicates_come_on_top_near_and_far(events: list[Event]) -> None:
    items = mixed(events, Mix(duplicates=0.05))
    first: dict[str, int] = {}
    distances = [
        place - first[item.event.event_id]
        for place, item in enumerate(items)
        if item.event and first.setdefault(item.event.event_id, place) != place
    ]

    assert len(distances) / len(events) == pytest.approx(0.05, abs=0.01)
    assert sum(distance <= 110 for distance in distances) > len(distances) / 3
    assert sum(distance > 1000 for distance in distances) > len(distances) / 4


def test_invalid_events_come_on_top_and_an_array_has_none_that_breaks_it(
    events: list[Event],
) -> None:
    errors = Counter(item.error for item in mixed(events, Mix(invalid=0.1)) if item.error)
    array = mixed(events, Mix(invalid=0.2), is_array=True)

    assert errors.total() / len(events) == pytest.approx(0.1, abs=0.01)
    assert set(errors) == set(FAULTS)
    assert not {item.error for item in array} & BREAKS_AN_ARRAY
    assert msgspec.json.decode(b"[" + b",".join(item.body for item in array) + b"]")


@pytest.mark.parametrize("error", FAULTS)
def test_invalid_event_is_rejected_with_its_error(events: list[Event], error: str) -> None:
    random = Random(1)
    for event in events[:50]:
        with pytest.raises(InvalidEvent) as caught:
            receive(corrupt(event, error, random))

        assert caught.value.code == error
