"""Days, weeks and hours of zones whose clocks change."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_api.statistics.calendar import Interval, day_start, days_before, interval_bounds

CHANGING = (
    "Africa/Cairo", "America/Santiago", "America/Havana", "Asia/Beirut", "America/Asuncion",
    "Australia/Lord_Howe", "Antarctica/Troll", "Asia/Kathmandu", "Pacific/Apia",
    "America/Sao_Paulo", "Atlantic/Azores", "America/Nuuk", "UTC", "Europe/Vienna",
)  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-24T01:00:00+03:00"),
        ("America/Santiago", date(2026, 9, 6), "2026-09-06T01:00:00-03:00"),
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T01:00:00-02:00"),
        ("America/Havana", date(2026, 11, 1), "2026-11-01T00:00:00-04:00"),
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-31T00:00:00+14:00"),
        ("America/Toronto", date(1919, 3, 31), "1919-03-31T00:30:00-04:00"),
    ],
)
def test_day_starts_at_its_first_instant_when_midnight_is_skipped_or_repeated(
    zone: str, day: date, start: str
) -> None:
    assert day_start(day, ZoneInfo(zone)).astimezone(ZoneInfo(zone)).isoformat() == start


def test_days_before_counts_days_of_the_zone() -> None:
    cairo = ZoneInfo("Africa/Cairo")
    now = datetime(2026, 4, 25, 22, 30, tzinfo=UTC)  # the 26th in Cairo

    assert days_before(2, cairo, now) == datetime(2026, 4, 23, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "start", "end", "interval", "bounds"),
    [
        pytest.param(
            "Africa/Cairo", "2026-04-22T22:00", "2026-04-25T12:00", "day",
            ["2026-04-23T00:00:00+02:00", "2026-04-24T01:00:00+03:00",
             "2026-04-25T00:00:00+03:00", "2026-04-26T00:00:00+03:00"],
            id="skipped midnight",
        ),
        pytest.param(
            "Pacific/Apia", "2011-12-29T12:00", "2011-12-31T09:00", "day",
            ["2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00",
             "2012-01-01T00:00:00+14:00"],
            id="skipped day",
        ),
        pytest.param(
            "Europe/Vienna", "2026-10-24T23:30", "2026-10-25T02:00", "hour",
            ["2026-10-25T01:00:00+02:00", "2026-10-25T02:00:00+02:00",
             "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"],
            id="repeated hour",
        ),
        pytest.param(
            "Australia/Lord_Howe", "2026-04-04T14:10", "2026-04-04T16:00", "hour",
            ["2026-04-05T01:00:00+11:00", "2026-04-05T01:30:00+10:30",
             "2026-04-05T02:00:00+10:30", "2026-04-05T03:00:00+10:30"],
            id="repeated half hour",
        ),
        pytest.param(
            "Australia/Lord_Howe", "2026-04-04T15:10", "2026-04-04T16:00", "hour",
            ["2026-04-05T01:30:00+10:30", "2026-04-05T02:00:00+10:30",
             "2026-04-05T03:00:00+10:30"],
            id="period that begins within the repeated half hour",
        ),
    ],
)  # fmt: skip
def test_intervals_follow_changes_of_the_clocks(
    zone: str, start: str, end: str, interval: Interval, bounds: list[str]
) -> None:
    place = ZoneInfo(zone)
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    found = interval_bounds(first, last, interval, place)

    assert [instant.astimezone(place).isoformat() for instant in found] == bounds


@given(
    zone=st.sampled_from([*CHANGING, *sorted(available_timezones())]),
    start=st.integers(946_684_800, 2_051_222_400),  # 2000 to 2035
    hours=st.integers(0, 24 * 40),
    interval=st.sampled_from(["hour", "day", "week"]),
)
def test_intervals_cover_the_period_and_each_shows_one_local_hour_day_or_week(
    zone: str, start: int, hours: int, interval: Interval
) -> None:
    place, first = ZoneInfo(zone), datetime.fromtimestamp(start, UTC)
    end = first + timedelta(hours=hours)
    found = list(interval_bounds(first, end, interval, place))

    assert all(earlier < later for earlier, later in pairwise(found))
    assert found[0] <= first
    assert all(instant < end for instant in found[1:-1])
    assert found[-1] >= end
    shown = [instant.astimezone(place).isoformat() for instant in found]
    assert len(set(shown)) == len(shown)
    longest = {"hour": 1, "day": 50, "week": 7 * 24 + 26}[interval]
    assert all(b - a <= timedelta(hours=longest) for a, b in pairwise(found))
