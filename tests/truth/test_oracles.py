"""The oracles themselves agree with the statistics that the reports compute without them."""

import pytest
from scipy import stats

from analytics_api.statistics.shrinkage import gamma_cdf, gamma_quantile

SHAPES = (0.05, 0.5, 1.0, 7.5, 120.0, 5_000.0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("probability", [0.025, 0.5, 0.975])
def test_gamma_quantile_equals_scipy(shape: float, probability: float) -> None:
    expected = stats.gamma.ppf(probability, shape)

    assert gamma_quantile(probability, shape) == pytest.approx(expected, rel=1e-6)
    assert gamma_cdf(expected, shape) == pytest.approx(probability, rel=1e-6)
