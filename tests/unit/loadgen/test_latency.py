"""The latency histogram."""

from random import Random

import pytest

from loadgen.latency import Histogram


def test_an_empty_histogram_has_zeros() -> None:
    assert Histogram().percentile(99) == 0.0


@pytest.mark.parametrize("percent", [50, 90, 99, 99.9])
def test_percentiles_are_exact_to_two_percent(percent: float) -> None:
    random = Random(1)
    values = sorted(random.lognormvariate(-5, 1.5) for _ in range(20_000))
    histogram = Histogram()
    for value in values:
        histogram.record(value)

    exact = values[int(len(values) * percent / 100) - 1]
    assert histogram.percentile(percent) == pytest.approx(exact, rel=0.02, abs=2e-6)


def test_no_percentile_is_above_the_largest_value() -> None:
    histogram = Histogram()
    histogram.record(0.010001, times=3)

    assert histogram.count == 3
    assert histogram.percentile(99.9) == histogram.max_seconds == 0.010001
