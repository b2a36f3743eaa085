"""Indexes: that they shrink, that their intervals hold, and the quantiles they are made of."""

import math
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.reports.shrinkage import (
    NO_POSTS,
    Unit,
    dispersion_of,
    gamma_cdf,
    gamma_quantile,
    interval,
    shrink,
    shrink_all,
    spread_of,
)


def unit(observed: Sequence[float], expected: Sequence[float]) -> Unit:
    pairs = list(zip(observed, expected, strict=True))
    return Unit(
        len(pairs),
        sum(y for y, _ in pairs),
        sum(e for _, e in pairs),
        sum(y * y for y, _ in pairs),
        sum(y * e for y, e in pairs),
        sum(e * e for _, e in pairs),
    )


@pytest.mark.parametrize(
    ("shape", "low", "high"),
    [
        # Half the quantiles of chi-squared with 2 x shape degrees of freedom, from its tables.
        pytest.param(0.5, 0.000491, 2.511943, id="1 degree of freedom"),
        pytest.param(1.0, 0.025318, 3.688879, id="2"),
        pytest.param(5.0, 1.623486, 10.241589, id="10"),
        pytest.param(50.0, 37.110964, 64.780599, id="100"),
    ],
)
def test_quantiles_are_those_of_tables(shape: float, low: float, high: float) -> None:
    assert gamma_quantile(0.025, shape) == pytest.approx(low, abs=1e-6)
    assert gamma_quantile(0.975, shape) == pytest.approx(high, abs=1e-6)


@given(
    st.floats(-3, 4).map(lambda power: 10.0**power),
    st.sampled_from([0.005, 0.025, 0.2, 0.5, 0.8, 0.975, 0.995]),
)
def test_a_quantile_is_where_the_distribution_function_has_its_probability(
    shape: float, probability: float
) -> None:
    found = gamma_quantile(probability, shape)

    assert math.isfinite(found)
    if found > 1e-290:
        assert gamma_cdf(found, shape) == pytest.approx(probability, abs=1e-6)


def test_an_interval_is_around_the_mean_and_tighter_with_more_to_go_by() -> None:
    little, much = interval(4, 2), interval(400, 200)

    assert little.low < little.index == 2 < little.high
    assert much.index == 2
    assert much.high - much.low < (little.high - little.low) / 5


def test_few_posts_move_an_index_less_than_many() -> None:
    few = shrink(unit([20] * 2, [10] * 2), spread=0.1, dispersion=0.5)
    many = shrink(unit([20] * 200, [10] * 200), spread=0.1, dispersion=0.5)

    assert 1 < few.index < 1.5 < many.index < 2
    assert few.high - few.low > many.high - many.low


def test_without_posts_nothing_but_the_prior_is_known() -> None:
    found = shrink(NO_POSTS, spread=0.25, dispersion=1.0)

    assert found.index == 1
    assert found.spread == 0.25


def test_where_nothing_differs_nothing_is_made_of_chance() -> None:
    draw = random.Random(1)
    units = [unit([poisson(draw, 5) for _ in range(20)], [5] * 20) for _ in range(50)]

    assert dispersion_of(units) < 0.05
    assert spread_of(units, 0.0) == pytest.approx(0.01)
    clear = [e for e in shrink_all(units) if e.low > 1 or e.high < 1]
    assert len(clear) <= 1


def test_the_excess_variance_of_posts_is_found() -> None:
    draw = random.Random(2)
    units = [
        unit([poisson(draw, 20 * draw.gammavariate(2, 0.5)) for _ in range(50)], [20] * 50)
        for _ in range(50)
    ]

    assert dispersion_of(units) == pytest.approx(0.5, abs=0.05)


def test_nothing_comes_of_nothing() -> None:
    assert shrink_all([]) == []
    assert dispersion_of([unit([0, 0], [1, 1])]) == 0.0
    assert shrink_all([unit([0], [0.5])])[0].index == pytest.approx(1, abs=0.1)


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0.1, 50)), min_size=1, max_size=30))
def test_any_counts_have_an_index_inside_its_interval(pairs: list[tuple[int, float]]) -> None:
    units = [unit([y], [e]) for y, e in pairs]

    for found in shrink_all(units):
        assert 0 <= found.low <= found.index <= found.high
        assert math.isfinite(found.high)


def plain(_: random.Random) -> float:
    return 1.0


def viral(draw: random.Random) -> float:
    """Chance as in life: most posts earn little, one in twenty twelve times as much."""
    return draw.lognormvariate(0, 0.6) * (12 if draw.random() < 0.05 else 1) / 1.86


@pytest.mark.parametrize(
    ("mean", "chance", "held_at_least"),
    [
        pytest.param(2, plain, 0.92, id="few engagements"),
        pytest.param(50, plain, 0.92, id="many engagements"),
        pytest.param(2, viral, 0.88, id="few engagements, viral posts"),
        pytest.param(50, viral, 0.88, id="many engagements, viral posts"),
    ],
)
def test_intervals_hold_the_truth_about_as_often_as_they_say(
    mean: float, chance: Callable[[random.Random], float], held_at_least: float
) -> None:
    draw = random.Random(3)
    held = total = 0
    for _ in range(6):
        truths = [draw.gammavariate(4, 0.25) for _ in range(40)]
        units = []
        for truth in truths:
            posts = draw.randint(3, 40)
            earned = [poisson(draw, truth * mean * chance(draw)) for _ in range(posts)]
            units.append(unit(earned, [mean] * posts))
        for truth, found in zip(truths, shrink_all(units), strict=True):
            held += found.low <= truth <= found.high
            total += 1
    assert held / total >= held_at_least


def poisson(draw: random.Random, mean: float) -> int:
    """Knuth's multiplication; by the normal distribution where that takes long."""
    if mean > 60:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), draw.random(), 0
    while product > limit:
        product *= draw.random()
        count += 1
    return count
