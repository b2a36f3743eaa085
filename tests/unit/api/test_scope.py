"""Periods and the periods before them."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.periods import Period, Recording

NEW_YORK = ZoneInfo("America/New_York")


def at(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "start", "end", "before", "before_end"),
    [
        # A week, a day, eight days, and thirty-one dates: 1, 1, 2 and 5 weeks before.
        ("America/New_York", "2026-06-01", "2026-06-08", "2026-05-25", "2026-06-01"),
        ("America/New_York", "2026-06-03", "2026-06-04", "2026-05-27", "2026-05-28"),
        ("America/New_York", "2026-06-01", "2026-06-08T10:00", "2026-05-18", "2026-05-25T10:00"),
        ("America/New_York", "2026-05-01", "2026-05-31T10:00", "2026-03-27", "2026-04-26T10:00"),
        # A week of 167, 169 and 168.5 hours is seven days; a day of 25 hours is one.
        ("America/New_York", "2026-03-08", "2026-03-15", "2026-03-01", "2026-03-08"),
        ("Europe/Vienna", "2026-10-19", "2026-10-26", "2026-10-12", "2026-10-19"),
        ("Australia/Lord_Howe", "2026-03-30", "2026-04-06", "2026-03-23", "2026-03-30"),
        ("Europe/Vienna", "2026-10-25", "2026-10-26", "2026-10-18", "2026-10-19"),
        # Until an hour of the day after the change: until the same local hour before it.
        ("Europe/Vienna", "2026-10-20", "2026-10-26T09:00", "2026-10-13", "2026-10-19T09:00"),
        # Samoa skipped 30 December 2011.
        ("Pacific/Apia", "2011-12-26", "2012-01-02", "2011-12-19", "2011-12-26"),
    ],
)
def test_comparison_period_has_the_same_weekdays_whole_weeks_before(
    zone: str, start: str, end: str, before: str, before_end: str
) -> None:
    place = ZoneInfo(zone)
    scope = Period(at(start, place), at(end, place), place)

    assert (scope.previous.start, scope.previous.end) == (at(before, place), at(before_end, place))


@given(
    zone=st.sampled_from(["UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe"]),
    first=st.dates(date(2026, 1, 1), date(2027, 1, 1)),
    minutes=st.integers(1, 60 * 24 * 400),
)
def test_comparison_period_never_overlaps_and_begins_on_the_same_weekday(
    zone: str, first: date, minutes: int
) -> None:
    place = ZoneInfo(zone)
    start = datetime.combine(first, time(), place).astimezone(UTC)
    scope = Period(start, start + timedelta(minutes=minutes), place)
    before = scope.previous

    assert before.end <= scope.start
    for now, then in ((scope.start, before.start), (scope.end, before.end)):
        days = (now.astimezone(place).date() - then.astimezone(place).date()).days
        assert days % 7 == 0
        assert days > 0


@pytest.mark.parametrize(
    ("start", "end", "before", "before_end"),
    [
        # 52 weeks before, so that weekdays match; 53 for a period of 53 weeks.
        ("2026-06-01", "2026-06-08", "2025-06-02", "2025-06-09"),
        ("2026-03-09", "2026-03-16", "2025-03-10", "2025-03-17"),
        ("2025-06-02", "2026-06-08", "2024-05-27", "2025-06-02"),
    ],
)
def test_same_period_of_the_year_before_has_the_same_weekdays(
    start: str, end: str, before: str, before_end: str
) -> None:
    scope = Period(at(start, NEW_YORK), at(end, NEW_YORK), NEW_YORK).with_comparison("year")

    assert scope.previous.start == at(before, NEW_YORK)
    assert scope.previous.end == at(before_end, NEW_YORK)


@pytest.mark.parametrize(
    ("reason", "comparison", "expected"),
    [
        (None, "none", "not_requested"),
        (None, "year", None),
        ("all_time", "none", "all_time"),
        ("all_time", "year", "all_time"),
    ],
)
def test_period_without_comparison_says_why(
    reason: Any, comparison: Any, expected: str | None
) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    scope = Period(start, start + timedelta(days=1), NEW_YORK, no_comparison=reason)

    assert scope.with_comparison(comparison).no_comparison == expected


def test_where_nothing_is_before_the_period_before_is_empty() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    scope = Period(start, start + timedelta(days=1), NEW_YORK, no_comparison="all_time")

    assert scope.previous.start == scope.previous.end == start


MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
WEEK = Period(MONDAY, MONDAY + timedelta(days=7), ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("recorded_after", "silence", "stored_after", "reason"),
    [
        (timedelta(days=-90), timedelta(), None, None),
        (timedelta(), timedelta(), timedelta(), None),
        # A hundredth of a week is 100 minutes.
        (timedelta(minutes=100), timedelta(), None, None),
        (timedelta(minutes=101), timedelta(), None, "not_recorded"),
        # A night without events is no sign of missing ones.
        (timedelta(hours=6), timedelta(hours=6), None, None),
        (timedelta(hours=7), timedelta(hours=6), None, "not_recorded"),
        (timedelta(days=-90), timedelta(), timedelta(minutes=1), "expired"),
        (None, timedelta(), None, "not_recorded"),
    ],
)
def test_comparison_period_must_be_recorded_and_kept_as_a_whole(
    recorded_after: timedelta | None,
    silence: timedelta,
    stored_after: timedelta | None,
    reason: str | None,
) -> None:
    before = WEEK.previous.start
    since, stored = (
        None if each is None else before + each for each in (recorded_after, stored_after)
    )

    found = WEEK.compared_with(Recording(since, silence, stored))

    assert found.no_comparison == reason
    assert found.has_previous == (reason is None)


@pytest.mark.parametrize(
    ("days_before_start", "hours", "is_compared"),
    [
        pytest.param(-3, 2, False, id="in the period"),
        pytest.param(4, 2, False, id="in the comparison period"),
        pytest.param(4, 1, True, id="less than a hundredth of it"),
        pytest.param(12, 24, True, id="before both"),
    ],
)
def test_periods_with_recording_gaps_are_not_compared(
    days_before_start: int, hours: int, is_compared: bool
) -> None:
    gap = WEEK.start - timedelta(days=days_before_start)
    recording = Recording(
        WEEK.start - timedelta(days=90), timedelta(), None, [gap], [gap + timedelta(hours=hours)]
    )

    found = WEEK.compared_with(recording)

    assert found.no_comparison == (None if is_compared else "recording_gap")
    assert found.gaps == ([] if days_before_start == 12 else [(gap, gap + timedelta(hours=hours))])
