"""Repeats and invalid events: their shares, and that each fault is what it claims to be."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from loadgen.events import Event
from loadgen.facts import Facts
from loadgen.faults import BREAKS_AN_ARRAY, FAULTS, spoil
from loadgen.mixture import Item, Mix, Mixer
from loadgen.traffic import Traffic
from schema.admission import Window, admit
from schema.errors import InvalidEvent
from schema.wire import decode_draft

RECEIVED = datetime(2026, 3, 1, 21, tzinfo=UTC)
WINDOW = Window(past=timedelta(days=400), future=timedelta(minutes=5))


def receive(body: bytes) -> None:
    admit(decode_draft(body), RECEIVED, WINDOW, uuid.uuid4)


@pytest.fixture(scope="module")
def events(facts: Facts, now_us: int) -> list[Event]:
    return list(Traffic(facts, 1).history(10_000, now_us - 10**12, now_us))


def mixed(events: list[Event], mix: Mix, *, is_array: bool = False) -> list[Item]:
    return list(Mixer(mix, 1, is_array=is_array).mix(events))


def test_without_a_mix_the_events_pass_unchanged(events: list[Event]) -> None:
    items = mixed(events, Mix())

    assert [item.event for item in items] == events
    assert all(msgspec.json.decode(item.body, type=Event) == item.event for item in items[:100])


def test_every_event_is_admitted(events: list[Event]) -> None:
    for item in mixed(events, Mix())[:500]:
        receive(item.body)


def test_the_same_seed_gives_the_same_items(events: list[Event]) -> None:
    mix = Mix(duplicates=0.1, invalid=0.1)

    assert mixed(events[:1000], mix) == mixed(events[:1000], mix)


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


def test_invalid_events_come_on_top_and_of_every_kind(events: list[Event]) -> None:
    items = mixed(events, Mix(invalid=0.1))
    errors = Counter(item.error for item in items if item.error)

    assert errors.total() / len(events) == pytest.approx(0.1, abs=0.01)
    assert set(errors) == set(FAULTS)


def test_an_array_holds_nothing_that_breaks_it(events: list[Event]) -> None:
    items = mixed(events, Mix(invalid=0.2), is_array=True)

    assert not {item.error for item in items} & BREAKS_AN_ARRAY
    assert msgspec.json.decode(b"[" + b",".join(item.body for item in items) + b"]")


@pytest.mark.parametrize("error", FAULTS)
def test_a_fault_is_refused_for_what_it_is(events: list[Event], error: str) -> None:
    random = Random(1)
    for event in events[:50]:
        with pytest.raises(InvalidEvent) as refusal:
            receive(spoil(event, error, random))

        assert refusal.value.code == error
