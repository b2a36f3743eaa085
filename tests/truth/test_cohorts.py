"""Tenure of new authors in worlds without improvement, or with a known one."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from analytics_api.statistics.cohorts import Earned, month_factors, tenure_index

MONTHS = 12
LATER = 4


class World(NamedTuple):
    """Authors who join over a year, and established ones.

    Attributes:
        new, established: number of authors.
        posts: of an author in a month.
        mean: engagements of an ordinary author's post.
        growth: factor of the platform's engagement from month to month.
        improvement: factor of a new author's engagement from month to month.
        drift: factor by which authors are better who joined a month earlier.
    """

    new: int
    established: int
    posts: int
    mean: float
    growth: float = 1.0
    improvement: float = 1.0
    drift: float = 1.0

    def draw(self, random: np.random.Generator) -> list[Earned]:
        found = []
        for author in range(self.new + self.established):
            is_new = author < self.new
            joined = int(random.integers(0, MONTHS)) if is_new else 0
            # Who joined early is better, and worse authors leave sooner.
            quality = random.lognormal(0, 0.5) * (self.drift ** (MONTHS - joined) if is_new else 1)
            leaves = MONTHS if quality > 1 or not is_new else joined + int(random.integers(1, 7))
            for calendar in range(joined, min(leaves, MONTHS)):
                tenure = calendar - joined if is_new else None
                mean = self.mean * quality * self.growth**calendar
                mean *= self.improvement ** (tenure or 0)
                chance = random.lognormal(-0.18, 0.6, self.posts)
                earned = random.poisson(mean * chance).astype(float)
                sums = float(earned.sum()), float((earned**2).sum())
                found.append(Earned(author, "Tech", calendar, tenure, self.posts, *sums))
        return found


def trial(world: World, seed: int) -> tuple[float, float, float] | None:
    """The index of a later month and its interval."""
    earned = world.draw(np.random.default_rng(seed))
    new = [each for each in earned if each.month is not None]
    found = tenure_index(new, LATER, month_factors(earned))
    if found is None:
        return None
    slope, reach = found.slope, found.reach
    return math.exp(slope), math.exp(slope - reach), math.exp(slope + reach)


WORLDS = {
    "no improvement": World(40, 20, 5, 20),
    "no improvement, sparse": World(40, 20, 5, 0.5),
    "no improvement, authors differ by when they joined": World(40, 20, 5, 20, drift=1.1),
    "no improvement, the platform grows": World(40, 20, 5, 20, growth=1.1),
    "everybody improves": World(40, 20, 5, 20, improvement=1.1),
    "everybody improves while the platform shrinks": World(
        40, 20, 5, 20, growth=0.95, improvement=1.1
    ),
    "one post a month": World(60, 30, 1, 20),
    "400 authors": World(400, 100, 3, 5, drift=1.1),
}


def coverage(world: World, trials: int) -> tuple[float, float]:
    """The share of intervals that contain the truth, and the mean logarithm of the error."""
    truth = world.improvement**LATER
    found = [each for seed in range(trials) if (each := trial(world, seed))]
    assert len(found) >= 0.9 * trials
    held = [low <= truth <= high for _, low, high in found]
    return float(np.mean(held)), float(np.mean([math.log(index / truth) for index, *_ in found]))


@pytest.mark.parametrize("world", list(WORLDS.values())[:-1], ids=list(WORLDS)[:-1])
def test_index_is_that_of_the_authors_not_of_their_composition(world: World) -> None:
    held, error = coverage(world, 60)

    assert held >= 0.85  # of 60, fewer than 52 hold in one of 500 such tests
    assert abs(error) < 0.1


@pytest.mark.truth_full
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_intervals_hold_the_truth(world: World) -> None:
    trials = 600 if world.new < 100 else 200
    held, error = coverage(world, trials)

    # 92 to 98 %, and twice the standard error of the share in that number of trials.
    allowed = 2 * math.sqrt(0.05 / trials)
    assert 0.92 - allowed <= held <= 0.98 + allowed
    assert abs(error) < 0.03


def test_means_by_tenure_would_rise_though_nobody_improves() -> None:
    world = WORLDS["no improvement, authors differ by when they joined"]
    earned = world.draw(np.random.default_rng(1))
    means = []
    for month in (0, 8):
        own = [each for each in earned if each.month == month]
        means.append(sum(each.engagements for each in own) / sum(each.posts for each in own))

    assert means[1] > 1.2 * means[0]


def test_index_is_unknown_with_few_authors() -> None:
    assert trial(World(3, 20, 5, 20), 1) is None


def test_factors_of_months_are_those_of_the_platform() -> None:
    world = World(0, 60, 10, 50, growth=1.1)
    factors = month_factors(world.draw(np.random.default_rng(2))).factors

    for month in range(1, MONTHS):
        assert factors[month] / factors[0] == pytest.approx(1.1**month, rel=0.15)


def test_factors_are_1_without_established_authors() -> None:
    world = World(20, 3, 5, 20, growth=1.1)
    assert month_factors(world.draw(np.random.default_rng(3))).factors[5] == 1
