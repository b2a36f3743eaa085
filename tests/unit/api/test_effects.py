"""Effects of features: what they are, and when they are not told."""

import math
import random
import statistics
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.effects import Outcomes, interval_percent, lift_percent
from analytics_api.insight_reports import effects_of

posts = st.lists(
    st.tuples(
        st.tuples(st.integers(1, 5), st.sampled_from("AB")),
        st.floats(0, 10),
        st.floats(0, 5).map(lambda x: round(x, 2)),
    ),
    max_size=60,
)


@given(posts)
def test_the_estimate_is_that_of_least_squares_within_groups(
    drawn: list[tuple[tuple[int, str], float, float]],
) -> None:
    """Differences from group means, by the definition, post by post."""
    groups = {group for group, _, _ in drawn}
    centred: list[tuple[int, float, float]] = []
    for group in groups:
        ours = [(outcome, feature) for g, outcome, feature in drawn if g == group]
        if len({feature for _, feature in ours}) > 1:
            outcome, feature = (statistics.fmean(column) for column in zip(*ours, strict=True))
            centred += [(group[0], y - outcome, x - feature) for y, x in ours]
    authors = {author for author, _, _ in centred}

    found = Outcomes([p[0] for p in drawn], [p[1] for p in drawn]).estimate(
        {place: p[2] for place, p in enumerate(drawn)}
    )

    if len(authors) < 3:
        assert found is None
        return
    assert found is not None
    square = sum(x * x for _, _, x in centred)
    slope = sum(x * y for _, y, x in centred) / square
    by_author = [
        sum(x * (y - slope * x) for author, y, x in centred if author == one) for one in authors
    ]
    variance = len(authors) / (len(authors) - 1) * sum(s * s for s in by_author) / square**2
    assert found.slope == pytest.approx(slope, abs=1e-6)
    assert found.standard_error == pytest.approx(math.sqrt(variance), abs=1e-6)
    assert found.posts == len(centred)


def world(seed: int, lift: float, posts_each: int = 40) -> list[Mapping[str, Any]]:
    """Posts of 30 authors; better authors use media more often, and media multiply by *lift*."""
    draw = random.Random(seed)
    made = []
    for author in range(30):
        level = draw.gauss(6, 1)
        habit = 0.2 + 0.6 * (level > 6)
        for _ in range(posts_each):
            has_media = draw.random() < habit
            engagements = math.exp(level + draw.gauss(0, 0.5)) * (lift if has_media else 1)
            made.append(
                {
                    "author_id": author,
                    "category": "Tech",
                    "has_media": has_media,
                    "is_promoted": False,
                    "tags": ["even"] if author % 2 else [],
                    "title_length": draw.randint(20, 90),
                    "content_length": draw.randint(200, 2000),
                    "engagements": round(engagements),
                }
            )
    return made


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(100):
        media = next(e for e in effects_of(world(seed, 1.5)) if e.feature == "media")
        held += media.low_pct <= 50 <= media.high_pct
    assert held >= 88


def test_good_authors_habits_do_not_count_for_the_habit() -> None:
    clear = sum(
        next(e for e in effects_of(world(seed, 1.0)) if e.feature == "media").is_clear
        for seed in range(100)
    )
    assert clear <= 12


def test_what_no_author_varies_is_not_told() -> None:
    names = {effect.feature for effect in effects_of(world(1, 1.5))}
    assert names == {"media", "title_length", "content_length"}


def test_the_clear_effects_come_first() -> None:
    found = effects_of(world(2, 2.0))
    assert found[0].feature == "media"
    assert found[0].is_clear
    assert [effect.is_clear for effect in found] == sorted(
        (effect.is_clear for effect in found), reverse=True
    )


def test_nothing_comes_of_no_posts() -> None:
    assert effects_of([]) == []


def test_a_difference_of_logarithms_is_a_ratio() -> None:
    estimate = Outcomes(
        [(author, "A") for author in range(4) for _ in range(2)], [0.0, math.log(2)] * 4
    ).estimate({1: 1.0, 3: 1.0, 5: 1.0, 7: 1.0})

    assert estimate is not None
    assert lift_percent(estimate.slope) == 100.0
    assert interval_percent(estimate) == (100.0, 100.0)
    assert (estimate.posts, estimate.posts_with) == (8, 4)
