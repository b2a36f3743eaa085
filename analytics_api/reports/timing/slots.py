"""When to publish: hours of the week, judged by what posts published in them earned. Pure.

Few posts are published in any one of 168 hours. So an hour of the week is expected to bring what
its hour of the day and its weekday bring (an hour of the day is helped by its neighbours), and its
own posts move it away from there as far as there are enough of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from analytics_api.reports.shrinkage import (
    NO_POSTS,
    Estimate,
    Unit,
    dispersion_of,
    shrink,
    spread_of,
)

DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
HOURS: Final = 24
BEST: Final = 21
"""The slots worth waiting for: the best eighth of the week, three a day."""
_NEIGHBOUR: Final = 0.5
_QUARTER: Final = timedelta(minutes=15)
_AHEAD: Final = timedelta(days=14)

Place = tuple[int, int]
"""A weekday, 0 for Sunday, and an hour of the day."""
Verdict = Literal["good", "weak", "usual", "thin"]


class Slot(NamedTuple):
    """One hour of the week: sums over the posts published in it, and what it does to a post."""

    place: Place
    unit: Unit
    estimate: Estimate
    verdict: Verdict


def slots_of(units: Mapping[Place, Unit], least_posts: int) -> list[Slot]:
    """Return the 168 slots, Sunday's first hour first.

    Args:
        units: sums over posts, of the hours of the week that have any.
        least_posts: that a slot and the hours beside it need to be judged.
    """
    known = {place: unit for place, unit in units.items() if unit.expected > 0}
    dispersion = dispersion_of(list(known.values()))
    hours = _margin((_by_hour(known, hour) for hour in range(HOURS)), dispersion)
    scaled = {place: unit.scaled(hours[place[1]].index) for place, unit in known.items()}
    days = _margin((_by_day(scaled, day) for day in range(len(DAYS))), dispersion)
    priors = {
        (day, hour): (days[day].index * hours[hour].index, days[day].spread + hours[hour].spread)
        for day in range(len(DAYS))
        for hour in range(HOURS)
    }
    own = {place: unit.scaled(priors[place][0]) for place, unit in known.items()}
    spread = spread_of(list(own.values()), dispersion)
    slots = []
    for place, (level, uncertainty) in priors.items():
        moved = shrink(own.get(place, NO_POSTS), spread + uncertainty, dispersion)
        unit, estimate = known.get(place, NO_POSTS), moved.times(level)
        is_thin = _posts_around(known, place) < least_posts
        slots.append(Slot(place, unit, estimate, "thin" if is_thin else _verdict(estimate)))
    return slots


def _by_hour(units: Mapping[Place, Unit], hour: int) -> Unit:
    weights = {hour: 1.0, (hour - 1) % HOURS: _NEIGHBOUR, (hour + 1) % HOURS: _NEIGHBOUR}
    found = NO_POSTS
    for place, unit in units.items():
        if weight := weights.get(place[1]):
            found = found.plus(unit, weight)
    return found


def _by_day(units: Mapping[Place, Unit], day: int) -> Unit:
    found = NO_POSTS
    for place, unit in units.items():
        if place[0] == day:
            found = found.plus(unit)
    return found


def _margin(units: Iterable[Unit], dispersion: float) -> list[Estimate]:
    listed = list(units)
    spread = spread_of([unit for unit in listed if unit.expected > 0], dispersion)
    return [shrink(unit, spread, dispersion) for unit in listed]


def _posts_around(units: Mapping[Place, Unit], place: Place) -> int:
    day, hour = place
    around = ((day, hour - 1), place, (day, hour + 1))
    return sum(units[there].posts for there in around if there in units)


def _verdict(estimate: Estimate) -> Verdict:
    if estimate.low > 1:
        return "good"
    return "weak" if estimate.high < 1 else "usual"


class Opening(NamedTuple):
    """A slot that is still to come."""

    start: datetime
    slot: Slot

    @property
    def end(self) -> datetime:
        """When it is over: an hour of time that passes later."""
        start = self.start
        return (start.astimezone(UTC) + timedelta(hours=1)).astimezone(start.tzinfo)


def openings(slots: Iterable[Slot], now: datetime, zone: ZoneInfo, count: int) -> list[Opening]:
    """Return the next openings of the best slots, in the order of time; [] without good slots."""
    good = [slot for slot in slots if slot.verdict == "good"]
    best = sorted(good, key=lambda slot: (-slot.estimate.low, slot.place))[:BEST]
    by_place = {slot.place: slot for slot in best}
    coming = (
        Opening(start, by_place[place_of(start)])
        for start in _full_hours(now, zone)
        if place_of(start) in by_place
    )
    return list(islice(coming, count))


def place_of(moment: datetime) -> Place:
    """Return the weekday and the hour of a moment in its own zone."""
    return moment.isoweekday() % len(DAYS), moment.hour


def _full_hours(now: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the hours that begin after *now* on the clocks of *zone*, as they really come."""
    elapsed = now.astimezone(UTC)
    moment = elapsed.replace(minute=elapsed.minute // 15 * 15, second=0, microsecond=0)
    while (moment := moment + _QUARTER) <= elapsed + _AHEAD:
        local = moment.astimezone(zone)
        if local.minute == 0:
            yield local
