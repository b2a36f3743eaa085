"""Hours of the week, compared by the engagement with posts published in them.

Few posts are published in any one of 168 hours. So an hour of the week is expected to bring what
its hour of the day and its weekday bring (an hour of the day is like its neighbours), and its own
posts move it away from there as far as there are enough of them. No hour is good or weak unless one
test of all hours of the day, or of all weekdays, finds that they differ.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from analytics_api.statistics.inference import LEVEL, Z_95
from analytics_api.statistics.places import (
    Effect,
    Pair,
    Places,
    independent_effects,
    neighbours,
    scattered,
)

DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
HOURS: Final = 24
BEST: Final = 21
"""Number of recommended slots: an eighth of the week, three a day."""
_QUARTER: Final = timedelta(minutes=15)
_AHEAD: Final = timedelta(days=14)
_LIKE_HOURS: Final = neighbours(HOURS, 0.9)
_UNLIKE_DAYS: Final = neighbours(len(DAYS), 0.0)
_HOUR_SCALE: Final = 0.1
_DAY_SCALE: Final = 0.03
_OWN_SCALE: Final = 0.03
"""Typical standard deviations of lifts: of hours of the day, weekdays, and slots around these."""
_TEST_LEVEL: Final = (1 - LEVEL) / 2
"""Of each of the two tests."""
_LEAST_INDEX: Final = 0.01
_SECOND_WEIGHT: Final = 1 / 4
"""Of the estimate with the second cut-off, which depends on what the first one found."""

Place = tuple[int, int]
"""A weekday, 0 for Sunday, and an hour of the day."""
Verdict = Literal["good", "weak", "usual", "thin"]


@dataclass(frozen=True)
class Slot:
    """One hour of the week.

    Attributes:
        posts: published in it.
        observed, expected: what they earned, and what their authors' posts earn on average.
        index: the ratio of both, shrunk.
        variance: of the index.
    """

    place: Place
    posts: int
    observed: float
    expected: float
    index: float
    variance: float
    verdict: Verdict

    @property
    def low(self) -> float:
        """Lower end of the 95 % credible interval of the index.

        The surplus of a slot is a sum over posts, with a variance that is known where hours make no
        difference. So the index is normal on the scale of differences, also close to 0.
        """
        return max(self.index - Z_95 * math.sqrt(self.variance), 0.0)

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.index + Z_95 * math.sqrt(self.variance)


def slots_of(pairs: Iterable[Pair], least_posts: int) -> list[Slot]:
    """Return the 168 slots, Sunday's first hour first.

    Args:
        pairs: rows of posting_slots.
        least_posts: minimum of a slot and its neighbours; slots with fewer are thin.
    """
    of_kind: dict[str, list[Pair]] = {"slot": [], "hour": [], "day": []}
    for pair in pairs:
        of_kind[pair.kind].append(pair)
    hours, do_hours_differ = _margin(Places(of_kind["hour"], HOURS, _LIKE_HOURS), _HOUR_SCALE)
    days, do_days_differ = _margin(Places(of_kind["day"], len(DAYS), _UNLIKE_DAYS), _DAY_SCALE)
    known = {divmod(pair.place, HOURS): pair for pair in of_kind["slot"]}
    places = [(day, hour) for day in range(len(DAYS)) for hour in range(HOURS)]
    levels = _levels(hours, days, known)
    chosen = [known.get(place, _NO_POSTS) for place in places]
    units = [_unit(pair, levels[place]) for place, pair in zip(places, chosen, strict=True)]
    found = []
    owns = independent_effects(units, _OWN_SCALE)
    for place, seen, own in zip(places, chosen, owns, strict=True):
        day, hour = days[place[0]], hours[place[1]]
        variance = (
            own.variance
            + day.variance * max(1 + hour.value, 0.0) ** 2
            + hour.variance * max(1 + day.value, 0.0) ** 2
        )
        index = max(levels[place] + own.value, _LEAST_INDEX)
        slot = Slot(place, seen.posts, seen.observed, seen.expected, index, variance, "usual")
        if _posts_around(known, place) < least_posts:
            slot = replace(slot, verdict="thin")
        elif do_hours_differ or do_days_differ:
            slot = replace(slot, verdict=_verdict(slot))
        found.append(slot)
    return found


def hour_factors(pairs: Iterable[Pair]) -> list[float] | None:
    """Return what posts of each hour of the day earn, as a ratio; None: hours do not differ.

    A cut-off for viral posts that is the same at all hours takes more from good hours than from
    weak ones. Multiplied by these factors it takes the same share, or too little where chance made
    an hour look good.
    """
    hours = Places((pair for pair in pairs if pair.kind == "hour"), HOURS, _LIKE_HOURS)
    effects, do_differ = _margin(hours, _HOUR_SCALE)
    return [max(1 + effect.value, _LEAST_INDEX) for effect in effects] if do_differ else None


def averaged(first: Sequence[Slot], second: Sequence[Slot]) -> list[Slot]:
    """Return the estimates of two cut-offs as one, whose variance holds the difference of both."""
    found = []
    for one, other in zip(first, second, strict=True):
        gap = other.index - one.index
        slot = replace(
            one,
            index=one.index + _SECOND_WEIGHT * gap,
            variance=one.variance + _SECOND_WEIGHT * (1 - _SECOND_WEIGHT) * gap**2,
        )
        found.append(slot if one.verdict == "thin" else replace(slot, verdict=_verdict(slot)))
    return found


def _unit(pair: Pair, level: float) -> tuple[float, float, float]:
    """Return the surplus over the level of a slot, what is expected, and the surplus's variance."""
    surplus = pair.observed - pair.expected * level
    if pair.variance <= 0:
        return surplus, pair.expected, 0.0
    ((variance,),) = scattered([[pair.variance]], [[pair.information]], [Effect(level - 1, 0.0)])
    return surplus, pair.expected, variance


_NO_POSTS: Final = Pair("slot", 0, 0, 0, 0.0, 0.0, 0.0, 0.0)


def _margin(places: Places, scale: float) -> tuple[list[Effect], bool]:
    """Return the effects of hours of the day or of weekdays, and whether these differ."""
    do_differ = places.p_value() <= _TEST_LEVEL
    return places.effects(scale, _TEST_LEVEL if do_differ else 0.0), do_differ


def _levels(
    hours: Sequence[Effect], days: Sequence[Effect], known: Mapping[Place, Pair]
) -> dict[Place, float]:
    """Return what hour and weekday let expect of each slot, as a ratio whose mean is 1."""
    levels = {
        (day, hour): max(1 + by_day.value, _LEAST_INDEX) * max(1 + by_hour.value, _LEAST_INDEX)
        for day, by_day in enumerate(days)
        for hour, by_hour in enumerate(hours)
    }
    expected = sum(pair.expected * levels[place] for place, pair in known.items())
    observed = sum(pair.observed for pair in known.values())
    factor = observed / expected if expected and observed else 1.0
    return {place: level * factor for place, level in levels.items()}


def _posts_around(pairs: Mapping[Place, Pair], place: Place) -> int:
    day, hour = place
    around = ((day, hour - 1), place, (day, hour + 1))
    return sum(pairs[there].posts for there in around if there in pairs)


def _verdict(slot: Slot) -> Verdict:
    if slot.low > 1:
        return "good"
    return "weak" if slot.high < 1 else "usual"


class Opening(NamedTuple):
    """A slot at a date in the future."""

    start: datetime
    slot: Slot

    @property
    def end(self) -> datetime:
        """End of the slot: an elapsed hour later."""
        start = self.start
        return (start.astimezone(UTC) + timedelta(hours=1)).astimezone(start.tzinfo)


def openings(slots: Iterable[Slot], now: datetime, zone: ZoneInfo, count: int) -> list[Opening]:
    """Return the next openings of the best slots, by time; [] without good slots."""
    good = [slot for slot in slots if slot.verdict == "good"]
    best = sorted(good, key=lambda slot: (-slot.low, slot.place))[:BEST]
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
    """Yield the hours that begin after *now* in *zone*, also at changes of its clocks."""
    elapsed = now.astimezone(UTC)
    moment = elapsed.replace(minute=elapsed.minute // 15 * 15, second=0, microsecond=0)
    while (moment := moment + _QUARTER) <= elapsed + _AHEAD:
        local = moment.astimezone(zone)
        if local.minute == 0:
            yield local


@dataclass(frozen=True)
class Habit:
    """The hours of the week at which an author publishes posts."""

    author_id: int
    author_name: str
    category: str
    posts: Mapping[Place, int]

    @property
    def total(self) -> int:
        """Number of posts."""
        return sum(self.posts.values())

    def among(self, slots: Sequence[Slot], verdict: Verdict) -> int:
        """Return the number of posts in slots with this verdict."""
        return sum(self.posts.get(slot.place, 0) for slot in slots if slot.verdict == verdict)

    def share(self, place: Place) -> float:
        """Return the share of the posts at this hour."""
        return self.posts.get(place, 0) / self.total

    def index(self, slots: Sequence[Slot]) -> float:
        """Return the mean index of the chosen hours."""
        return sum(self.share(slot.place) * slot.index for slot in slots)
