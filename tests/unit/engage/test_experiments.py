"""Experiments: fair arms, results at the end, and plans."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.statistics.within import Level
from engage.commands.experiment import _sentences
from engage.experiment_power import plan_of
from engage.experiments import (
    History,
    assign,
    attrition_p_value,
    compare,
    histories,
    percents,
    result,
    verdict,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + timedelta(days=28)
EXPERIMENT = {
    "name": "slots", "days": 28, "hours": 24, "target_lift": 0.2,
    "start_timestamp": START, "end_timestamp": END,
}  # fmt: skip


@given(st.dictionaries(st.integers(1, 10_000), st.integers(0, 99)), st.text(max_size=20))
def test_arms_are_halves_and_the_same_each_time(sizes: dict[int, float], name: str) -> None:
    arms = assign(name, sizes)

    assert arms == assign(name, dict(sorted(sizes.items())))
    assert arms.keys() == sizes.keys()
    treated = sum(arm == "treatment" for arm in arms.values())
    assert abs(treated - (len(sizes) - treated)) <= 1


def test_authors_of_similar_size_are_in_different_arms() -> None:
    arms = assign("a", {1: 900.0, 2: 5.0, 3: 800.0, 4: 4.0})

    assert arms[1] != arms[3]
    assert arms[2] != arms[4]


def test_another_experiment_draws_other_arms() -> None:
    sizes = dict.fromkeys(range(100), 1.0)
    assert assign("a", sizes) != assign("b", sizes)


def history(author: int, before: float, after: float, posts: int = 10) -> History:
    """Posts that earned these engagements each, or a little more or less."""

    def level(x: float, mean: float, posts: int) -> Level:
        return Level(x, posts, posts * mean, posts * (mean**2 + mean))

    return History(author, level(0, before, posts), level(1, after, posts), posts, posts)


def arm(ratio: float, count: int = 6, first: int = 0) -> list[History]:
    """Authors of whom each changed by about this ratio."""
    wiggle = [0.97, 1.03, 1.0]
    return [
        history(first + n, 20 + n, (20 + n) * ratio * wiggle[n % 3], posts=200)
        for n in range(count)
    ]


def state_of(
    treated: Sequence[History], controls: Sequence[History], now: datetime = END
) -> dict[str, Any]:
    arms = {each.author_id: "treatment" for each in treated}
    arms |= {each.author_id: "control" for each in controls}
    return result(EXPERIMENT, now, arms, [*treated, *controls])


def test_lift_is_the_ratio_of_the_changes_of_both_arms() -> None:
    found = compare(arm(1.5), arm(0.75))

    assert found is not None
    lift, low, high = percents(found)
    assert lift == pytest.approx(100, abs=1)
    assert low < lift < high


def test_result_at_the_end_has_lift_and_verdict() -> None:
    facts = state_of(arm(1.5), arm(0.75, first=100))

    assert facts["verdict"] == "it helps, as much as the target"
    assert facts["low_pct"] > 20
    assert facts["treatment_measured"] == facts["control_measured"] == 6
    assert facts["days"] == "28.0 of 28"


def test_result_before_the_end_has_counts_only() -> None:
    facts = state_of(arm(1.5), arm(0.75, first=100), END - timedelta(days=7))

    assert facts["verdict"] == "none before the planned end, 2026-03-30 00:00 UTC"
    assert facts["treatment_posts"] == 1200
    assert facts["days"] == "21.0 of 28"
    assert "lift_pct" not in facts


def test_result_needs_three_authors_per_arm() -> None:
    assert compare(arm(1.5, count=2), arm(1.0)) is None
    facts = state_of(arm(1.5, count=2), arm(1.0, first=100))
    assert facts["verdict"].startswith("none: each arm needs three authors")


def test_arms_that_lose_different_authors_are_not_compared() -> None:
    lost = [history(n, 20, 0)._replace(after=Level(1, 0, 0, 0)) for n in range(50, 60)]
    facts = state_of([*arm(1.5), *lost], arm(1.0, count=16, first=100))

    assert (facts["treatment_authors"], facts["treatment_measured"]) == (16, 6)
    assert facts["verdict"].startswith("none: more authors of one arm stopped publishing")


def test_equal_attrition_is_no_reason() -> None:
    assert attrition_p_value([True, False], [True, False]) == 1
    assert attrition_p_value([], []) == 1


def test_histories_have_the_posts_of_both_periods() -> None:
    def row(author: int, posts: int, *, after: bool) -> dict[str, Any]:
        return {
            "author_id": author, "is_after": after, "published": 9, "posts": posts,
            "engagements": 3.0 * posts, "squares": 10.0 * posts,
        }  # fmt: skip

    found = histories(
        [row(1, 5, after=False), row(1, 7, after=True), row(2, 0, after=False),
         row(2, 4, after=True)]
    )  # fmt: skip

    assert found[0] == History(1, Level(0, 5, 15, 50), Level(1, 7, 21, 70), 9, 9)
    assert [each.is_measured for each in found] == [True, False]


def test_plan_needs_fewer_authors_for_greater_lifts() -> None:
    placebo = [history(n, 20, 20 * (0.7 + 0.06 * (n % 11)), posts=30) for n in range(22)]
    small, great = (plan_of(placebo, lift) for lift in (0.1, 0.5))

    assert small is not None
    assert great is not None
    assert small.needed.middle > 4 * great.needed.middle
    assert small.power.middle < great.power.middle
    assert small.detectable.low <= small.detectable.middle <= small.detectable.high
    assert small == plan_of(placebo, 0.1)


def test_plan_of_a_loss_that_is_borne_has_a_power() -> None:
    placebo = [history(n, 20, 20 * (0.9 + 0.02 * (n % 11)), posts=300) for n in range(22)]
    found = plan_of(placebo, -0.1)

    assert found is not None
    assert 0.5 < found.power.middle <= 1
    assert -0.2 < found.detectable.middle < 0
    assert _sentences(found, -0.1).startswith("to show a fall of less than 10 % in 8 of 10 cases")


def test_plan_is_unknown_with_few_authors() -> None:
    assert plan_of([history(n, 20, 20) for n in range(5)], 0.2) is None
    assert plan_of([], 0.2) is None


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (25, 60, "it helps, as much as the target"),
        (2, 60, "it helps; whether as much as the target is open"),
        (-30, -2, "it harms"),
        (-10, 15, "it does not help as much as the target"),
        (-10, 40, "open: the interval contains both zero and the target"),
    ],
)
def test_verdict_follows_the_interval_and_the_target(low: float, high: float, said: str) -> None:
    assert verdict(low, high, 20) == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-8, 40, "engagement per post fell by less than 10 %"),
        (-40, -12, "it fell by more than is acceptable"),
        (-30, 20, "open: the interval is too wide"),
    ],
)
def test_verdict_of_a_loss_that_is_borne(low: float, high: float, said: str) -> None:
    assert verdict(low, high, -10) == said
