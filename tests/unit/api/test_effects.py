"""Effects of features: values, and when none is reported."""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.reports.effects import effects_of
from analytics_api.statistics.within import (
    Group,
    Level,
    interval_percent,
    lift_percent,
    within,
)

Post = tuple[Group, float, float]
"""The group of a post, its feature, and its engagements."""

posts = st.lists(
    st.tuples(
        st.tuples(st.integers(1, 8), st.sampled_from("AB")),
        st.sampled_from([0.0, 1.0, 2.5]),
        st.integers(0, 30).map(float),
    ),
    max_size=60,
)


def levels(posts: Iterable[Post]) -> dict[Group, list[Level]]:
    """Each group's posts by the values of the feature."""
    own: dict[tuple[Group, float], list[float]] = defaultdict(list)
    for group, feature, earned in posts:
        own[group, feature].append(earned)
    found: dict[Group, list[Level]] = defaultdict(list)
    for (group, feature), earned in own.items():
        squares = sum(each**2 for each in earned)
        found[group].append(Level(feature, len(earned), sum(earned), squares))
    return found


def names_of(features: Mapping[str, Mapping[Group, Sequence[Level]]]) -> list[str]:
    return [effect.feature for effect in effects_of(features)]


@given(posts)
def test_slope_solves_the_score_equation_post_by_post(drawn: list[Post]) -> None:
    found = within(levels(drawn), min_authors=1)
    if found is None:
        return
    score = curvature = 0.0
    for group in {group for group, _, _ in drawn}:
        ours = [(x, y) for g, x, y in drawn if g == group]
        powers = [math.exp(found.slope * x) for x, _ in ours]
        level = sum(y for _, y in ours) / sum(powers)
        score += sum(x * (y - level * power) for (x, y), power in zip(ours, powers, strict=True))
        curvature += sum(x * x * level * power for (x, _), power in zip(ours, powers, strict=True))
    assert abs(score) <= 1e-5 * max(1.0, curvature)
    assert found.posts <= len(drawn)
    assert 0 <= found.p_value <= 1
    assert (found.reach < abs(found.slope)) == (found.p_value < 0.05)


def varied(authors: int, lift: float, each: int = 10) -> list[Post]:
    """Posts of which every other one has the feature, which multiplies engagement."""
    draw = random.Random(1)
    return [
        ((author, "A"), float(n % 2), draw.randint(90, 110) * (lift if n % 2 else 1))
        for author in range(authors)
        for n in range(each)
    ]


def test_feature_that_no_author_varies_has_no_effect() -> None:
    constant = [((author, "A"), float(author % 2), 10.0) for author in range(20)] * 3
    never = [((author, "A"), 0.0, 10.0) for author in range(20)]

    assert names_of({"media": levels(constant), "promoted": levels(never)}) == []


def test_feature_without_engagement_has_no_effect() -> None:
    rows = [((author, "A"), float(n), 0.0) for author in range(20) for n in (0, 1)]
    none_with = [((author, "A"), float(n), 5.0 * (1 - n)) for author in range(20) for n in (0, 1)]

    assert names_of({"media": levels(rows), "promoted": levels(none_with)}) == []


def test_clear_effects_come_first() -> None:
    features = {
        "media": levels(varied(10, 1.0)),
        "promoted": levels(varied(10, 1.5)),
        "tag:a": levels(varied(10, 3.0)),
        "age": levels(varied(10, 9.0)),
    }
    found = effects_of(features)

    assert [(effect.feature, effect.is_clear) for effect in found] == [
        ("tag:a", True),
        ("promoted", True),
        ("media", False),
    ]


def test_effects_are_empty_without_posts() -> None:
    assert effects_of({}) == []
    assert effects_of({"media": {}}) == []


def test_equal_ratios_have_an_interval_without_width() -> None:
    rows = [((a, "A"), x, 7 * 2**x) for a in range(8) for x in (0.0, 1.0) for _ in range(3)]
    estimate = within(levels(rows))

    assert estimate is not None
    assert lift_percent(estimate.slope) == 100.0
    assert estimate.error == pytest.approx(0, abs=1e-9)
    low, high = interval_percent(estimate)
    assert low < 100 < high
    assert (estimate.posts, estimate.posts_with) == (48, 24)


def test_lift_refers_to_the_unit_of_the_feature() -> None:
    rows = [((a, "A"), float(x), 100 * math.exp(0.01 * x)) for a in range(8) for x in (10, 20, 35)]
    (effect,) = effects_of({"title_length": levels(rows)})

    assert effect.unit == "10 characters more"
    assert effect.lift_pct == lift_percent(0.1)
    assert effect.posts_with is None
    assert effect.authors == pytest.approx(8, abs=0.1)


def test_rare_tags_have_no_effect() -> None:
    assert names_of({"tag:rare": levels(varied(14, 2.0, each=4))}) == []
    assert names_of({"tag:common": levels(varied(15, 2.0, each=4))}) == ["tag:common"]
