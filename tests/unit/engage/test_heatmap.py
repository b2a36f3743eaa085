"""Hours and weekdays as shades."""

from typing import Any

import pytest

from engage.terminal.heatmap import best_hours, heatmap, print_heatmap

SHADES = " 1234"


def pattern(day: int, hour: int, total: int) -> dict[str, Any]:
    return {
        "day_of_week": day,
        "day_name": f"day {day}",
        "hour_of_day": hour,
        "total_engagements": total,
        "pct_of_total_engagement": total / 10,
    }


def line(patterns: list[dict[str, Any]], day: str) -> str:
    return next(text for text in heatmap(patterns, SHADES) if text.startswith(day))[5:]


def test_the_busiest_hour_is_darkest_and_an_unseen_one_blank() -> None:
    patterns = [pattern(1, hour, hour + 1) for hour in range(4)]

    assert line(patterns, "Mon") == "11223344" + 2 * 20 * " "
    assert line(patterns, "Sun") == 48 * " "


def test_one_extreme_hour_does_not_flatten_the_others() -> None:
    patterns = [pattern(0, hour, 10 * (hour + 1)) for hour in range(3)] + [pattern(0, 23, 10**9)]

    assert line(patterns, "Sun").replace(" ", "") == "11223344"


def test_hours_that_are_alike_get_the_same_shade() -> None:
    assert set(line([pattern(2, hour, 5) for hour in range(24)], "Tue")) == {"4"}


def test_the_best_hours_are_named_first_and_foremost() -> None:
    patterns = [pattern(3, 9, 20), pattern(4, 14, 30), pattern(5, 0, 10)]

    assert best_hours(patterns, 2) == "most engagement: day 4 14:00 (3.00 %), day 3 09:00 (2.00 %)"


def test_no_engagement_at_all_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_heatmap([])

    assert capsys.readouterr().out == "(none)\n"
