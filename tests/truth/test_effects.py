"""Effects of features in worlds where they are known: ratios, intervals, and false alarms."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from analytics_api.reports.effects import Effect, Features, effects_of
from analytics_api.statistics.inference import are_clear, t_p_value, t_quantile
from analytics_api.statistics.within import Level, within

Array = np.ndarray


class World(NamedTuple):
    """Authors of different quality whose posts' engagements scatter.

    Attributes:
        authors, posts: number of authors, and of the posts of each.
        mean: engagements of an ordinary author's post.
        is_viral: one post in twenty earns twelve times as much.
    """

    authors: int
    posts: int
    mean: float
    is_viral: bool = False

    def draw(self, random: np.random.Generator, lifts: Mapping[str, float]) -> Features:
        """Return posts whose features, one in six with each, multiply engagement by these."""
        author = np.repeat(np.arange(self.authors), self.posts)
        group = 2 * author + random.integers(0, 2, len(author))
        quality = np.exp(random.normal(0, 0.6, self.authors))[author]
        habits = {name: random.beta(2, 10, self.authors)[author] for name in lifts}
        has = {name: random.random(len(author)) < habit for name, habit in habits.items()}
        expected = self.mean * quality
        for name, lift in lifts.items():
            expected = expected * np.where(has[name], lift, 1.0)
        if self.is_viral:
            chance = random.lognormal(0, 0.6, len(author)) / 1.86
            chance = chance * np.where(random.random(len(author)) < 0.05, 12, 1)
        else:
            chance = random.gamma(1 / 0.6, 0.6, len(author))
        earned = random.poisson(expected * chance)
        return {name: levels(group, has[name].astype(float), earned) for name in lifts}


def levels(group: Array, feature: Array, earned: Array) -> dict[tuple[int, str], list[Level]]:
    """Sum posts up as sql/post_features.sql does; a group is twice the author plus the category."""
    keys, place = np.unique(np.stack([group, feature]), axis=1, return_inverse=True)
    posts, total, squares = (
        np.bincount(place.ravel(), weights) for weights in (None, earned, earned.astype(float) ** 2)
    )
    found: dict[tuple[int, str], list[Level]] = {}
    for key, *sums in zip(keys.T, posts, total, squares, strict=True):
        level = Level(float(key[1]), int(sums[0]), float(sums[1]), float(sums[2]))
        found.setdefault((int(key[0]) // 2, f"category {key[0] % 2:g}"), []).append(level)
    return found


SPARSE = World(authors=40, posts=60, mean=0.7)
WORLDS = {
    "few engagements": SPARSE,
    "many engagements": World(authors=40, posts=40, mean=80),
    "viral posts": World(authors=40, posts=40, mean=8, is_viral=True),
    "few authors": World(authors=14, posts=80, mean=8),
    "many authors of few posts": World(authors=400, posts=8, mean=3),
}


def promoted(world: World, lift: float, number: int) -> list[Effect]:
    """The effect of promotion in this number of worlds; without those where it is not estimated."""
    random = np.random.default_rng(8)
    found = [effects_of(world.draw(random, {"promoted": lift})) for _ in range(number)]
    return [effect for effects in found for effect in effects]


def check_lift(world: World, lift: float, number: int) -> None:
    effects = promoted(world, lift, number)
    truth = 100 * (lift - 1)
    held = sum(effect.low_pct <= truth <= effect.high_pct for effect in effects) / len(effects)
    middle = np.mean([math.log1p(effect.lift_pct / 100) for effect in effects])

    assert len(effects) > number / 2
    assert 0.92 <= held <= 0.98 + 1 / math.sqrt(len(effects)) / 5
    assert middle == pytest.approx(math.log(lift), abs=0.05)


@pytest.mark.parametrize("world", [SPARSE, WORLDS["viral posts"]], ids=["sparse", "viral"])
@pytest.mark.parametrize("lift", [1.5, 2.5])
def test_lift_of_promotion_is_the_ratio_that_it_is(world: World, lift: float) -> None:
    check_lift(world, lift, 150)


@pytest.mark.truth_full
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("lift", [1.0, 1.5, 2.5])
def test_lift_of_promotion_is_the_ratio_that_it_is_in_each_world(world: World, lift: float) -> None:
    check_lift(world, lift, 1500)


def share_with_a_clear_effect(world: World, number: int, tags: int) -> float:
    random = np.random.default_rng(9)
    lifts = {f"tag:{tag}": 1.0 for tag in range(tags)}
    drawn = (effects_of(world.draw(random, lifts)) for _ in range(number))
    return sum(any(effect.is_clear for effect in effects) for effects in drawn) / number


def test_forty_tags_without_effect_are_seldom_clear() -> None:
    assert share_with_a_clear_effect(World(20, 40, 5), 40, 40) <= 0.06


@pytest.mark.truth_full
@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("tags", [1, 40])
def test_tags_without_effect_are_seldom_clear_in_each_world(world: World, tags: int) -> None:
    assert share_with_a_clear_effect(world, 1500 // tags + 300, tags) <= 0.06


@pytest.mark.truth_full
def test_few_of_the_clear_effects_are_false_when_some_are_true() -> None:
    random = np.random.default_rng(10)
    lifts = {f"tag:{tag}": 1.6 if tag < 10 else 1.0 for tag in range(40)}
    shares = []
    for _ in range(200):
        effects = effects_of(WORLDS["many engagements"].draw(random, lifts))
        clear = [effect for effect in effects if effect.is_clear]
        false = sum(lifts[effect.feature] == 1.0 for effect in clear)
        shares.append(false / max(1, len(clear)))
        assert len(clear) >= 5
    assert np.mean(shares) <= 0.06


@pytest.mark.parametrize("authors", [1, 3, 5])
def test_feature_of_fewer_than_six_authors_has_no_effect(authors: int) -> None:
    random = np.random.default_rng(11)
    world = World(authors, 200, 20)
    assert effects_of(world.draw(random, {"tag:rare": 3.0})) == []


def test_feature_that_marks_good_authors_has_no_effect() -> None:
    """Authors with the habit are ten times as good; the habit itself changes nothing."""
    random = np.random.default_rng(12)
    clear = 0
    for _ in range(100):
        author = np.repeat(np.arange(30), 40)
        is_good = author % 2 == 1
        has = random.random(len(author)) < np.where(is_good, 0.8, 0.1)
        earned = random.poisson(np.where(is_good, 30, 3))
        (effect,) = effects_of({"media": levels(2 * author, has.astype(float), earned)})
        clear += effect.is_clear
    assert clear <= 6


def test_longer_titles_have_the_ratio_that_they_have() -> None:
    random = np.random.default_rng(13)
    held = 0
    for _ in range(100):
        author = np.repeat(np.arange(30), 40)
        length = random.integers(20, 100, len(author))
        earned = random.poisson(5 * np.exp(0.01 * length) * random.gamma(2, 0.5, len(author)))
        (effect,) = effects_of(
            {"title_length": levels(2 * author, length // 10 * 10 + 4.5, earned)}
        )
        held += effect.low_pct <= 100 * math.expm1(0.1) <= effect.high_pct
    assert held >= 92


def test_slope_equals_a_poisson_regression_with_a_level_per_group() -> None:
    random = np.random.default_rng(14)
    features = World(8, 30, 4).draw(random, {"media": 1.8})
    rows = [
        (group, level)
        for group, of_group in features["media"].items()
        for level in of_group
        if len(of_group) > 1
    ]
    groups = sorted({group for group, _ in rows})
    design = np.array(
        [[float(group == each) for each in groups] + [level.x] for group, level in rows]
    )
    fitted = sm.GLM(
        [level.engagements for _, level in rows],
        design,
        family=sm.families.Poisson(),
        exposure=[level.posts for _, level in rows],
    ).fit(tol=1e-12)
    found = within(features["media"], min_authors=2)

    assert found is not None
    assert found.slope == pytest.approx(fitted.params[-1], abs=1e-6)


def test_equal_authors_have_as_many_degrees_of_freedom_less_one() -> None:
    group = [Level(0, 10, 20, 60), Level(1, 10, 30, 120)]
    found = within({(author, "A"): group for author in range(9)})

    assert found is not None
    assert found.freedom == pytest.approx(8)


@pytest.mark.parametrize("freedom", [1.0, 4.3, 5.0, 30.0, 2000.0])
def test_students_distribution_equals_scipy(freedom: float) -> None:
    assert t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)
    for t in (0.0, 0.4, 2.2, 9.0):
        assert t_p_value(t, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), rel=1e-9)


def test_choice_of_clear_tests_equals_scipy() -> None:
    random = np.random.default_rng(15)
    for _ in range(50):
        p_values = random.beta(0.4, 2, 20)
        expected = stats.false_discovery_control(p_values) <= 0.05
        assert are_clear(p_values.tolist()) == expected.tolist()
    assert are_clear([]) == []
