"""An author's week, written down."""

from datetime import date
from typing import Any

import pytest

from engage.commands_weekly import monday_of
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
