"""Experiments in worlds where the lift is known: power as planned, few false verdicts."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import stats

from analytics_api.statistics.within import Level
from engage.experiment_power import plan_of
from engage.experiments import History, assign, attrition_p_value, compare, percents, result

START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + timedelta(days=28)


class World(NamedTuple):
    """Authors of different quality and volume, who also change by themselves.

    Attributes:
        mean: engagements of an ordinary author's post.
        posts: of an ordinary author in a period.
        drift: standard deviation of the logarithm of an author's change.
        is_viral: one post in twenty earns twelve times as much.
    """

    mean: float
    posts: float
    drift: float
    is_viral: bool = False

    def histories(self, random: np.random.Generator, count: int) -> list[History]:
        """Return authors without treatment, in two periods."""
        found = []
        for author in range(count):
            quality = self.mean * math.exp(random.normal(0, 0.5))
            volume = self.posts * random.gamma(4, 0.25)
            changes = 1.0, 0.9 * math.exp(random.normal(0, self.drift))
            levels = [
                self._level(random, x, quality * change, 1 + random.poisson(volume))
                for x, change in enumerate(changes)
            ]
            found.append(History(author, levels[0], levels[1], levels[0].posts, levels[1].posts))
        return found

    def _level(self, random: np.random.Generator, x: float, mean: float, posts: int) -> Level:
        if self.is_viral:
            chance = random.lognormal(0, 0.6, posts) / 1.86
            chance = chance * np.where(random.random(posts) < 0.05, 12, 1)
        else:
            chance = random.gamma(1 / 0.6, 0.6, posts)
        earned = random.poisson(mean * chance)
        return Level(float(x), posts, float(earned.sum()), float((earned.astype(float) ** 2).sum()))


WORLDS = {
    "one engagement in the first hours": World(1, 12, 0.1),
    "many engagements": World(40, 8, 0.15),
    "viral posts": World(8, 25, 0.1, is_viral=True),
}


def treated(random: np.random.Generator, world: World, lift: float, count: int) -> list[History]:
    found = world.histories(random, count)
    for place, history in enumerate(found):
        earned = float(random.poisson(history.after.engagements * lift))
        squares = history.after.squares * lift**2
        after = history.after._replace(engagements=earned, squares=squares)
        found[place] = history._replace(after=after)
    return found


def share_found(
    random: np.random.Generator, world: World, lift: float, per_arm: int, number: int
) -> float:
    found = 0
    for _ in range(number):
        outcome = compare(treated(random, world, lift, per_arm), world.histories(random, per_arm))
        found += outcome is not None and percents(outcome).low_pct > 0
    return found / number


def check_power(world: World, plans: int, number: int, tolerance: float) -> None:
    """Plans of 60 authors have, on average, the power that they promise."""
    random = np.random.default_rng(31)
    shares, promised, held = [], [], []
    for seed in range(plans):
        plan = plan_of(world.histories(random, 60), 0.2, seed)
        assert plan is not None
        assert plan.needed.low <= plan.needed.middle <= plan.needed.high
        shares.append(share_found(random, world, 1.2, round(plan.needed.middle), number))
        promised.append(plan.power.middle)
        held.append(share_found(random, world, 1.2, plan.per_arm, number))
    assert np.mean(shares) == pytest.approx(0.8, abs=tolerance)
    assert np.mean(held) == pytest.approx(np.mean(promised), abs=tolerance)


def test_plan_has_the_power_that_it_promises() -> None:
    check_power(WORLDS["many engagements"], 1, 80, 0.1)


@pytest.mark.truth_full
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_plan_has_the_power_that_it_promises_in_each_world(world: World) -> None:
    check_power(world, 30, 100, 0.05)


def verdicts(world: World, lift: float, per_arm: int, number: int) -> list[dict[str, Any]]:
    """The results of this number of experiments at their planned end."""
    random = np.random.default_rng(32)
    experiment = {
        "name": "slots", "days": 28, "hours": 24, "target_lift": 0.2,
        "start_timestamp": START, "end_timestamp": END,
    }  # fmt: skip
    found = []
    for _ in range(number):
        pool = world.histories(random, 2 * per_arm)
        arms = assign("slots", {each.author_id: each.before.engagements for each in pool})
        lifted = [
            each._replace(
                after=each.after._replace(
                    engagements=float(random.poisson(lift * each.after.engagements)),
                    squares=each.after.squares * lift**2,
                )
            )
            if arms[each.author_id] == "treatment" and lift != 1
            else each
            for each in pool
        ]
        found.append(result(experiment, END, arms, lifted))
    return found


def check_verdicts(world: World, per_arm: int, number: int) -> None:
    nothing, success = (verdicts(world, lift, per_arm, number) for lift in (1.0, 1.2))
    false = sum(facts["verdict"].startswith(("it helps", "it harms")) for facts in nothing)
    failed = sum(facts["verdict"].startswith(("it does not", "it harms")) for facts in success)
    held = [facts["low_pct"] <= 0 <= facts["high_pct"] for facts in nothing if "low_pct" in facts]
    held += [facts["low_pct"] <= 20 <= facts["high_pct"] for facts in success if "low_pct" in facts]

    assert false / number <= 0.055
    assert failed / number <= 0.055
    assert np.mean(held) >= 0.92


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_verdicts_are_seldom_false(world: World) -> None:
    check_verdicts(world, 12, 120)


@pytest.mark.truth_full
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("per_arm", [5, 12, 40])
def test_verdicts_are_seldom_false_in_each_world(world: World, per_arm: int) -> None:
    check_verdicts(world, per_arm, 2000)


def test_reading_every_day_gives_one_verdict() -> None:
    random = np.random.default_rng(33)
    pool = WORLDS["many engagements"].histories(random, 20)
    arms = assign("slots", {each.author_id: each.before.engagements for each in pool})
    experiment = {
        "name": "slots", "days": 28, "hours": 24, "target_lift": 0.2,
        "start_timestamp": START, "end_timestamp": END,
    }  # fmt: skip
    early = [result(experiment, START + timedelta(days=day), arms, pool) for day in range(28)]
    late = [result(experiment, END + timedelta(days=day), arms, pool) for day in range(28)]

    assert all(facts["verdict"].startswith("none before") for facts in early)
    assert all("lift_pct" not in facts for facts in early)
    assert all(facts == late[0] for facts in late)
    assert "lift_pct" in late[0]


def test_arms_of_a_stratified_draw_have_alike_authors() -> None:
    random = np.random.default_rng(34)
    gaps = []
    for number in range(200):
        sizes = {author: math.exp(random.normal(3, 1)) for author in range(20)}
        arms = assign(f"experiment {number}", sizes)
        logs = {
            arm: np.mean([math.log(sizes[author]) for author in sizes if arms[author] == arm])
            for arm in ("treatment", "control")
        }
        gaps.append(logs["treatment"] - logs["control"])
    assert np.std(gaps) < 0.15  # of unstratified halves: 0.45
    assert abs(np.mean(gaps)) < 0.05


def test_probability_of_attrition_equals_scipy() -> None:
    for treated_kept, controls_kept in ((10, 10), (4, 10), (9, 3), (0, 10)):
        arms = [[n < kept for n in range(10)] for kept in (treated_kept, controls_kept)]
        table = [[treated_kept, 10 - treated_kept], [controls_kept, 10 - controls_kept]]
        assert attrition_p_value(*arms) == pytest.approx(stats.fisher_exact(table).pvalue)
