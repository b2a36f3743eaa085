"""Reports as tables: columns of the declarations, bars and maps."""

from datetime import UTC, datetime
from typing import Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo

import pytest
from pydantic import BaseModel

from analytics_api.report import Report, load_reports
from engage.report_headings import heading
from engage.report_tables import (
    best_hours,
    heatmap,
    lift_map,
    print_heatmap,
    print_report,
    table_of,
    with_bars,
)

REPORTS = load_reports()
WIDTH = 80
ZONE = ZoneInfo("America/New_York")
AS_OF = datetime(2026, 11, 30, 3, 7, tzinfo=UTC)
HOURS = [{"day_of_week": day, "hour_of_day": hour} for day in range(7) for hour in range(24)]


def value_of(annotation: Any) -> Any:
    """Return a JSON value of a field's type that takes much room."""
    if get_origin(annotation) is Literal:
        return max(get_args(annotation), key=len)
    if get_origin(annotation) is list:
        return []
    kind = next((one for one in get_args(annotation) if one is not type(None)), annotation)
    if get_origin(kind) is Literal:
        return value_of(kind)
    if issubclass(kind, BaseModel):
        return row_of(kind)
    values: dict[Any, Any] = {
        bool: True, int: 12_345_678, float: -1234.56, datetime: "2026-11-30T23:59:59Z",
        str: "Averageword " * 20,
    }  # fmt: skip
    return values[kind]


def row_of(model: type[BaseModel]) -> dict[str, Any]:
    return {name: value_of(field.annotation) for name, field in model.model_fields.items()}


def found_by(report: Report) -> Any:
    """Return a response of the report whose values take much room."""
    row = row_of(report.row)
    if "tz" in row:
        return row | {"tz": ZONE.key, "no_comparison": "expired"}
    if report.response is report.row:
        return row
    return [row | hour for hour in HOURS] if "hour_of_day" in row else [row, row]


def title(report: Report) -> str:
    return heading(report, {"hours": 24}, ZONE, AS_OF)


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_report_fits_80_columns_under_a_title_with_its_period_and_zone(
    report: Report, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    print_report(report, found_by(report), title(report), ZONE)
    first, *lines = capsys.readouterr().out.splitlines()

    assert first.endswith("2026-11-29 22:07, America/New_York")
    assert lines
    assert max(map(len, [first, *lines])) <= WIDTH
    if report.columns and not lines[0].startswith(" " * 5):
        words = {word for name in table_of(report.columns, [row_of(report.row)])[0]
                 for word in name.removesuffix("_pct").split()}  # fmt: skip
        assert set(lines[0].split()) <= words


@pytest.mark.parametrize(
    ("name", "given", "text"),
    [
        ("funnel", {}, "Funnel: 2026-10-30 to 2026-11-29 22:07, America/New_York"),
        ("post", {"period": "all"}, "Post: all time to 2026-11-29 22:07, America/New_York"),
        ("post", {}, "Post: 2026-11-22 to 2026-11-29 22:07, America/New_York"),
        (
            "series",
            {"start": "2026-01-01", "end": "2026-01-31"},
            "Series: 2026-01-01 to 2026-01-31, America/New_York",
        ),
        (
            "movers",
            {"hours": 24},
            "Movers: 2026-11-28 22:07 to 2026-11-29 22:07, America/New_York",
        ),
    ],
)
def test_heading_names_the_period(name: str, given: dict[str, Any], text: str) -> None:
    assert heading(REPORTS[name], given, ZONE, AS_OF) == text


def test_long_reasons_take_two_lines_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    report = REPORTS["opportunity"]
    row = row_of(report.row) | dict.fromkeys(("rank", "posts", "gain", "gain_low", "gain_high"), 9)
    print_report(report, [row | {"index": 0.5, "median_index": 0.9}] * 10, "", ZONE)

    assert len(capsys.readouterr().out.splitlines()) <= 10 * 3 + 5


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_columns_of_a_table_are_fields_of_the_report(report: Report) -> None:
    assert set(report.columns) <= set(report.row.model_fields)


def test_table_has_external_ids_when_a_row_has_one() -> None:
    post: dict[str, Any] = {"post_id": 1, "title": "A", "external_id": None}
    assert table_of(("title",), [post]) == [{"title": "A"}]

    rows = table_of(("title",), [post, post | {"external_id": "slug"}])
    assert [row["external id"] for row in rows] == [None, "slug"]


def test_series_is_shown_with_bars() -> None:
    point = {"start": "2026-01-01T00:00:00Z", "previous_engagements": 2}
    rows = with_bars([point | {"total_engagements": number} for number in (None, 0, 5, 10)])

    assert [len(row[""]) for row in rows] == [0, 0, 18, 36]
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
    header, *lines, _ = lift_map(slots)

    assert header.split() == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert [line.split() for line in lines] == [["09:00", "+12%"], ["10:00", "-4%"], ["11:00", "·"]]


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


def test_busiest_hour_is_darkest_and_an_unseen_one_blank() -> None:
    patterns = [pattern(1, hour, hour + 1) for hour in range(4)]

    assert line(patterns, "Mon") == "11223344" + 2 * 20 * " "
    assert line(patterns, "Sun") == 48 * " "


def test_one_extreme_hour_does_not_flatten_the_others() -> None:
    patterns = [pattern(0, hour, 10 * (hour + 1)) for hour in range(3)] + [pattern(0, 23, 10**9)]

    assert line(patterns, "Sun").replace(" ", "") == "11223344"


def test_hours_that_are_alike_get_the_same_shade() -> None:
    assert set(line([pattern(2, hour, 5) for hour in range(24)], "Tue")) == {"4"}


def test_best_hours_are_listed_in_order() -> None:
    patterns = [pattern(3, 9, 20), pattern(4, 14, 30), pattern(5, 0, 10)]

    assert best_hours(patterns, 2) == (
        "most engagements an hour: day 4 14:00 (3.0), day 3 09:00 (2.0)"
    )


def test_hour_that_occurred_more_often_is_not_better_for_that() -> None:
    once = pattern(3, 9, 20) | {"total_engagements": 2}
    often = pattern(4, 14, 10) | {"total_engagements": 900}

    assert best_hours([often, once], 1) == "most engagements an hour: day 3 09:00 (2.0)"


def test_heatmap_without_engagement_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    print_heatmap([])

    assert capsys.readouterr().out == "(none)\n"
