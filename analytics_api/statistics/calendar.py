"""Days, weeks and hours of a time zone as instants.

Clocks may skip midnight, a whole day or half an hour, and repeat an hour. The starts returned here
are instants in ascending order, so that the intervals between them cover a period without gaps or
overlaps whatever the clocks do.
"""

from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

Interval = Literal["hour", "day", "week"]

_HOUR: Final = timedelta(hours=1)
_LONGEST_GAP: Final = timedelta(hours=26)
"""Longer than any change of a zone's offset: Samoa skipped 30 December 2011."""
_SECOND: Final = timedelta(seconds=1)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant, in UTC, at which the clocks of *zone* show *day* or a later one."""
    midnight = datetime.combine(day, time(), zone)
    instant = midnight.astimezone(UTC)
    if _local(instant, zone) == midnight.replace(tzinfo=None):
        return instant
    return _first(
        lambda moment: _local(moment, zone).date() >= day, instant - _LONGEST_GAP, instant
    )


def days_before(days: int, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the start of the day that is *days* before the day of *now*."""
    return day_start(now.astimezone(zone).date() - timedelta(days=days), zone)


def months_before(months: int, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the start of the same day *months* before, or of the last day of that month."""
    today = now.astimezone(zone).date()
    year, month = divmod(12 * today.year + today.month - 1 - months, 12)
    last = monthrange(year, month + 1)[1]
    return day_start(date(year, month + 1, min(today.day, last)), zone)


def shift_days(instant: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the same local time *days* later, in UTC; the start of a day stays one."""
    local = instant.astimezone(zone)
    if day_start(local.date(), zone) == instant:
        return day_start(local.date() + timedelta(days=days), zone)
    return (local + timedelta(days=days)).astimezone(UTC)


def interval_bounds(
    start: datetime, end: datetime, interval: Interval, zone: ZoneInfo
) -> Iterator[datetime]:
    """Yield the starts, in UTC, of the intervals that overlap the period, and the end of the last.

    Args:
        start: of the period.
        end: of the period, exclusive.
        interval: hour, day, or week from Monday.
        zone: that the intervals are of. An hour that the clocks repeat is two intervals; one that
            they cut short is a shorter one.
    """
    starts = _hour_starts(start, zone) if interval == "hour" else _day_starts(start, interval, zone)
    for instant in starts:
        yield instant
        if instant >= end:
            return


def _day_starts(start: datetime, interval: Interval, zone: ZoneInfo) -> Iterator[datetime]:
    day = start.astimezone(zone).date()
    step = timedelta(days=1)
    if interval == "week":
        day -= timedelta(days=day.weekday())
        step = timedelta(days=7)
    latest = day_start(day, zone)
    yield latest
    while True:
        day += step
        instant = day_start(day, zone)
        if instant > latest:  # equal where the clocks skipped the whole day
            yield instant
        latest = instant


def _hour_starts(start: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    start = start.astimezone(UTC)
    change = _offset_change(start - _HOUR, start, zone)
    instant = max(filter(None, (_full_hour(start, zone), change)))
    while True:
        yield instant
        following = _full_hour(instant, zone) + _HOUR
        instant = _offset_change(instant, following, zone) or following


def _full_hour(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant with the minutes and seconds of its local time subtracted."""
    local = instant.astimezone(zone)
    past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return instant - past


def _offset_change(after: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when the offset changes within at most an hour, if it does."""
    after, until = after.replace(microsecond=0), until.replace(microsecond=0)
    offset = after.astimezone(zone).utcoffset()
    if until.astimezone(zone).utcoffset() == offset:
        return None
    return _first(lambda moment: moment.astimezone(zone).utcoffset() != offset, after, until)


def _first(holds: Callable[[datetime], bool], before: datetime, until: datetime) -> datetime:
    """Return the first full second in (before, until] for which *holds*, by bisection."""
    while until - before > _SECOND:
        middle = before + (until - before) // _SECOND // 2 * _SECOND
        before, until = (before, middle) if holds(middle) else (middle, until)
    return until


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)
