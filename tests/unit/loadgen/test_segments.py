"""The catalogue and its traffic together teach something: every segment of the reports occurs."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from statistics import quantiles

import pytest

from loadgen.catalogue import Catalogue
from loadgen.facts import facts_of, to_us
from loadgen.roles import home_category
from loadgen.traffic import Traffic

DAY_US = 86_400_000_000


def segment(posts: int, average: float, median: float, upper: float) -> str:
    if posts >= 10 and average < median:
        return "High Volume, Low Engagement"
    if posts >= 10 and average >= upper:
        return "High Volume, High Engagement"
    return "Low Volume, High Quality" if posts < 5 and average >= upper else "Average"


@pytest.mark.parametrize("seed", [1])
def test_every_segment_occurs_among_the_posts_of_90_days(seed: int) -> None:
    anchor = datetime(2026, 3, 1, tzinfo=UTC)
    facts = facts_of(Catalogue(42, anchor))
    now_us = to_us(anchor.replace(hour=15))
    history = Traffic(facts, seed).history(20_000, now_us - 365 * DAY_US, now_us)
    engagements = Counter(event.post_id for event in history)
    posts, earned = Counter[int](), Counter[int]()
    for post in facts.posts:
        if post.published_us >= now_us - 90 * DAY_US:
            posts[post.author_id] += 1
            earned[post.author_id] += engagements[post.post_id]
    averages = defaultdict(dict)
    for author, count in posts.items():
        averages[home_category(author)][author] = round(earned[author] / count, 2)

    found = Counter[str]()
    for of_category in averages.values():
        _, median, upper = quantiles(of_category.values(), n=4, method="inclusive")
        found.update(segment(posts[a], avg, median, upper) for a, avg in of_category.items())

    assert len(found) == 4
    assert min(found.values()) >= 3
    assert found["High Volume, Low Engagement"] >= 6
