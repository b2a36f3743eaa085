"""What moves, and what only seems to."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from analytics_api.reports.movers.usual import (
    History,
    is_known,
    move_of,
    tide_of,
    windows,
    young_move,
)

STEADY = [100, 90, 110, 105, 95, 100, 98, 102]


def author(now: int, before: Any = STEADY) -> History:
    return History("author", "1", now, before)


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        pytest.param(100, 0, id="as ever"),
        pytest.param(120, 0, id="within the scatter"),
        pytest.param(200, 1, id="twice as much"),
        pytest.param(40, -1, id="less than half"),
    ],
)
def test_a_distance_counts_in_units_of_the_usual_scatter(now: int, moved: int) -> None:
    z = move_of(author(now), tide=1.0).z

    assert (z >= 3.5) - (z <= -3.5) == moved


def test_one_strange_week_does_not_move_what_is_usual() -> None:
    usual, strange = move_of(author(200), 1.0), move_of(author(200, [*STEADY[:7], 9_000]), 1.0)

    assert strange.expected == pytest.approx(usual.expected, rel=0.05)
    assert strange.z > 3.5


def test_small_counts_scatter_by_chance_alone() -> None:
    assert move_of(author(3, [1, 1, 1, 1]), 1.0).z < 3.5
    assert move_of(author(0, [3, 3, 3, 3]), 1.0).z > -3.5
    assert move_of(author(30, [1, 1, 1, 1]), 1.0).z > 3.5


def test_of_thin_traffic_the_mean_is_usual_and_the_tide_carries_it() -> None:
    thin = [0, 1, 0, 0, 1, 0, 1, 0]

    assert author(0, thin).usual == 0.375
    assert move_of(author(120, thin), tide=320.0).z == pytest.approx(0, abs=0.5)


def test_what_rises_with_everything_else_does_not_move() -> None:
    assert move_of(author(300), tide=3.0).z == pytest.approx(0, abs=0.5)
    assert move_of(author(100), tide=3.0).z < -3.5


def test_the_tide_is_what_most_authors_do() -> None:
    calm = [author(100) for _ in range(8)]
    viral = author(50_000)

    assert tide_of([*calm, viral]) == pytest.approx(1.0, abs=0.02)
    assert tide_of([author(210) for _ in range(5)]) == pytest.approx(2.1, abs=0.05)
    assert tide_of([]) == 1.0
    assert tide_of([author(5, [0, 0, 0])]) == 1.0


def test_too_few_weeks_tell_nothing() -> None:
    assert not is_known(author(5, [1, 2]))
    assert is_known(author(5, [1, 2, 3]))
    assert is_known(History("post", "1", 5, [1]))
    assert not is_known(History("post", "1", 5, []))


def test_a_young_post_is_held_against_its_peers() -> None:
    far = young_move(level=6.0, median=3.0, distance=0.5, peers=100)

    assert far is not None
    assert far.z == pytest.approx(3 / (1.4826 * 0.5))
    assert far.expected == pytest.approx(19.0855, abs=1e-3)
    assert young_move(level=6.0, median=3.0, distance=0.5, peers=19) is None


def test_where_all_peers_are_alike_chance_alone_is_the_unit() -> None:
    found = young_move(level=3.0, median=0.0, distance=0.0, peers=50)

    assert found is not None
    assert found.z == 3.0


def test_the_weeks_before_begin_at_the_same_hour_of_the_clock() -> None:
    zone = ZoneInfo("America/New_York")
    end = datetime(2026, 3, 12, 13, tzinfo=UTC)  # nine o'clock, four days after the clocks changed
    found = windows(end - timedelta(hours=1), end, zone)

    assert found[0].end == end
    assert found[1].end == datetime(2026, 3, 5, 14, tzinfo=UTC)
    assert {window.end.astimezone(zone).hour for window in found} == {9}
    assert len(found) == 9
