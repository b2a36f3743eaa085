"""Hours of the week: which are good, and when the next good ones come."""

import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics_api.statistics.places import Pair
from analytics_api.statistics.slots import BEST, Place, Slot, openings, place_of, slots_of
from tests.unit.api.test_shrinkage import poisson

VIENNA = ZoneInfo("Europe/Vienna")
MONDAY_NINE = (1, 9)


def pairs_of(posts: Iterable[tuple[Any, Place, float]]) -> list[Pair]:
    """The rows of posting_slots of posts: the group of each, its place, and what it earned."""
    groups: dict[Any, list[tuple[Place, float]]] = defaultdict(list)
    for group, place, earned in posts:
        groups[group].append((place, earned))
    sums: dict[tuple[str, int, int], list[float]] = defaultdict(lambda: [0.0] * 5)
    for own in groups.values():
        if len(own) < 2:
            continue
        mean = statistics.fmean(earned for _, earned in own)
        variance = statistics.variance(earned for _, earned in own)
        counts: dict[str, Counter[int]] = defaultdict(Counter)
        totals: dict[tuple[str, int], float] = defaultdict(float)
        for (day, hour), earned in own:
            for kind, place in (("slot", 24 * day + hour), ("hour", hour), ("day", day)):
                counts[kind][place] += 1
                totals[kind, place] += earned
        for kind, of_kind in counts.items():
            for one, posts_of_one in of_kind.items():
                for other, posts_of_other in of_kind.items():
                    if one == other or (one < other and kind != "slot"):
                        scatter = posts_of_one * ((one == other) - posts_of_other / len(own))
                        added = (
                            posts_of_one, totals[kind, one], posts_of_one * mean,
                            variance * scatter, mean * scatter,
                        )  # fmt: skip
                        row = sums[kind, one, other]
                        row[:] = [old + new for old, new in zip(row, added, strict=True)]
    return [
        Pair(*key, int(posts_of_pair), *rest)
        for key, (posts_of_pair, *rest) in sorted(sums.items())
    ]


def world(seed: int, lift: dict[Place, float], posts_each: int = 40) -> list[Pair]:
    """Posts of an author that earn 10 engagements, and a lift in some hours of the week."""
    draw = random.Random(seed)
    return pairs_of(
        (1, (day, hour), poisson(draw, 10 * lift.get((day, hour), 1.0)))
        for day in range(7)
        for hour in range(24)
        for _ in range(posts_each)
    )


def slot(slots: list[Slot], place: Place) -> Slot:
    return next(found for found in slots if found.place == place)


def test_slots_are_168_beginning_with_sunday() -> None:
    slots = slots_of([], least_posts=1)

    assert [found.place for found in slots] == [(d, h) for d in range(7) for h in range(24)]
    assert {found.verdict for found in slots} == {"thin"}
    assert {found.index for found in slots} == {1.0}


def test_verdict_finds_a_good_and_a_weak_hour() -> None:
    slots = slots_of(world(1, {MONDAY_NINE: 1.8, (6, 22): 0.4}), least_posts=10)

    assert slot(slots, MONDAY_NINE).verdict == "good"
    assert slot(slots, (6, 22)).verdict == "weak"
    verdicts = [found.verdict for found in slots]
    assert verdicts.count("good") <= 4
    assert verdicts.count("weak") <= 4


def test_verdict_of_a_day_without_posts_is_thin() -> None:
    pairs = [pair for pair in world(2, {}) if pair.kind != "slot" or pair.place // 24 != 3]
    slots = slots_of(pairs, least_posts=10)

    assert {found.verdict for found in slots if found.place[0] == 3} == {"thin"}


def test_neighbouring_hours_count_for_the_minimum_of_posts() -> None:
    pairs = world(3, {}, posts_each=4)

    assert slot(slots_of(pairs, least_posts=12), MONDAY_NINE).verdict != "thin"
    assert slot(slots_of(pairs, least_posts=13), MONDAY_NINE).verdict == "thin"


def test_slot_with_few_posts_is_shrunk_towards_its_hour_of_the_day() -> None:
    lift = {(day, 9): 1.6 for day in range(7)}
    pairs = [pair for pair in world(4, lift) if (pair.kind, pair.place) != ("slot", 24 + 9)]

    assert slot(slots_of(pairs, least_posts=1), MONDAY_NINE).index > 1.3


def test_lifts_of_hours_are_those_that_were_made() -> None:
    lift = {(day, hour): 1.5 for day in range(7) for hour in range(17, 20)}
    slots = slots_of(world(6, lift), least_posts=10)
    usual = 1 + 0.5 * 3 / 24

    for found in slots:
        assert found.index == pytest.approx(lift.get(found.place, 1.0) / usual, rel=0.12)
        assert found.low < found.index < found.high
    assert slot(slots, (2, 18)).verdict == "good"


def test_equal_posts_have_equal_hours() -> None:
    posts = [(1, (day, hour), 7.0) for day in range(7) for hour in range(24) for _ in range(5)]
    slots = slots_of(pairs_of(posts), least_posts=1)

    assert {found.verdict for found in slots} == {"usual"}
    assert all(found.index == pytest.approx(1) for found in slots)


def good_at(*places: Place) -> list[Slot]:
    slots = slots_of(world(5, dict.fromkeys(places, 2.5)), least_posts=10)
    return [replace(found, verdict="good" if found.place in places else "usual") for found in slots]


def test_openings_are_in_order_and_last_an_hour() -> None:
    now = datetime(2026, 6, 3, 9, 20, tzinfo=UTC)  # a Wednesday

    found = openings(good_at(MONDAY_NINE, (3, 9), (3, 11)), now, ZoneInfo("UTC"), 3)

    assert [opening.start.isoformat() for opening in found] == [
        "2026-06-03T11:00:00+00:00",
        "2026-06-08T09:00:00+00:00",
        "2026-06-10T09:00:00+00:00",
    ]
    assert all(opening.end - opening.start == timedelta(hours=1) for opening in found)


def test_openings_are_empty_without_good_slots() -> None:
    assert openings(slots_of([], 1), datetime(2026, 6, 3, tzinfo=UTC), VIENNA, 3) == []


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
def test_openings_follow_changes_of_the_clocks(now: str, place: Place, starts: list[str]) -> None:
    found = openings(good_at(place), datetime.fromisoformat(now), VIENNA, len(starts))

    assert [opening.start.isoformat() for opening in found] == starts


def test_openings_start_at_full_local_hours_in_zones_with_odd_offsets() -> None:
    now = datetime(2026, 6, 3, 3, 5, tzinfo=UTC)
    (found,) = openings(good_at((3, 9)), now, ZoneInfo("Asia/Kathmandu"), 1)

    assert found.start.isoformat() == "2026-06-03T09:00:00+05:45"
    assert place_of(found.start) == (3, 9)


def test_openings_are_of_the_best_slots() -> None:
    places = [(day, hour) for day in range(7) for hour in range(5, 15)]
    now = datetime(2026, 6, 3, tzinfo=UTC)
    found = openings(good_at(*places), now, ZoneInfo("UTC"), 1000)

    assert len({opening.slot.place for opening in found}) == BEST
