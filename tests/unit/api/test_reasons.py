"""Why an author earns less: only what is clear, with its numbers."""

from collections.abc import Mapping
from typing import Any

from analytics_api.reports.insight.effects import Group, GroupSums
from analytics_api.reports.opportunity.reasons import FeatureReasons, Rate, of_hours, of_rate
from analytics_api.reports.shrinkage import Unit, shrink_all
from analytics_api.reports.timing.habits import Habit
from analytics_api.reports.timing.slots import slots_of
from tests.unit.api.test_shrinkage import unit
from tests.unit.api.test_slots import MONDAY_NINE, world


def media(share: float, posts: int, bonus: float) -> GroupSums:
    """Posts of which a share has media, which bring a bonus in logarithms."""
    having = round(share * posts)
    return GroupSums(
        posts, having, having, having, having * (2 + bonus), 2 * posts + having * bonus
    )


def features(bonus: float) -> Mapping[str, Mapping[Group, GroupSums]]:
    """Author 1 has media in every tenth post, the others in most."""
    shares = {1: 0.1, 2: 0.8, 3: 0.7, 4: 0.9}
    return {"media": {(a, "Tech"): media(share, 100, bonus) for a, share in shares.items()}}


def test_a_habit_that_goes_along_with_less_is_told() -> None:
    (reason,) = FeatureReasons(features(bonus=0.5)).of(1)

    assert reason.reason == "media"
    assert (reason.author, reason.category) == (10.0, 62.5)
    assert reason.effect_pct is not None
    assert -25 < reason.effect_pct < -20
    assert reason.sentence.startswith(
        "10 % of the posts have media (usual 62.5 %): \N{MINUS SIGN}2"
    )


def test_a_habit_that_makes_no_difference_is_not() -> None:
    assert list(FeatureReasons(features(bonus=0.0)).of(1)) == []


def test_a_habit_that_goes_along_with_more_is_none_for_less() -> None:
    assert list(FeatureReasons(features(bonus=0.5)).of(4)) == []


def test_without_posts_there_are_no_reasons() -> None:
    assert list(FeatureReasons(features(bonus=0.5)).of(9)) == []
    assert list(FeatureReasons({}).of(1)) == []


def test_much_younger_posts_explain_low_all_time_averages() -> None:
    ages = {
        (1, "Tech"): GroupSums(10, 10, 50, 0, 0, 0),
        (2, "Tech"): GroupSums(10, 10, 600, 0, 0, 0),
    }
    reasons = FeatureReasons({"age": ages})
    young = reasons.age_of(1)

    assert young is not None
    assert (young.author, young.category, young.effect_pct) == (5.0, 32.5, None)
    assert reasons.age_of(2) is None


def habit(author_id: int, posts: dict[Any, int]) -> Habit:
    return Habit(author_id, f"author {author_id}", "Tech", posts)


def test_hours_that_are_worse_than_the_peers_are_told() -> None:
    slots = slots_of(world(1, {MONDAY_NINE: 2.0, (6, 22): 0.3}), least_posts=10)
    late, early = habit(1, {(6, 22): 9, (2, 9): 1}), habit(2, {MONDAY_NINE: 8, (2, 9): 12})
    reason = of_hours(late, [late, early], slots)

    assert reason is not None
    assert reason.author < -50 < reason.category < 0
    assert "90 % of the posts in weak hours and 10 % in good ones" in reason.sentence
    assert reason.high_pct is not None
    assert reason.high_pct < 0
    assert of_hours(early, [late, early], slots) is None


def rate(kind: str, own: Unit, others: list[Unit], views: float) -> Rate:
    return Rate(kind, views, own, shrink_all([own, *others])[0])


def test_fewer_views_are_told_and_everything_follows_them() -> None:
    others = [unit([50] * 30, [50] * 30) for _ in range(10)]
    reason = of_rate(rate("view", unit([20] * 30, [50] * 30), others, 600), 700)

    assert reason is not None
    assert (reason.reason, reason.author, reason.category) == ("views", 20.0, 50.0)
    assert reason.effect_pct is not None
    assert -65 < reason.effect_pct < -50


def test_a_lower_rate_costs_what_is_missing_of_all_engagements() -> None:
    others = [unit([10] * 30, [10] * 30) for _ in range(10)]
    own = unit([2] * 30, [10] * 30)
    reason = of_rate(rate("like", own, others, views=3000), engagements=3300)

    assert reason is not None
    assert (reason.author, reason.category) == (2.0, 10.0)
    assert reason.effect_pct is not None
    assert -8 < reason.effect_pct < -5
    assert of_rate(rate("like", others[0], others, views=3000), 3300) is None
