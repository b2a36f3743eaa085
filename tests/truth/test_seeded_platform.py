"""Reports about the platform that `engage seed` and `engage load` make, whose truth is known."""

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import pytest

from analytics_api.statistics.shrinkage import shrink_all
from analytics_api.statistics.within import interval_percent, within
from loadgen.catalogue import Catalogue
from loadgen.traffic import Traffic, facts_of, to_us
from loadgen.truth import CATEGORIES, PROMOTED_LIFT, expected_engagement
from tests.truth.test_effects import levels
from tests.truth.test_fairness import units_of

ANCHOR = datetime(2026, 3, 2, tzinfo=UTC)
START = ANCHOR - timedelta(days=366)
HOURS = 48


class Platform(NamedTuple):
    """Posts that are old enough.

    Attributes:
        author, category: as numbers.
        earned: engagements in the first hours.
        deserved: these on average, up to a factor.
    """

    author: np.ndarray
    category: np.ndarray
    is_promoted: np.ndarray
    earned: np.ndarray
    deserved: np.ndarray


def seeded(seed: int) -> Platform:
    """Return the platform of a seed, a year old."""
    catalogue = Catalogue(seed, ANCHOR, 50, 3_000, 500)
    facts = facts_of(catalogue)
    age_us = HOURS * 3_600_000_000
    old = [post for post in facts.posts if post.published_us <= to_us(ANCHOR) - age_us]
    published = {post.post_id: post.published_us for post in old}
    earned: Counter[int] = Counter()
    for event in Traffic(facts, seed).history(150_000, to_us(START), to_us(ANCHOR)):
        at = to_us(datetime.fromisoformat(event.engaged_timestamp))
        if 0 <= at - published.get(event.post_id, at + 1) < age_us:
            earned[event.post_id] += 1
    of_post = {post.post_id: CATEGORIES.index(post.category) for post in catalogue.posts()}
    return Platform(
        np.array([post.author_id for post in old]),
        np.array([of_post[post.post_id] for post in old]),
        np.array([float(post.is_promoted) for post in old]),
        np.array([float(earned[post.post_id]) for post in old]),
        np.array([expected_engagement(post, HOURS) for post in old]),
    )


def check(seeds: range, least_held: float) -> None:
    """Authors' indexes are in their intervals, and so is the effect of promotion."""
    held, effects, has_effect = [], [], []
    for seed in seeds:
        platform = seeded(seed)
        units, truths = units_of(
            platform.author, platform.category, platform.earned, platform.deserved
        )
        held += [
            found.low <= truth <= found.high
            for found, truth in zip(shrink_all(units), truths, strict=True)
        ]
        group = 2 * platform.author + platform.category % 2
        promoted = within(levels(group, platform.is_promoted, platform.earned.astype(int)))
        assert promoted is not None
        low, high = interval_percent(promoted)
        effects.append(promoted.slope)
        has_effect.append(low <= 100 * (PROMOTED_LIFT - 1) <= high)
    assert np.mean(held) >= least_held
    assert np.mean(effects) == pytest.approx(math.log(PROMOTED_LIFT), abs=0.5 / len(seeds) ** 0.5)
    assert np.mean(has_effect) >= least_held


def test_reports_find_the_truth_of_a_seeded_platform() -> None:
    check(range(1, 2), 0.88)


@pytest.mark.truth_full
def test_reports_find_the_truth_of_seeded_platforms() -> None:
    check(range(2, 42), 0.92)
