"""The oracle's own arithmetic, with numbers computed by hand."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from loadgen.verification.arithmetic import change, percentile, rate, rounded, segment
from loadgen.verification.calendar import midnight_days_ago, midnight_months_ago
from loadgen.verification.oracle import Oracle
from loadgen.verification.world import Author, Engagement, Post, World

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (Fraction(1, 8), 2, 0.13),
        (Fraction(-1, 8), 2, -0.13),
        (Fraction(1, 3), 2, 0.33),
        (Fraction(-5, 4), 1, -1.3),
        (Fraction(0), 2, 0.0),
    ],
)
def test_halves_are_rounded_away_from_zero(value: Fraction, digits: int, expected: float) -> None:
    assert rounded(value, digits) == expected


def test_a_percentile_lies_between_its_neighbours() -> None:
    assert percentile([1.0, 2.0, 4.0, 8.0], 0.5) == 3.0
    assert percentile([1.0, 2.0, 4.0, 8.0], 0.75) == 5.0
    assert percentile([7.0], 0.75) == 7.0


@pytest.mark.parametrize(
    ("posts", "average", "expected"),
    [
        (10, 1.0, ("High Volume, Low Engagement", 10)),
        (15, 1.95, ("High Volume, Low Engagement", 1)),
        (9, 1.0, ("Average", 0)),
        (10, 2.0, ("Average", 0)),
        (10, 3.0, ("High Volume, High Engagement", 0)),
        (4, 3.0, ("Low Volume, High Quality", 0)),
        (5, 3.0, ("Average", 0)),
    ],
)
def test_segments_and_scores(posts: int, average: float, expected: tuple[str, int]) -> None:
    found = segment(posts, average, median=2.0, p75=3.0)

    assert (found["performance_segment"], found["opportunity_score"]) == expected


def test_three_months_before_the_31st_of_may_is_the_last_of_february() -> None:
    assert midnight_months_ago(3, ZoneInfo("UTC"), NOW) == datetime(2026, 2, 28, tzinfo=UTC)
    in_kolkata = midnight_months_ago(3, ZoneInfo("Asia/Kolkata"), NOW)
    assert in_kolkata.astimezone(UTC) == datetime(2026, 2, 27, 18, 30, tzinfo=UTC)


def test_a_midnight_before_the_clocks_change_keeps_its_own_offset() -> None:
    after_the_change = datetime(2026, 3, 9, 12, tzinfo=UTC)

    before = midnight_days_ago(3, NEW_YORK, after_the_change)

    assert before.astimezone(UTC) == datetime(2026, 3, 6, 5, tzinfo=UTC)


def test_a_change_compares_two_windows_of_equal_length() -> None:
    day = timedelta(days=1)
    times = [NOW, NOW - 7 * day, NOW - 8 * day, NOW - 14 * day, NOW - 15 * day]

    assert change(times, NOW, 7 * day) == 0.0
    assert change([*times, NOW], NOW, 7 * day) == 50.0
    assert change(times[:2], NOW, 7 * day) is None


def test_a_rate_without_views_is_zero() -> None:
    assert rate(Counter(like=3)) == 0.0
    assert rate(Counter(view=3, like=1)) == 33.33


def test_engagement_after_midnight_in_new_york_belongs_to_its_day_there() -> None:
    at = datetime(2026, 5, 31, 3, 30, tzinfo=UTC)
    world = World(
        [Author(1, "Ann", "Tech")],
        [Post(1, 1, "Tech", NOW, "post")],
        [
            Engagement(1, "view", 5, at),
            Engagement(1, "like", 5, at),
            Engagement(2, "view", None, at),
        ],
    )

    [row] = Oracle(world, ZoneInfo("UTC"), NOW).patterns(NEW_YORK)

    assert (row["day_name"], row["hour_of_day"]) == ("Saturday", 23)
    assert (row["posts_engaged"], row["active_users"], row["avg_engagement_per_post"]) == (
        2,
        1,
        1.5,
    )
