"""Periods and the periods before them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics_api.reports.scope import Scope

NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "end", "before", "before_end"),
    [
        # Whole days are compared with the whole days before.
        ("2026-06-01", "2026-06-08", "2026-05-25", "2026-06-01"),
        # Until this hour of today: until the same hour, and no day is counted twice.
        ("2026-06-01", "2026-06-08T10:00", "2026-05-24", "2026-05-31T10:00"),
        # Across the change of the clocks midnight stays midnight.
        ("2026-03-05", "2026-03-12T10:00", "2026-02-25", "2026-03-04T09:00"),
    ],
)
def test_the_period_before_is_as_long_and_whole_days_earlier(
    start: str, end: str, before: str, before_end: str
) -> None:
    scope = Scope(at(start), at(end), NEW_YORK)

    assert (scope.previous.start, scope.previous.end) == (at(before), at(before_end))
    assert scope.previous.end - scope.previous.start == scope.end - scope.start


def test_where_nothing_is_before_the_period_before_is_empty() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    scope = Scope(start, start + timedelta(days=1), NEW_YORK, has_previous=False)

    assert scope.previous.start == scope.previous.end == start
