"""An author's week, written down."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from engage.commands.report.weekly import monday_of
from engage.weekly import Week, markdown, page
from schema.errors import SetupError

NAMES = ("total_engagements", "views", "likes", "comments", "shares")
TITLE = "<b>Why | *this*</b>"


def counts(total: int) -> dict[str, Any]:
    return dict.fromkeys(NAMES, total) | {"posts_published": 2}


def peer(total: int, category: str = "Tech") -> dict[str, Any]:
    return counts(total) | {"category": category}


def week(total: int = 30, *peers: dict[str, Any]) -> Week:
    return Week(
        label="2026-W47",
        author={"author_name": "Ann & Bo", "category": "Tech"},
        overview={
            "current": counts(total),
            "previous": counts(20),
            "change_pct": dict.fromkeys(counts(0), 50.0) | {"likes": None},
        },
        days=[{"start": "2026-11-16T00:00:00Z", "total_engagements": 4, "previous_engagements": 3}],
        posts=[
            counts(n) | {"label": TITLE, "engagement_rate": 10.0, "change_pct": None}
            for n in range(9)
        ],
        peers=peers,
    )


def test_the_author_is_compared_with_the_median_of_the_own_category() -> None:
    found = markdown(week(30, peer(30), peer(40), peer(10), peer(9_999, "Health")))

    assert "30 engagements: place 2 of 3 in Tech, 0 above the median." in found
    assert "| views | 30 | 20 | +50.0 % | 30 |" in found
    assert "| likes | 30 | 20 | - | 30 |" in found


def test_below_the_median_says_by_how_much() -> None:
    found = markdown(week(10, peer(10), peer(41)))
    assert "place 2 of 2 in Tech, 15.5 below the median." in found


def test_without_peers_there_is_no_median() -> None:
    assert "Nobody in Tech was engaged with this week." in markdown(week(0))


def test_five_posts_and_each_day_are_told() -> None:
    found = markdown(week(1, peer(1)))

    assert found.count("Why") == 5
    assert "| 2026-11-16 | 4 | 3 |" in found


def test_titles_are_shown_and_never_run() -> None:
    assert "\\<b>Why \\| \\*this\\*\\</b>" in markdown(week(1, peer(1)))
    html = page(week(1, peer(1)))
    assert "&lt;b&gt;Why | *this*&lt;/b&gt;" in html
    assert "<b>" not in html
    assert "<title>Ann &amp; Bo, week 2026-W47</title>" in html


def test_weeks_are_those_of_iso() -> None:
    assert monday_of("2026-W47") == date(2026, 11, 16)
    assert monday_of("2027-W01") == date(2027, 1, 4)
    assert monday_of(None).weekday() == 0
    with pytest.raises(SetupError, match="2026-W47"):
        monday_of("47")


FAIR = {
    "posts": 41, "index": 0.42, "low": 0.36, "high": 0.49, "median_index": 0.97, "gain": 730,
    "gain_low": 610, "gain_high": 850, "why": "8 views a post, 20 in the categories: -60 %",
}  # fmt: skip


def test_the_author_is_compared_at_equal_age() -> None:
    found = markdown(replace(week(), fair=FAIR))

    assert "41 posts of 90 days earned 0.42 times" in found
    assert "(0.36 to 0.49)" in found
    assert "730 more in 90 days (610 to 850)" in found
    assert "8 views a post" in found


def test_an_author_above_the_median_gains_nothing_by_it() -> None:
    found = markdown(replace(week(), fair=FAIR | {"gain": 0, "why": ""}))

    assert "The median author of Tech stands at 0.97." in found
    assert "more in 90 days" not in found
    assert "goes along" not in found


def test_without_posts_that_are_old_enough_nothing_is_compared() -> None:
    assert "No post of the last 90 days is old enough" in markdown(week())


def test_the_hours_used_and_the_next_good_ones_are_told() -> None:
    slot = {
        "day_name": "Monday", "start": "2026-11-23T09:00:00+01:00",
        "lift_pct": 18.2, "low_pct": 4.0, "high_pct": 31.0,
    }  # fmt: skip
    hours = {"posts": 7, "in_good": 2, "in_weak": 3}
    found = markdown(replace(week(), hours=hours, slots=[slot]))

    assert "Of 7 posts 2 were published in good hours and 3 in weak ones." in found
    assert "| Monday, 2026-11-23 09:00 | +18 % | +4 to +31 % |" in found
    assert "Nothing was published." in markdown(week())
