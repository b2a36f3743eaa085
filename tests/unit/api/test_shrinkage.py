"""Shrunken indexes, their intervals, and quantiles of the gamma distribution."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.statistics.shrinkage import (
    Prior,
    Unit,
    dispersion_of,
    gamma_cdf,
    gamma_quantile,
    interval,
    priors_of,
    shrink,
    shrink_all,
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
def test_gamma_quantiles_equal_published_tables(shape: float, low: float, high: float) -> None:
    assert gamma_quantile(0.025, shape) == pytest.approx(low, abs=1e-6)
    assert gamma_quantile(0.975, shape) == pytest.approx(high, abs=1e-6)


@given(
    st.floats(-3, 4).map(lambda power: 10.0**power),
    st.sampled_from([0.005, 0.025, 0.2, 0.5, 0.8, 0.975, 0.995]),
)
def test_gamma_quantile_is_the_inverse_of_the_distribution_function(
    shape: float, probability: float
) -> None:
    found = gamma_quantile(probability, shape)

    assert math.isfinite(found)
    if found > 1e-290:
        assert gamma_cdf(found, shape) == pytest.approx(probability, abs=1e-6)


def test_interval_contains_the_mean_and_narrows_with_more_data() -> None:
    little, much = interval(4, 2), interval(400, 200)

    assert little.low < little.index == 2 < little.high
    assert much.index == 2
    assert much.high - much.low < (little.high - little.low) / 5


PRIOR = [Prior(1.0, 1.0, 0.1, 0.5)]


def test_index_is_shrunk_more_with_few_posts() -> None:
    few, many = (shrink(unit([20] * posts, [10] * posts), PRIOR) for posts in (2, 200))

    assert 1 < few.index < 1.5 < many.index < 2
    assert few.high - few.low > many.high - many.low


def test_interval_is_wider_where_the_baseline_comes_from_few_posts() -> None:
    own = unit([20] * 20, [10] * 20)
    of_few, of_many = (own._replace(by_posts=200**2 / posts) for posts in (5, 500))
    few, many = (shrink(each, PRIOR) for each in (of_few, of_many))

    assert few.high / few.low > 1.2 * many.high / many.low


def test_interval_averages_over_guesses_of_the_dispersion() -> None:
    own = unit([20] * 20, [10] * 20)
    guesses = [Prior(0.5, 1.0, 0.1, dispersion) for dispersion in (0.1, 2.0)]
    widths = [
        each.high - each.low for each in (shrink(own, [g._replace(weight=1)]) for g in guesses)
    ]
    both = shrink(own, guesses)

    assert widths[0] < both.high - both.low < widths[1] * 1.2


def test_units_that_differ_by_chance_are_not_clear() -> None:
    draw = random.Random(1)
    units = [unit([poisson(draw, 5) for _ in range(20)], [5] * 20) for _ in range(50)]

    assert dispersion_of(units)[0] < 0.05
    clear = [e for e in shrink_all(units) if e.low > 1 or e.high < 1]
    assert len(clear) <= 1


def test_dispersion_estimates_the_excess_variance() -> None:
    draw = random.Random(2)
    units = [
        unit([poisson(draw, 20 * draw.gammavariate(2, 0.5)) for _ in range(50)], [20] * 50)
        for _ in range(50)
    ]

    assert dispersion_of(units) == (pytest.approx(0.5, abs=0.05), 50 * 49)


def test_weights_of_the_guesses_add_up_to_1() -> None:
    draw = random.Random(4)
    units = [unit([poisson(draw, 5)], [5]) for _ in range(40)]

    assert sum(prior.weight for prior in priors_of(units)) == pytest.approx(1)


def test_indexes_are_empty_without_units() -> None:
    assert shrink_all([]) == []
    assert dispersion_of([unit([0, 0], [1, 1])]) == (0.0, 1)
    assert shrink_all([unit([0], [0.5])])[0].index == pytest.approx(1, abs=0.5)


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0.1, 50)), min_size=1, max_size=30))
def test_index_lies_within_its_interval(pairs: list[tuple[int, float]]) -> None:
    units = [unit([y], [e]) for y, e in pairs]

    for found in shrink_all(units):
        assert 0 <= found.low <= found.index <= found.high
        assert math.isfinite(found.high)


def poisson(draw: random.Random, mean: float) -> int:
    """Knuth's multiplication; by the normal distribution where that takes long."""
    if mean > 60:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), draw.random(), 0
    while product > limit:
        product *= draw.random()
        count += 1
    return count
