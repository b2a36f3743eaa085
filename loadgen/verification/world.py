"""The inputs and rules of reports: rows, calendar and rounding."""

from calendar import monthrange
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from functools import cached_property
from heapq import nsmallest
from math import floor
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo


def midnight_days_ago(days: int, zone: ZoneInfo, now: datetime) -> datetime:
    return _midnight(now.astimezone(zone).date() - timedelta(days=days), zone)


def midnight_months_ago(months: int, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the midnight *months* before today; the last day where a month is shorter."""
    today = now.astimezone(zone).date()
    year, month = divmod(12 * today.year + today.month - 1 - months, 12)
    month += 1
    day = min(today.day, monthrange(year, month)[1])
    return _midnight(date(year, month, day), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


class Author(NamedTuple):
    author_id: int
    name: str
    category: str


class Post(NamedTuple):
    """A row of posts; its time is aware."""

    post_id: int
    author_id: int
    category: str
    published: datetime
    title: str


class Engagement(NamedTuple):
    """A distinct stored event; its time is aware."""

    post_id: int
    kind: str
    user_id: int | None
    at: datetime


@dataclass(frozen=True)
class World:
    """All data that reports are computed from.

    Attributes:
        authors: all of the catalogue.
        posts: all of the catalogue.
        engagements: all that are stored, of posts outside the catalogue as well.
    """

    authors: Sequence[Author]
    posts: Sequence[Post]
    engagements: Sequence[Engagement]

    @cached_property
    def author(self) -> dict[int, Author]:
        return {author.author_id: author for author in self.authors}

    @cached_property
    def post(self) -> dict[int, Post]:
        return {post.post_id: post for post in self.posts}

    @cached_property
    def of_post(self) -> dict[int, list[Engagement]]:
        """Engagements by post id; none for posts without."""
        found: dict[int, list[Engagement]] = defaultdict(list)
        for engagement in self.engagements:
            found[engagement.post_id].append(engagement)
        return found

    @cached_property
    def of_author(self) -> dict[int, list[Post]]:
        """Posts by author id; none for authors without."""
        found: dict[int, list[Post]] = defaultdict(list)
        for post in self.posts:
            found[post.author_id].append(post)
        return found

    def busiest(self, count: int) -> list[int]:
        """Return the IDs of the *count* most engaged posts of the catalogue."""
        return nsmallest(
            count, self.post, key=lambda post_id: (-len(self.of_post[post_id]), post_id)
        )


_MANY_POSTS: Final = 10
_FEW_POSTS: Final = 5


def rate(counts: Counter[str]) -> float | None:
    """Return 100 x (everything but views) / views; None without views."""
    views = counts["view"]
    return rounded(Fraction(100 * (counts.total() - views), views)) if views else None


def change(times: Iterable[datetime], now: datetime, length: timedelta) -> float | None:
    """Return by how many percent the last *length* exceeds the one before."""
    last = before = 0
    for at in times:
        last += now - length <= at <= now
        before += now - 2 * length <= at < now - length
    return rounded(Fraction(100 * (last - before), before), 1) if before else None


def rounded(value: Fraction, digits: int = 2) -> float:
    """Round half away from zero."""
    scaled = floor(abs(value) * 10**digits + Fraction(1, 2))
    return float(Fraction(scaled if value >= 0 else -scaled, 10**digits))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the continuous percentile (SQL's PERCENTILE_CONT) of ascending values."""
    position = share * (len(ordered) - 1)
    low = floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (position - low) * (ordered[high] - ordered[low])


def segment(posts: int, average: float, median: float, p75: float) -> dict[str, Any]:
    """Return the segment of an author within the category, and the opportunity score."""
    name, score = "Average", 0
    if posts >= _MANY_POSTS and average < median:
        name = "High Volume, Low Engagement"
        # In thousandths, as the values have two and the median at most three decimals.
        gap_thousandths = round(median * 1000) - round(average * 1000)
        score = floor(Fraction(gap_thousandths * posts, 1000) + Fraction(1, 2))
    elif posts >= _MANY_POSTS and average >= p75:
        name = "High Volume, High Engagement"
    elif posts < _FEW_POSTS and average >= p75:
        name = "Low Volume, High Quality"
    return {"performance_segment": name, "opportunity_score": score}
