"""What a report is about: its period, the posts and events it counts, its zone."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from fastapi import Depends, Query, Request

from analytics_api.answering.requests import known_number, state_of
from analytics_api.reports.plain.reports import midnight
from schema.event import TYPES
from schema.http.problems import Problem, unavailable

ReportPeriod = Literal["7d", "30d", "90d", "365d", "all"]
EventKind = Literal["view", "like", "comment", "share"]

_DAYS: Final = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_DAYS: Final = 3660
_LAST_YEAR: Final = 9000
_MAX_TEXT: Final = 200
_LONG: Final = timedelta(days=100)


@dataclass(frozen=True)
class Filters:
    """Which posts and which events count; empty, 0 and None choose everything."""

    category: str = ""
    author: int = 0
    kind: EventKind | None = None
    tag: str = ""
    promoted: bool | None = None


@dataclass(frozen=True)
class Scope:
    """A period, from ``start`` to just before ``end``, and what counts in it.

    Attributes:
        start, end: in UTC, so that their difference is time that passed.
        zone: that days and hours are told in.
        has_previous: whether there is a period before to compare with.
    """

    start: datetime
    end: datetime
    zone: ZoneInfo
    filters: Filters = Filters()
    has_previous: bool = True

    @property
    def is_long(self) -> bool:
        """Whether its events may be more than can be read while a reader waits."""
        return self.end - self.start > _LONG

    @property
    def previous(self) -> "Scope":
        """The period before: as long, earlier by whole days; an empty one where there is none.

        So days are compared with days, and today until now with that day until the same hour.
        """
        if not self.has_previous:
            return replace(self, end=self.start)
        length = self.end - self.start
        local = self.start.astimezone(self.zone)
        # Wall clocks are shifted, so that midnight stays midnight when the clocks change.
        begin = local - timedelta(days=math.ceil(length / timedelta(days=1)))
        return replace(self, start=begin.astimezone(UTC), end=begin.astimezone(UTC) + length)

    @property
    def periods(self) -> list["Scope"]:
        """Itself, and the period before if there is one."""
        return [self, self.previous] if self.has_previous else [self]

    def parameters(self) -> Mapping[str, Any]:
        """Return the values of the parameters that the reports' SQL files share."""
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


_Day = Annotated[date | None, Query(description="YYYY-MM-DD in tz; instead of period.")]
_Text = Annotated[str | None, Query(max_length=_MAX_TEXT, pattern=r"^[^\x00]+$")]


async def filters_of(  # noqa: PLR0913, PLR0917  (the query parameters of a URL)
    request: Request,
    category: _Text = None,
    author: Annotated[
        str | None, Query(description="An author's number, or its external id.")
    ] = None,
    type: Annotated[  # noqa: A002  (the event's field)
        EventKind | None, Query(description="Of this type alone.")
    ] = None,
    tag: _Text = None,
    promoted: Annotated[bool | None, Query(description="Promoted posts, or the others.")] = None,
) -> Filters:
    """Read a report's filters from the URL. Raises Problem 422 for what is no id."""
    author_id = await known_number(request, "author", author) if author else 0
    return Filters(category or "", author_id, type, tag or "", promoted)


async def moment_of(request: Request) -> datetime:
    """Return when the data were true. Raises Problem 503 while PostgreSQL is away."""
    view = state_of(request).follower.view
    if view is None:
        raise unavailable("PostgreSQL does not answer")
    return view.as_of if view.is_known else datetime.now(UTC)


async def clock_of(moment: Annotated[datetime, Depends(moment_of)]) -> datetime:
    """Return the end of the minute in which the data were true: equal questions, equal answers."""
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=1)


async def zone_given(
    request: Request,
    tz: Annotated[str | None, Query(description="IANA zone; unset: the reporting zone.")] = None,
) -> ZoneInfo:
    """Return the reader's zone. Raises Problem 422 for what is none."""
    return state_of(request).zone if tz is None else zone_of(tz)


def scope_of(default: ReportPeriod) -> Callable[..., Awaitable[Scope]]:
    """Return what reads a report's scope from the URL; *default* is the period if it is unset."""

    async def read(  # noqa: PLR0913, PLR0917  (the query parameters of a URL)
        now: Annotated[datetime, Depends(clock_of)],
        zone: Annotated[ZoneInfo, Depends(zone_given)],
        filters: Annotated[Filters, Depends(filters_of)],
        period: Annotated[
            ReportPeriod | None,
            Query(description=f"Since midnight so many days ago; {default} if unset."),
        ] = None,
        start: _Day = None,
        end: Annotated[
            date | None, Query(description="The last day that counts; today if unset.")
        ] = None,
    ) -> Scope:
        if start is None and end is None:
            days = _DAYS.get(period or default)
            since = _EVER if days is None else midnight(days, zone, now).astimezone(UTC)
            return Scope(since, now, zone, filters, has_previous=days is not None)
        if period is not None or start is None:
            raise Problem(422, "invalid_parameter", "give period, or start with or without end")
        return Scope(*_between(start, end, zone, now), zone, filters)

    return read


def _between(
    start: date, end: date | None, zone: ZoneInfo, now: datetime
) -> tuple[datetime, datetime]:
    last = end or now.astimezone(zone).date()
    if not 0 <= (last - start).days < _LONGEST_DAYS or start.year < _EVER.year:
        raise Problem(422, "invalid_parameter", "start must not be after end, nor ten years before")
    if last.year > _LAST_YEAR:
        raise Problem(422, "invalid_parameter", "end is too far ahead")
    begin = datetime(start.year, start.month, start.day, tzinfo=zone)
    after = last + timedelta(days=1)
    finish = min(datetime(after.year, after.month, after.day, tzinfo=zone), now)
    if finish <= begin:
        raise Problem(422, "invalid_parameter", "start is in the future")
    return begin.astimezone(UTC), finish.astimezone(UTC)


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of an IANA name. Raises Problem 422."""
    if name not in available_timezones():
        raise Problem(422, "invalid_parameter", "tz: an IANA zone, such as Europe/Vienna")
    return ZoneInfo(name)
