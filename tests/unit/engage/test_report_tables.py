"""Reports as tables: columns of the declarations, bars and maps."""

from typing import Any

import pytest

from analytics_api.report import Report, load_reports
from engage.report_tables import best_hours, heatmap, lift_map, print_heatmap, table_of, with_bars

REPORTS = load_reports()


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_columns_of_a_table_are_fields_of_the_report(report: Report) -> None:
    assert set(report.columns) <= set(report.row.model_fields)


def test_table_cuts_titles_but_no_sentences() -> None:
    columns = REPORTS["opportunity"].columns
    (shown,) = table_of(columns, [dict.fromkeys(columns, "word " * 50)])

    assert len(shown["author_name"]) <= 40
    assert shown["why"] == "word " * 50


def test_table_has_external_ids_when_a_row_has_one() -> None:
    post: dict[str, Any] = {"post_id": 1, "title": "A", "external_id": None}
    assert table_of(("title",), [post]) == [{"title": "A"}]

    rows = table_of(("title",), [post, post | {"external_id": "slug"}])
    assert [row["external_id"] for row in rows] == [None, "slug"]


def test_series_is_shown_with_bars() -> None:
    point = {"start": "2026-01-01T00:00:00Z", "previous_engagements": 2}
    rows = with_bars([point | {"total_engagements": number} for number in (None, 0, 5, 10)])

    assert [len(row[""]) for row in rows] == [0, 0, 20, 40]
    assert rows[0]["start"] == "2026-01-01 00:00:00"
    assert with_bars([]) == []


def test_lift_map_shows_clear_hours_with_their_lift() -> None:
    verdicts = {(1, 9): "good", (1, 10): "weak", (1, 11): "usual"}
    slots = [
        {
            "day_of_week": day,
            "hour_of_day": hour,
            "lift_pct": 12.3 if (day, hour) == (1, 9) else -4.0,
            "verdict": verdicts.get((day, hour), "thin"),
        }
        for day in range(7)
        for hour in range(24)
    ]
    header, monday, tuesday, *_ = lift_map(slots)

    assert monday == "Mon" + " " * 36 + " +12  -4   ·"
    assert header[39:51] == "   9  10  11"
    assert tuesday == "Tue"


SHADES = " 1234"


def pattern(day: int, hour: int, total: int) -> dict[str, Any]:
    return {
        "day_of_week": day,
        "day_name": f"day {day}",
        "hour_of_day": hour,
        "total_engagements": 2 * total,
        "engagements_per_hour": total / 10,
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

    assert best_hours(patterns, 2) == (
        "most engagement: day 4 14:00 (3.00 an hour), day 3 09:00 (2.00 an hour)"
    )


def test_hour_that_occurred_more_often_is_not_better_for_that() -> None:
    once = pattern(3, 9, 20) | {"total_engagements": 2}
    often = pattern(4, 14, 10) | {"total_engagements": 900}

    assert best_hours([often, once], 1) == "most engagement: day 3 09:00 (2.00 an hour)"


def test_no_engagement_at_all_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_heatmap([])

    assert capsys.readouterr().out == "(none)\n"
