"""Changes from week to week in worlds where it is known whether anything changed."""

from typing import NamedTuple

import numpy as np
import pytest

from analytics_api.statistics.changes import MAX_CHANGES, usual_change

Array = np.ndarray


class World(NamedTuple):
    """A platform whose weeks differ by chance.

    Attributes:
        mean: engagements of a week.
        scatter: standard deviation of the logarithm of a week's level.
        drift: the same of changes that last.
        growth: of a week, as a logarithm.
        weeks: recorded before.
    """

    mean: float
    scatter: float = 0.0
    drift: float = 0.0
    growth: float = 0.0
    weeks: int = MAX_CHANGES + 1

    def draw(self, random: np.random.Generator) -> Array:
        """Return the counts of weeks, the latest first."""
        count = self.weeks + 1
        levels = np.cumsum(random.normal(-self.growth, self.drift, count))
        levels += random.normal(0, self.scatter, count)
        return random.poisson(self.mean * np.exp(levels))


STEADY = {
    "chance alone": World(10_000),
    "few engagements": World(30),
    "weeks scatter": World(50_000, scatter=0.08),
    "weeks scatter, few engagements": World(60, scatter=0.2),
    "changes last": World(50_000, drift=0.1),
    "growth": World(50_000, scatter=0.05, growth=0.05),
    "five weeks": World(50_000, scatter=0.08, weeks=5),
}


def share_exceeded(world: World, number: int, factor: float = 1.0) -> float:
    random = np.random.default_rng(51)
    exceeded = 0
    for _ in range(number):
        now, *before = world.draw(random).tolist()
        now = random.poisson(now * factor) if factor != 1 else now
        usual = usual_change(now, before)
        assert usual is not None
        exceeded += usual.is_exceeded_by(now, before[0])
    return exceeded / number


@pytest.mark.parametrize("world", STEADY.values(), ids=STEADY)
def test_range_holds_the_changes_of_a_steady_platform(world: World) -> None:
    assert 0.02 <= share_exceeded(world, 2000) <= 0.08


@pytest.mark.truth_full
@pytest.mark.parametrize("world", STEADY.values(), ids=STEADY)
def test_range_holds_the_changes_as_often_as_it_says(world: World) -> None:
    assert 0.02 <= share_exceeded(world, 20_000) <= 0.065


@pytest.mark.parametrize(
    ("world", "factor", "power"),
    [
        pytest.param(World(10_000), 1.1, 0.9, id="chance alone"),
        pytest.param(World(50_000, scatter=0.08), 1.5, 0.75, id="weeks scatter"),
        pytest.param(World(50_000, scatter=0.08), 0.67, 0.75, id="a fall"),
    ],
)
def test_change_that_is_more_than_usual_is_found(world: World, factor: float, power: float) -> None:
    assert share_exceeded(world, 500, factor) >= power


def test_usual_change_of_few_weeks_is_unknown() -> None:
    assert usual_change(10, [10, 11, 9, 10]) is None
