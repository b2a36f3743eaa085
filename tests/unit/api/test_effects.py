"""Effects of features: what they are, and when they are not told."""

import math
import random
import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.reports.insight.effects import (
    Group,
    GroupSums,
    interval_percent,
    lift_percent,
    within,
)
from analytics_api.reports.insight.models import Effect
from analytics_api.reports.insight.reports import effects_of

posts = st.lists(
    st.tuples(
        st.tuples(st.integers(1, 5), st.sampled_from("AB")),
        st.floats(0, 10),
        st.floats(0, 5).map(lambda x: round(x, 2)),
    ),
    max_size=60,
)


def sums(posts: Iterable[tuple[Group, float, float]]) -> dict[Group, GroupSums]:
    """The sums over posts, each with its group, outcome and feature."""
    own: dict[Group, list[tuple[float, float]]] = defaultdict(list)
    for group, outcome, feature in posts:
        own[group].append((feature, outcome))
    return {
        group: GroupSums(
            len(pairs),
            sum(x != 0 for x, _ in pairs),
            sum(x for x, _ in pairs),
            sum(x * x for x, _ in pairs),
            sum(x * y for x, y in pairs),
            sum(y for _, y in pairs),
        )
        for group, pairs in own.items()
    }


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

    found = within(sums(drawn))

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


class Made(NamedTuple):
    """A post of a made-up world."""

    group: Group
    has_media: bool
    title_length: int
    content_length: int
    is_even: bool
    outcome: float


def world(seed: int, lift: float, posts_each: int = 40) -> list[Made]:
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
                Made(
                    (author, "Tech"),
                    has_media,
                    draw.randint(20, 90),
                    draw.randint(200, 2000),
                    bool(author % 2),
                    math.log1p(round(engagements)),
                )
            )
    return made


def effects(made: list[Made]) -> list[Effect]:
    features = {
        "media": [(post.group, post.outcome, float(post.has_media)) for post in made],
        "promoted": [(post.group, post.outcome, 0.0) for post in made],
        "title_length": [(post.group, post.outcome, float(post.title_length)) for post in made],
        "content_length": [(post.group, post.outcome, float(post.content_length)) for post in made],
        "tag:even": [(post.group, post.outcome, float(post.is_even)) for post in made],
        "age": [(post.group, post.outcome, float(n)) for n, post in enumerate(made)],
    }
    return effects_of({name: sums(rows) for name, rows in features.items() if rows})


def media_of(made: list[Made]) -> Effect:
    """The effect of media alone."""
    rows = [(post.group, post.outcome, float(post.has_media)) for post in made]
    return effects_of({"media": sums(rows)})[0]


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(100):
        media = media_of(world(seed, 1.5))
        held += media.low_pct <= 50 <= media.high_pct
    assert held >= 88


def test_good_authors_habits_do_not_count_for_the_habit() -> None:
    clear = sum(media_of(world(seed, 1.0)).is_clear for seed in range(100))
    assert clear <= 12


def test_what_no_author_varies_is_not_told() -> None:
    names = {effect.feature for effect in effects(world(1, 1.5))}
    assert names == {"media", "title_length", "content_length"}


def test_the_clear_effects_come_first() -> None:
    found = effects(world(2, 2.0))
    assert found[0].feature == "media"
    assert found[0].is_clear
    assert [effect.is_clear for effect in found] == sorted(
        (effect.is_clear for effect in found), reverse=True
    )


def test_nothing_comes_of_no_posts() -> None:
    assert effects([]) == []
    assert effects_of({}) == []


def test_a_difference_of_logarithms_is_a_ratio() -> None:
    estimate = within(
        sums(
            ((author, "A"), outcome, feature)
            for author in range(4)
            for outcome, feature in ((0.0, 0.0), (math.log(2), 1.0))
        )
    )

    assert estimate is not None
    assert lift_percent(estimate.slope) == 100.0
    assert interval_percent(estimate) == (100.0, 100.0)
    assert (estimate.posts, estimate.posts_with) == (8, 4)


def test_a_lift_is_told_for_as_much_of_the_feature_as_its_unit_says() -> None:
    rows = [((author, "A"), 0.01 * x, float(x)) for author in range(5) for x in (10, 20, 35)]
    (effect,) = effects_of({"title_length": sums(rows)})

    assert effect.unit == "10 characters more"
    assert effect.lift_pct == lift_percent(0.1)
    assert effect.posts_with is None


def test_rare_tags_are_not_told() -> None:
    rows = [((author, "A"), float(n), float(n)) for author in range(10) for n in (0, 1)]

    assert effects_of({"tag:rare": sums(rows)}) == []
    assert len(effects_of({"tag:common": sums(rows * 3)})) == 1
