"""Experiments: fair arms, honest intervals, enough authors."""

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.experiments import (
    assign,
    authors_needed,
    changes,
    compare,
    detectable_percent,
    t_quantile,
    verdict,
)


@given(st.sets(st.integers(1, 10_000)), st.text(max_size=20))
def test_arms_are_halves_and_the_same_each_time(authors: set[int], name: str) -> None:
    arms = assign(name, authors)

    assert arms == assign(name, sorted(authors))
    assert arms.keys() == authors
    treated = sum(arm == "treatment" for arm in arms.values())
    assert treated - (len(authors) - treated) in {0, 1}


def test_another_experiment_draws_other_arms() -> None:
    assert assign("a", range(100)) != assign("b", range(100))


@pytest.mark.parametrize(
    ("probability", "freedom", "expected"),
    [(0.975, 4, 2.776), (0.975, 10, 2.228), (0.975, 30, 2.042), (0.95, 5, 2.015)],
)
def test_students_quantiles_are_those_of_the_tables(
    probability: float, freedom: float, expected: float
) -> None:
    assert t_quantile(probability, freedom) == pytest.approx(expected, abs=0.005)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    draw, held = random.Random(7), 0
    for _ in range(1000):
        treated = [draw.gauss(math.log(1.2), 0.3) for _ in range(6)]
        controls = [draw.gauss(0.0, 0.5) for _ in range(9)]
        found = compare(treated, controls)
        assert found is not None
        held += found.low_pct <= 20 <= found.high_pct
    assert 925 <= held <= 975


def test_so_many_authors_find_the_lift_as_often_as_promised() -> None:
    draw = random.Random(3)
    placebo = [draw.gauss(0, 0.3) for _ in range(2000)]
    needed = authors_needed(placebo, 0.2)
    assert needed is not None
    found = 0
    for _ in range(300):
        treated = [draw.gauss(math.log(1.2), 0.3) for _ in range(needed)]
        result = compare(treated, [draw.gauss(0, 0.3) for _ in range(needed)])
        found += result is not None and result.low_pct > 0
    assert 0.74 <= found / 300 <= 0.86
    assert detectable_percent(placebo, needed) == pytest.approx(20, abs=0.5)


def test_too_few_say_nothing() -> None:
    assert compare([1.0, 2.0], [1.0, 2.0, 3.0]) is None
    assert authors_needed([0.1], 0.2) is None
    assert authors_needed([0.1, 0.2], 0.0) is None
    assert detectable_percent([0.1, 0.2], 2) is None


def test_equal_changes_have_no_width() -> None:
    found = compare([math.log(2)] * 3, [0.0] * 3)
    assert found is not None
    assert (found.lift_pct, found.low_pct, found.high_pct) == (100.0, 100.0, 100.0)


def test_a_change_needs_old_posts_in_both_periods() -> None:
    def row(author: int, mean: float | None, *, after: bool) -> dict[str, Any]:
        return {"author_id": author, "is_after": after, "posts": 3, "mean_log": mean}

    found = changes(
        [row(1, 1.0, after=False), row(1, 1.5, after=True),
         row(2, None, after=False), row(2, 1.5, after=True)]
    )  # fmt: skip

    assert [(change.author_id, change.log_ratio) for change in found] == [(1, 0.5), (2, None)]


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (25, 40, "as much as hoped for"),
        (5, 40, "is open"),
        (-5, 10, "does not help as much"),
        (-20, -5, "harms"),
        (-5, 40, "open"),
    ],
)
def test_the_verdict_is_what_the_interval_says(low: float, high: float, said: str) -> None:
    assert said in verdict(low, high, 20)


@pytest.mark.parametrize(
    ("low", "high", "said"), [(-9, 5, "less than 10 %"), (-30, -11, "fell"), (-30, 5, "open")]
)
def test_where_a_loss_is_borne_the_verdict_is_about_the_loss(
    low: float, high: float, said: str
) -> None:
    assert said in verdict(low, high, -10)
