"""Periods of reports, the posts and events that count in them, and the periods before."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from analytics_api.statistics.calendar import day_start, days_before, shift_days
from schema.event import TYPES, EventType
from schema.time_zones import zone_of
from web.problems import Problem

PeriodName = Literal["7d", "30d", "90d", "365d", "all"]
Comparison = Literal["previous", "year", "none"]
NoComparison = Literal["all_time", "not_recorded", "recording_gap", "expired", "not_requested"]
NO_COMPARISON: Final[Mapping[NoComparison, str]] = {
    "all_time": "nothing is before all time",
    "not_recorded": "engagement was not recorded yet",
    "recording_gap": "engagement was not recorded for a part of the time",
    "expired": "some of its days have expired",
    "not_requested": "no comparison was requested",
}
"""Reasons why there is no comparison period."""

DAYS: Final = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DAYS: Final = 3660
_YEAR_DAYS: Final = 364
"""A year of whole weeks, so that weekdays match."""
_MAX_YEAR: Final = 9000
_LONG: Final = timedelta(days=100)
_INSTANT: Final = timedelta(microseconds=1)
# A period may lack this part of its length.
_NEGLIGIBLE: Final = 0.01


@dataclass(frozen=True)
class Recording:
    """When engagement was recorded, and since when its events are stored.

    Attributes:
        recorded_since: of the first event; None: there are no events.
        longest_silence: without any event. If a period begins this long before the first event,
            that does not show that events are missing.
        stored_since: the first day of which no later day has expired; None: no day has.
        gap_starts, gap_ends: when nothing was recorded, ascending.
    """

    recorded_since: datetime | None
    longest_silence: timedelta
    stored_since: datetime | None
    gap_starts: Sequence[datetime] = ()
    gap_ends: Sequence[datetime] = ()

    def has_gap(self, start: datetime, end: datetime) -> bool:
        """Return whether more than a hundredth of the time from *start* to *end* lies in gaps."""
        missing = sum(
            (
                max(timedelta(), min(end, gap_end) - max(start, gap_start))
                for gap_start, gap_end in zip(self.gap_starts, self.gap_ends, strict=True)
            ),
            timedelta(),
        )
        return missing > _NEGLIGIBLE * (end - start)

    def why_unknown(self, start: datetime, end: datetime) -> NoComparison | None:
        """Return why the engagement from *start* to *end* is not known; None: it is."""
        missing = max(self.longest_silence, _NEGLIGIBLE * (end - start))
        if self.recorded_since is None or start < self.recorded_since - missing:
            return "not_recorded"
        if self.stored_since is not None and start < self.stored_since:
            return "expired"
        return "recording_gap" if self.has_gap(start, end) else None


@dataclass(frozen=True)
class Filters:
    """Selection of posts and events; empty, 0 and None select all."""

    category: str = ""
    author: int = 0
    kind: EventType | None = None
    tag: str = ""
    promoted: bool | None = None

    @property
    def has_all_posts(self) -> bool:
        """Whether all posts count."""
        return self == Filters(kind=self.kind)


@dataclass(frozen=True)
class Period:
    """A period, from ``start`` to just before ``end``, and what counts in it.

    Attributes:
        start, end: in UTC, so that their difference is elapsed time.
        zone: of days and hours.
        no_comparison: why there is no comparison period; None: there is one.
        recording: when engagement was recorded; None: unknown.
        comparison: the period before, or the same period of the year before; none is requested.
    """

    start: datetime
    end: datetime
    zone: ZoneInfo
    filters: Filters = Filters()
    no_comparison: NoComparison | None = None
    recording: Recording | None = None
    comparison: Comparison = "previous"

    @property
    def has_previous(self) -> bool:
        """Whether there is a comparison period."""
        return self.no_comparison is None

    @property
    def is_long(self) -> bool:
        """Whether reading its events may take longer than a client waits."""
        return self.end - self.start > _LONG

    @property
    def previous(self) -> "Period":
        """The comparison period: the same local times whole weeks before, without overlap.

        The year before is 52 weeks before, or more for a longer period.
        Weekdays are compared with the same weekdays, and today until now with that day until the
        same hour. Local dates are counted, not hours, so that clock changes do not shift it. It is
        empty where there is none.
        """
        if not self.has_previous:
            return replace(self, end=self.start)
        days = -7 * math.ceil(self._dates / 7)
        if self.comparison == "year":
            days = min(days, -_YEAR_DAYS)
        return replace(
            self,
            start=shift_days(self.start, days, self.zone),
            end=shift_days(self.end, days, self.zone),
        )

    def with_comparison(self, comparison: Comparison) -> "Period":
        """Return the period with the requested comparison period."""
        if self.has_previous and comparison == "none":
            return replace(self, comparison=comparison, no_comparison="not_requested")
        return replace(self, comparison=comparison)

    def compared_with(self, recording: Recording) -> "Period":
        """Return the period without its comparison period unless all of both is known."""
        known = replace(self, recording=recording)
        if not self.has_previous:
            return known
        before = self.previous
        reason = recording.why_unknown(before.start, before.end)
        if reason is None and recording.has_gap(self.start, self.end):
            reason = "recording_gap"
        return replace(known, no_comparison=reason)

    @property
    def gaps(self) -> list[tuple[datetime, datetime]]:
        """The recording gaps in it or in its comparison period."""
        if self.recording is None:
            return []
        spans = [self, replace(self, no_comparison=None).previous]
        if self.no_comparison == "all_time":
            del spans[1]
        return [
            (start, end)
            for start, end in zip(self.recording.gap_starts, self.recording.gap_ends, strict=True)
            if any(start < span.end and end > span.start for span in spans)
        ]

    @property
    def _dates(self) -> int:
        """The number of local dates that the period touches."""
        last = (self.end - _INSTANT).astimezone(self.zone).date()
        return (last - self.start.astimezone(self.zone).date()).days + 1

    def earlier(self, most: int) -> list["Period"]:
        """Return the comparison period and those before that were recorded, the latest first."""
        found: list[Period] = []
        recording = self.recording
        if recording is None or recording.recorded_since is None or not self.has_previous:
            return found
        period = self.previous
        while period.start >= recording.recorded_since and len(found) < most:
            if recording.has_gap(period.start, period.end):
                break
            found.append(period)
            period = period.previous
        return found

    @property
    def periods(self) -> list["Period"]:
        """Itself, and the comparison period if there is one."""
        return [self, self.previous] if self.has_previous else [self]

    def values(self) -> Mapping[str, Any]:
        """Return the values of the parameters that the SQL files of reports share."""
        filters = self.filters
        return {
            "start": self.start,
            "end": self.end,
            "before": self.previous.start,
            "before_end": self.previous.end,
            "zone": self.zone.key,
            "types": [filters.kind] if filters.kind else list(TYPES),
            "category": filters.category,
            "author": filters.author,
            "tag": filters.tag,
            "promoted": filters.promoted,
        }


def named_period(name: PeriodName, zone: ZoneInfo, now: datetime, filters: Filters) -> Period:
    """Return the period that begins at midnight this many days ago, or all time."""
    days = DAYS.get(name)
    start = _EPOCH if days is None else days_before(days, zone, now)
    return Period(start, now, zone, filters, "all_time" if days is None else None)


def period_between(
    first: date, last: date | None, zone: ZoneInfo, now: datetime, filters: Filters
) -> Period:
    """Return the period of these days. *last* is included; None: today.

    Raises:
        Problem: 422, the days are out of order, out of range or in the future.
    """
    last = last or now.astimezone(zone).date()
    if not 0 <= (last - first).days < _MAX_DAYS or first.year < _EPOCH.year:
        raise Problem(422, "invalid_parameter", "start must not be after end, nor ten years before")
    if last.year > _MAX_YEAR:
        raise Problem(422, "invalid_parameter", "end is too far ahead")
    start = day_start(first, zone)
    end = min(day_start(last + timedelta(days=1), zone), now)
    if end <= start:
        raise Problem(
            422, "invalid_parameter", "the period is in the future, or a day that the zone skipped"
        )
    return Period(start, end, zone, filters)


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of an IANA name. Raises Problem 422."""
    try:
        return zone_of(name)
    except ValueError as error:
        raise Problem(422, "unknown_time_zone", f"tz: {error}") from None
