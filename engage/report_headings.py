"""Headings of reports: what a report shows, of which period, in which time zone."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from analytics_api.parameters import PeriodParameters
from analytics_api.periods import DAYS
from analytics_api.report import Report

_TIME: Final = "%Y-%m-%d %H:%M"
_PUBLISHED: Final[Mapping[str, str]] = {
    "top-authors": "posts of 3 months",
    "opportunity-authors": "posts of 90 days",
    "engagement-patterns": "365 days",
    "post-benchmark": "from publication",
    "post-path": "from publication",
}
"""Periods of reports that no parameter chooses."""


def title_of(report: Report) -> str:
    return report.name.replace("-", " ").capitalize()


def heading(report: Report, given: Mapping[str, Any], zone: ZoneInfo, as_of: datetime) -> str:
    """Return a line such as ``Funnel: 2026-11-01 to 2026-11-30 18:07, Europe/Berlin``.

    Args:
        report: the report.
        given: its parameters, as they were sent.
        zone: of its days and hours.
        as_of: its Data-As-Of.
    """
    return f"{title_of(report)}: {_period(report, given, as_of.astimezone(zone))}, {zone.key}"


def _period(report: Report, given: Mapping[str, Any], now: datetime) -> str:
    if given.get("start"):
        return f"{given['start']} to {given.get('end') or now.strftime(_TIME)}"
    if "period" in report.parameters.model_fields:
        name = given.get("period") or _default_period(report)
        if days := DAYS.get(name):
            return f"{now.date() - timedelta(days=days)} to {now.strftime(_TIME)}"
    if report.name == "movers":
        since = now - timedelta(hours=float(given["hours"]))
        return f"{since.strftime(_TIME)} to {now.strftime(_TIME)}"
    return f"{_PUBLISHED.get(report.name, 'all time')} to {now.strftime(_TIME)}"


def _default_period(report: Report) -> str:
    if issubclass(report.parameters, PeriodParameters):
        return report.parameters.default_period
    return str(report.parameters.model_fields["period"].default)


def local_times(report: Report, row: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return a row of a report with its times as local times, to the minute."""
    times = {
        name
        for name, field in report.row.model_fields.items()
        if "datetime" in str(field.annotation)
    }
    return {
        name: datetime.fromisoformat(value).astimezone(zone).strftime(_TIME)
        if name in times and value is not None
        else value
        for name, value in row.items()
    }
