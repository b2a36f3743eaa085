"""Significant reasons for low engagement of an author, with their numbers."""

from collections.abc import Mapping
from typing import Any

import pytest

from analytics_api.reports.reasons import FeatureReasons, Rate, reason_of_hours, reason_of_rate
from analytics_api.statistics.shrinkage import Unit, shrink_all
from analytics_api.statistics.slots import Habit, slots_of
from analytics_api.statistics.within import Group, Level
from tests.unit.api.test_shrinkage import unit
from tests.unit.api.test_slots import MONDAY_NINE, world


def media(share: float, posts: int, lift: float) -> list[Level]:
    """Posts of which a share has media, which multiply engagement."""
    having = round(share * posts)
    return [
        Level(0, posts - having, 8 * (posts - having), 80 * (posts - having)),
        Level(1, having, 8 * lift * having, 80 * lift**2 * having),
    ]


def features(lift: float) -> Mapping[str, Mapping[Group, list[Level]]]:
    """Author 1 has media in every tenth post, the others in most."""
    shares = {1: 0.1, 2: 0.8, 3: 0.7, 4: 0.9, 5: 0.5, 6: 0.6, 7: 0.7, 8: 0.7, 9: 0.6}
    return {"media": {(a, "Tech"): media(share, 100, lift) for a, share in shares.items()}}


def test_habit_with_less_engagement_is_a_reason() -> None:
    (reason,) = FeatureReasons(features(lift=1.65)).of(1)

    assert reason.reason == "media"
    assert (reason.author, reason.category) == (10.0, 62.2)
    assert reason.effect_pct is not None
    assert -25 < reason.effect_pct < -20
    assert reason.sentence.startswith("10 % of the posts have media (mean 62.2 %): \N{MINUS SIGN}2")


def test_habit_without_effect_is_no_reason() -> None:
    assert list(FeatureReasons(features(lift=1.0)).of(1)) == []


def test_habit_with_more_engagement_is_no_reason() -> None:
    assert list(FeatureReasons(features(lift=1.65)).of(4)) == []


def test_reasons_are_empty_without_posts() -> None:
    assert list(FeatureReasons(features(lift=1.65)).of(99)) == []
    assert list(FeatureReasons({}).of(1)) == []


def test_much_younger_posts_are_a_reason() -> None:
    ages = {
        (1, "Tech"): [Level(5, 10, 0, 0)],
        (2, "Tech"): [Level(60, 10, 0, 0)],
    }
    reasons = FeatureReasons({"age": ages})
    young = reasons.age_of(1)

    assert young is not None
    assert (young.author, young.category, young.effect_pct) == (5.0, 32.5, None)
    assert reasons.age_of(2) is None


def habit(author_id: int, posts: dict[Any, int]) -> Habit:
    return Habit(author_id, f"author {author_id}", "Tech", posts)


def test_worse_hours_than_the_peers_are_a_reason() -> None:
    slots = slots_of(world(1, {MONDAY_NINE: 2.0, (6, 22): 0.3}), least_posts=10)
    late, early = habit(1, {(6, 22): 9, (2, 9): 1}), habit(2, {MONDAY_NINE: 8, (2, 9): 12})
    reason = reason_of_hours(late, [late, early], slots)

    assert reason is not None
    assert reason.author < -50
    # Of 30 posts, 9 at 0.3 of the usual, 8 at twice, 13 at the usual: 5.7 % more, and noise.
    assert reason.category == pytest.approx(5.7, abs=4)
    assert "90 % of the posts in weak hours and 0 % in good ones" in reason.sentence
    assert reason.high_pct is not None
    assert reason.high_pct < 0
    assert reason_of_hours(early, [late, early], slots) is None


def rate(kind: str, own: Unit, others: list[Unit], views: float) -> Rate:
    return Rate(kind, views, own, shrink_all([own, *others])[0])


def test_fewer_views_are_a_reason_with_their_full_effect() -> None:
    others = [unit([50] * 30, [50] * 30) for _ in range(10)]
    reason = reason_of_rate(rate("view", unit([20] * 30, [50] * 30), others, 600), 700)

    assert reason is not None
    assert (reason.reason, reason.author, reason.category) == ("views", 20.0, 50.0)
    assert reason.effect_pct is not None
    assert -65 < reason.effect_pct < -50


def test_lower_rate_is_a_reason_with_its_share_of_all_engagements() -> None:
    others = [unit([10] * 30, [10] * 30) for _ in range(10)]
    own = unit([2] * 30, [10] * 30)
    reason = reason_of_rate(rate("like", own, others, views=3000), engagements=3300)

    assert reason is not None
    assert (reason.author, reason.category) == (2.0, 10.0)
    assert reason.effect_pct is not None
    assert -8 < reason.effect_pct < -5
    assert reason_of_rate(rate("like", others[0], others, views=3000), 3300) is None
