"""Detection of unusual changes, and of changes by chance."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics_api.statistics.baseline import (
    NO_TIDE,
    History,
    Move,
    Tail,
    Tide,
    Tides,
    false_alarms,
    is_known,
    move_of,
    scatter_of,
    windows,
    young_move,
    z_of,
)

STEADY = [100, 90, 110, 105, 95, 100, 98, 102]


def author(now: int, before: Any = STEADY, key: int = 1) -> History:
    return History("author", str(key), now, before, key)


OTHERS = [author(100, [*STEADY[n:], *STEADY[:n]], n) for n in range(2, 10)]


def moved(history: History, tide: Tide = NO_TIDE) -> Move:
    return move_of(history, tide, scatter_of([history, *OTHERS]))


@pytest.mark.parametrize(
    ("now", "direction"),
    [
        pytest.param(100, 0, id="as ever"),
        pytest.param(120, 0, id="within the scatter"),
        pytest.param(200, 1, id="twice as much"),
        pytest.param(40, -1, id="less than half"),
    ],
)
def test_z_score_is_the_distance_over_the_scatter(now: int, direction: int) -> None:
    z = moved(author(now)).z

    assert (z >= 3.5) - (z <= -3.5) == direction


def test_baseline_ignores_one_exceptional_week() -> None:
    usual, strange = moved(author(200)), moved(author(200, [*STEADY[:7], 9_000]))

    assert strange.expected == pytest.approx(usual.expected, rel=0.05)
    assert strange.z > 3.5


def test_scatter_is_at_least_that_of_a_poisson_count() -> None:
    assert moved(author(3, [1, 1, 1, 1])).z < 3.5
    assert moved(author(0, [3, 3, 3, 3])).z > -3.5
    assert moved(author(30, [1, 1, 1, 1])).z > 3.5


def test_scatter_of_an_author_is_moderated_by_that_of_the_others() -> None:
    wild = [40, 250, 90, 160, 60, 110, 30, 200]
    calm_ones = scatter_of([author(100, wild), *OTHERS])
    wild_ones = scatter_of([author(100, wild, n) for n in range(1, 9)])

    assert abs(move_of(author(250, wild), NO_TIDE, wild_ones).z) < 2.5
    assert move_of(author(250), NO_TIDE, calm_ones).z > move_of(author(250), NO_TIDE, wild_ones).z


def test_baseline_of_few_events_is_their_mean_times_the_tide() -> None:
    thin = [0, 1, 0, 0, 1, 0, 1, 0]

    assert author(0, thin).baseline == 0.375
    assert abs(moved(author(120, thin), Tide(320.0, 50)).z) < 0.5


def test_move_is_relative_to_the_tide() -> None:
    assert moved(author(300), Tide(3.0, 50)).z == pytest.approx(0, abs=0.5)
    assert moved(author(100), Tide(3.0, 50)).z < -3.5


def test_tide_is_that_of_the_other_authors() -> None:
    calm = [author(100, key=key) for key in range(1, 9)]
    viral = author(50_000, key=9)

    assert Tides([*calm, viral]).without(9).factor == pytest.approx(1.0, abs=0.02)
    assert Tides([*calm, viral]).without(1).factor == pytest.approx(1.0, abs=0.05)
    assert Tides([*calm, viral]).without(9).authors == pytest.approx(8)
    risen = [author(210, key=key) for key in range(1, 9)]
    assert Tides(risen).without(0).factor == pytest.approx(2.1, abs=0.05)


def test_tide_needs_five_other_authors() -> None:
    assert Tides([author(210, key=key) for key in range(1, 6)]).without(1) == NO_TIDE
    assert Tides([]).without(0) == NO_TIDE
    assert Tides([author(5, [0, 0, 0], key) for key in range(1, 9)]).without(1) == NO_TIDE


def test_baseline_is_unknown_with_too_few_weeks() -> None:
    assert not is_known(author(5, [1, 2]))
    assert is_known(author(5, [1, 2, 3]))
    assert is_known(History("post", "1", 5, [1]))
    assert not is_known(History("post", "1", 5, []))


TAIL = Tail(share=0.05, start=1.7, excess=0.5, posts=100)


def test_young_post_is_compared_with_the_tail_of_its_peers() -> None:
    far = young_move(score=6.0, median=3.0, peers=100, tail=TAIL)

    assert far is not None
    assert far.expected == pytest.approx(19.0855, abs=1e-3)
    assert far.p_value == pytest.approx(2 * 0.05 * 2.718281828 ** (-4.3 / 0.55), rel=1e-3)
    low = young_move(score=-6.0, median=3.0, peers=100, tail=TAIL)
    assert low is not None
    assert low.z == -far.z


def test_young_post_does_not_move_within_the_tail_or_with_few_peers() -> None:
    usual = young_move(score=1.0, median=3.0, peers=100, tail=TAIL)

    assert usual is not None
    assert usual.z == 0
    assert young_move(score=6.0, median=3.0, peers=19, tail=TAIL) is None
    equal = young_move(score=0.0, median=0.0, peers=50, tail=Tail(0.2, 0.0, 0.0, 10))
    assert equal is not None
    assert abs(equal.z) < 1


def test_false_alarms_are_those_of_a_week() -> None:
    move = Move(1.0, z_of(0.001))

    assert false_alarms(move, hours=24, tested=50, kinds=5) == pytest.approx(7 * 50 * 5 * 0.001)
    assert false_alarms(move, hours=168, tested=1, kinds=1) == pytest.approx(0.001)


def test_windows_of_weeks_before_start_at_the_same_local_time() -> None:
    zone = ZoneInfo("America/New_York")
    end = datetime(2026, 3, 12, 13, tzinfo=UTC)  # nine o'clock, four days after the clocks changed
    found = windows(end - timedelta(hours=1), end, zone)

    assert found[0].end == end
    assert found[1].end == datetime(2026, 3, 5, 14, tzinfo=UTC)
    assert {window.end.astimezone(zone).hour for window in found} == {9}
    assert len(found) == 9
