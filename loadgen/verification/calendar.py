"""Days and months back from an instant, as a reporting zone's calendar counts them."""

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def midnight_days_ago(days: int, zone: ZoneInfo, now: datetime) -> datetime:
    """Return when the day so many days before today began in *zone*."""
    return _midnight(now.astimezone(zone).date() - timedelta(days=days), zone)


def midnight_months_ago(months: int, zone: ZoneInfo, now: datetime) -> datetime:
    """Likewise for months; a day that the month does not have is its last one."""
    today = now.astimezone(zone).date()
    year, month = divmod(12 * today.year + today.month - 1 - months, 12)
    month += 1
    day = min(today.day, monthrange(year, month)[1])
    return _midnight(date(year, month, day), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
