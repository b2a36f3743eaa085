"""The weekly report of an author as Markdown and HTML."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from markdown_it import MarkdownIt

from engage.commands.weekly import Week, markdown, monday_of, page
from schema.errors import SetupError

NAMES = ("total_engagements", "views", "likes", "comments", "shares")
TITLE = "<b>Why | *this*</b>"


def counts(total: int) -> dict[str, Any]:
    return dict.fromkeys(NAMES, total) | {"posts_published": 2}


def benchmark(total: int, rank: int | None = 2, median: float | None = 30.0) -> dict[str, Any]:
    medians = {f"median_{name}": median for name in NAMES}
    return {"authors": 3 if rank else 0, "rank": rank, "total_engagements": total} | medians


def week(total: int = 30, rank: int | None = 2, median: float | None = 30.0) -> Week:
    return Week(
        label="2026-W47",
        author={"author_name": "Ann & Bo", "category": "Tech"},
        overview={
            "current": counts(total),
            "previous": counts(20),
            "change_pct": dict.fromkeys(counts(0), 50.0) | {"likes": None},
            "no_comparison": None,
        },
        days=[{"start": "2026-11-16T00:00:00Z", "total_engagements": 4, "previous_engagements": 3}],
        posts=[
            counts(n) | {"label": TITLE, "engagement_rate": 10.0, "change_pct": None}
            for n in range(9)
        ],
        benchmark=benchmark(total, rank, median),
    )


def test_author_is_compared_with_the_median_of_the_own_category() -> None:
    found = markdown(week(30))

    assert "30 engagements: place 2 of 3 in Tech, 0 above the median." in found
    assert "| views | 30 | 20 | +50.0 % | 30 |" in found
    assert "| likes | 30 | 20 | - | 30 |" in found


def test_distance_to_the_median_is_stated() -> None:
    assert "place 2 of 3 in Tech, 15.5 below the median." in markdown(week(10, 2, 25.5))


def test_without_engagement_in_the_category_there_is_no_median() -> None:
    found = markdown(week(0, None, None))

    assert "No author in Tech had engagement this week." in found
    assert "| views | 0 | 20 | +50.0 % | - |" in found


def test_week_before_is_not_compared_when_it_is_unknown() -> None:
    data = week()
    unknown = {"previous": None, "change_pct": None, "no_comparison": "not_recorded"}
    found = markdown(replace(data, overview={**data.overview, **unknown}))

    assert "The week before is not known as a whole: engagement was not recorded yet." in found
    assert "| views | 30 | - | - | 30 |" in found


def test_report_has_five_posts_and_each_day() -> None:
    found = markdown(week(1))

    assert found.count("Why") == 5
    assert "| 2026-11-16 | 4 | 3 |" in found


def test_titles_are_escaped() -> None:
    assert "\\<b\\>Why \\| \\*this\\*\\</b\\>" in markdown(week(1))
    html = page(week(1))
    assert "&lt;b&gt;Why | *this*&lt;/b&gt;" in html
    assert "<b>" not in html
    assert "<title>Ann &amp; Bo, week 2026-W47</title>" in html


HOSTILE = "T|e<b>c</b>h [x](https://a.example) ![y](z) ~~s~~ &lt; $m$ @all #1\n\n# H\u202e"


def test_every_text_of_the_catalogue_is_escaped_wherever_it_is_written() -> None:
    slot = {
        "day_name": "Monday", "start": "2026-11-23T09:00:00+01:00",
        "lift_pct": 18.2, "low_pct": 4.0, "high_pct": 31.0,
    }  # fmt: skip
    data = replace(
        week(),
        author={"author_name": HOSTILE, "category": HOSTILE},
        posts=[counts(1) | {"label": HOSTILE, "engagement_rate": 1.0, "change_pct": None}],
        fair=FAIR | {"why": HOSTILE},
        slots=[slot],
    )
    for each in (data, replace(data, benchmark=benchmark(0, None, None))):
        text = markdown(each)
        html = page(each)
        assert kinds_of(text) <= TEXT_ALONE
        assert "\u202e" not in text + html
        assert "<b>" not in html
        assert html.count("<bdi>T|e&lt;b&gt;c") >= 4


TEXT_ALONE = {
    "inline", "text", "text_special", "heading", "paragraph", "table", "thead", "tbody", "tr", "th",
    "td",
}  # fmt: skip


def kinds_of(text: str) -> set[str]:
    """Return what a Markdown parser finds in a text."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    inner = [child for token in tokens for child in token.children or ()]
    return {re.sub("_(open|close)$", "", token.type) for token in [*tokens, *inner]}


def test_right_to_left_names_are_isolated() -> None:
    name = "\u05e9\u05dc\u05d5\u05dd"
    data = replace(week(), author={"author_name": name, "category": "Tech"})

    assert f"# \u2068{name}\u2069, week 2026-W47" in markdown(data)
    assert f"<h1><bdi>{name}</bdi>, week 2026-W47</h1>" in page(data)
    assert f"<title>{name}, week 2026-W47</title>" in page(data)


def test_weeks_are_iso_weeks() -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    assert monday_of("2026-W47", now) == date(2026, 11, 16)
    assert monday_of("2027-W01", now) == date(2027, 1, 4)
    with pytest.raises(SetupError, match="2026-W47"):
        monday_of("47", now)


@pytest.mark.parametrize(
    ("zone", "monday"),
    [
        # There it is Monday already, and last week has just ended.
        ("Pacific/Auckland", date(2026, 11, 23)),
        ("America/Los_Angeles", date(2026, 11, 16)),
    ],
)
def test_last_whole_week_is_that_of_the_zone(zone: str, monday: date) -> None:
    now = datetime(2026, 11, 29, 23, 30, tzinfo=UTC).astimezone(ZoneInfo(zone))
    assert monday_of(None, now) == monday


FAIR = {
    "posts": 41, "index": 0.42, "low": 0.36, "high": 0.49, "median_index": 0.97, "gain": 730,
    "gain_low": 610, "gain_high": 850, "why": "8 views a post, 20 in the categories: -60 %",
}  # fmt: skip


def test_author_is_compared_at_equal_age() -> None:
    found = markdown(replace(week(), fair=FAIR))

    assert "41 posts of 90 days earned 0.42 times" in found
    assert "(0.36 to 0.49)" in found
    assert "730 more in 90 days (610 to 850)" in found
    assert "8 views a post" in found


def test_author_above_the_median_gains_nothing_by_it() -> None:
    found = markdown(replace(week(), fair=FAIR | {"gain": 0, "why": ""}))

    assert "The median author of Tech has 0.97." in found
    assert "more in 90 days" not in found
    assert "Associated" not in found


def test_without_posts_that_are_old_enough_nothing_is_compared() -> None:
    assert "No post of the last 90 days is old enough" in markdown(week())


def test_report_has_used_hours_and_next_good_ones() -> None:
    slot = {
        "day_name": "Monday", "start": "2026-11-23T09:00:00+01:00",
        "lift_pct": 18.2, "low_pct": 4.0, "high_pct": 31.0,
    }  # fmt: skip
    hours = {"posts": 7, "in_good": 2, "in_weak": 3}
    found = markdown(replace(week(), hours=hours, slots=[slot]))

    assert "Of 7 posts 2 were published in good hours and 3 in weak ones." in found
    assert "| Monday, 2026-11-23 09:00 | +18 % | +4 to +31 % |" in found
    assert "Nothing was published." in markdown(week())
