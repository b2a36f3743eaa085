"""Hours of the week: which are good, and when the next good ones come."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics_api.reports.shrinkage import Unit
from analytics_api.reports.timing.slots import BEST, Place, Slot, openings, place_of, slots_of
from tests.unit.api.test_shrinkage import poisson, unit

VIENNA = ZoneInfo("Europe/Vienna")
MONDAY_NINE = (1, 9)


def world(seed: int, lift: dict[Place, float], posts_each: int = 40) -> dict[Place, Unit]:
    """Posts of which 10 engagements are expected, and a lift in some hours of the week."""
    draw = random.Random(seed)
    return {
        (day, hour): unit(
            [poisson(draw, 10 * lift.get((day, hour), 1.0)) for _ in range(posts_each)],
            [10.0] * posts_each,
        )
        for day in range(7)
        for hour in range(24)
    }


def slot(slots: list[Slot], place: Place) -> Slot:
    return next(found for found in slots if found.place == place)


def test_there_are_168_slots_from_sunday_on() -> None:
    slots = slots_of({}, least_posts=1)

    assert [found.place for found in slots] == [(d, h) for d in range(7) for h in range(24)]
    assert {found.verdict for found in slots} == {"thin"}
    assert {found.estimate.index for found in slots} == {1.0}


def test_a_good_and_a_weak_hour_are_told_from_the_others() -> None:
    slots = slots_of(world(1, {MONDAY_NINE: 1.8, (6, 22): 0.4}), least_posts=10)

    assert slot(slots, MONDAY_NINE).verdict == "good"
    assert slot(slots, (6, 22)).verdict == "weak"
    verdicts = [found.verdict for found in slots]
    assert verdicts.count("good") <= 4
    assert verdicts.count("weak") <= 4


def test_where_no_hour_differs_no_more_are_good_than_the_interval_allows() -> None:
    good = sum(
        found.verdict == "good" for seed in range(5) for found in slots_of(world(seed, {}), 10)
    )
    assert good <= 0.025 * 5 * 168


def test_a_day_without_posts_is_told_by_nobody() -> None:
    units = {place: found for place, found in world(2, {}).items() if place[0] != 3}
    slots = slots_of(units, least_posts=10)

    assert {found.verdict for found in slots if found.place[0] == 3} == {"thin"}


def test_the_hours_beside_a_slot_count_for_its_sample() -> None:
    units = world(3, {}, posts_each=4)

    assert slot(slots_of(units, least_posts=12), MONDAY_NINE).verdict != "thin"
    assert slot(slots_of(units, least_posts=13), MONDAY_NINE).verdict == "thin"


def test_few_posts_in_a_good_hour_of_the_day_lean_on_that_hour() -> None:
    lift = {(day, 9): 1.6 for day in range(7)}
    units = world(4, lift)
    units[MONDAY_NINE] = unit([10.0], [10.0])

    assert slot(slots_of(units, least_posts=1), MONDAY_NINE).estimate.index > 1.1


def good_at(*places: Place) -> list[Slot]:
    slots = slots_of(world(5, dict.fromkeys(places, 2.5)), least_posts=10)
    return [found._replace(verdict="good" if found.place in places else "usual") for found in slots]


def test_the_next_openings_come_in_order_and_last_an_hour() -> None:
    now = datetime(2026, 6, 3, 9, 20, tzinfo=UTC)  # a Wednesday

    found = openings(good_at(MONDAY_NINE, (3, 9), (3, 11)), now, ZoneInfo("UTC"), 3)

    assert [opening.start.isoformat() for opening in found] == [
        "2026-06-03T11:00:00+00:00",
        "2026-06-08T09:00:00+00:00",
        "2026-06-10T09:00:00+00:00",
    ]
    assert all(opening.end - opening.start == timedelta(hours=1) for opening in found)


def test_without_good_slots_nothing_opens() -> None:
    assert openings(slots_of({}, 1), datetime(2026, 6, 3, tzinfo=UTC), VIENNA, 3) == []


@pytest.mark.parametrize(
    ("now", "place", "starts"),
    [
        pytest.param(
            "2026-03-28T22:00:00+01:00",
            (0, 2),
            ["2026-04-05T02:00:00+02:00"],
            id="an hour that the clocks leap over does not open",
        ),
        pytest.param(
            "2026-03-28T22:00:00+01:00",
            (0, 3),
            ["2026-03-29T03:00:00+02:00", "2026-04-05T03:00:00+02:00"],
            id="the hour after the leap does, an hour of time earlier",
        ),
        pytest.param(
            "2026-10-24T22:00:00+02:00",
            (0, 2),
            ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"],
            id="an hour that comes twice opens twice",
        ),
    ],
)
def test_openings_when_the_clocks_change(now: str, place: Place, starts: list[str]) -> None:
    found = openings(good_at(place), datetime.fromisoformat(now), VIENNA, len(starts))

    assert [opening.start.isoformat() for opening in found] == starts


def test_hours_of_zones_with_odd_offsets_open_on_their_own_clocks() -> None:
    now = datetime(2026, 6, 3, 3, 5, tzinfo=UTC)
    (found,) = openings(good_at((3, 9)), now, ZoneInfo("Asia/Kathmandu"), 1)

    assert found.start.isoformat() == "2026-06-03T09:00:00+05:45"
    assert place_of(found.start) == (3, 9)


def test_only_the_best_slots_are_worth_waiting_for() -> None:
    places = [(day, hour) for day in range(7) for hour in range(5, 15)]
    now = datetime(2026, 6, 3, tzinfo=UTC)
    found = openings(good_at(*places), now, ZoneInfo("UTC"), 1000)

    assert len({opening.slot.place for opening in found}) == BEST
