"""The true parameters of the generated newsroom, as plain data.

Catalogue and traffic are generated from these numbers alone, so a test can compare what a report
estimates with what is true: AUTHORS has the quality of each author, PROMOTED_LIFT what promotion
brings, and the weights how engagement and publications spread over hours and weekdays. Hours and
weekdays are those of the reporting time zone.

A post earns views at the rate ``appeal x decay(age) x HOUR_WEIGHTS[hour] x WEEKDAY_WEIGHTS[day]``.
Its appeal is the product of its author's quality, a log-normal chance of mean 1, PROMOTED_LIFT
if it is promoted and VIRAL_LIFT for a share VIRAL_SHARE of all posts. The share of its views that
comes after an age in days is ``(1 + age / DECAY_SCALE_DAYS) ** -DECAY_SHAPE``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

CATEGORIES: Final = ("Tech", "Lifestyle", "Business", "Health", "Finance", "Entertainment")

HOUR_WEIGHTS: Final = (
    0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.4, 0.7, 1.0, 1.0, 1.0,
    0.8, 1.0, 1.0, 0.9, 0.8, 0.7, 0.6, 0.6, 0.5, 0.4, 0.3, 0.2,
)  # fmt: skip
"""Views by hour of the day, relative to the best."""

WEEKDAY_WEIGHTS: Final = (0.6, 1.0, 1.0, 1.0, 1.0, 0.9, 0.65)
"""Views by day of the week, Sunday first, relative to the best."""

PROMOTED_SHARE: Final = 0.05
PROMOTED_LIFT: Final = 2.5
VIRAL_SHARE: Final = 0.03
VIRAL_LIFT: Final = 6.0
CHANCE_SIGMA: Final = 0.5
"""Standard deviation of the logarithm of chance."""

DECAY_SCALE_DAYS: Final = 0.35
DECAY_SHAPE: Final = 0.9

ANONYMOUS_SHARE: Final = 0.7
"""Views without a known user. Only known users like, comment and share."""

REACTIONS: Final[Mapping[str, float]] = {"like": 0.2, "comment": 0.06, "share": 0.08}
"""Chance that a view of a known user leads to each of these, seconds to minutes later."""

POSTS_OF_WEEKDAY: Final = ((8, 9), (10, 12), (11, 12), (11, 12), (11, 12), (10, 12), (8, 9))
"""Least and most posts of a day, Sunday first."""

STAFF: Final = 18
"""Authors who publish today, with the IDs from 1; authors with higher IDs have left."""


class Role(NamedTuple):
    """The behaviour of an author.

    Attributes:
        share: posts relative to an ordinary author.
        quality: views that a post earns relative to an ordinary author's.
        peak_hour: hour of the day around which most of the posts are published.
        days_between: regular interval of the posts of a columnist; 0: *share* decides.
    """

    share: float
    quality: float
    peak_hour: float = 10.0
    days_between: int = 0


_LEADING: Final = Role(share=1.2, quality=1.8, peak_hour=8.5)
_LATE: Final = Role(share=1.7, quality=0.45, peak_hour=20.0)
_STEADY: Final = Role(share=1.0, quality=0.9, peak_hour=11.0)
_SOLID: Final = Role(share=0.8, quality=1.1, peak_hour=14.0)
_COLUMNIST: Final = Role(share=0.0, quality=3.5, peak_hour=7.5, days_between=30)
_FORMER: Final = (
    Role(share=1.0, quality=1.0), Role(share=1.2, quality=0.8, peak_hour=15.0),
    Role(share=0.8, quality=1.4, peak_hour=9.0), Role(share=1.4, quality=0.6, peak_hour=18.0),
)  # fmt: skip
_OF_CATEGORY: Final = {
    "Tech": (_LEADING, _LATE, _COLUMNIST),
    "Lifestyle": (_LEADING, _STEADY, _SOLID),
    "Business": (_LEADING, _LATE, _SOLID),
    "Health": (_LEADING, _STEADY, _COLUMNIST),
    "Finance": (_LEADING, _LATE, _STEADY),
    "Entertainment": (_LEADING, _SOLID, _COLUMNIST),
}


def home_category(author_id: int) -> str:
    """Return the category in which an author publishes most."""
    return CATEGORIES[(author_id - 1) % len(CATEGORIES)]


def role_of(author_id: int) -> Role:
    """Return the role of an author; each category has three authors of today."""
    turn = (author_id - 1) // len(CATEGORIES)
    if author_id <= STAFF:
        return _OF_CATEGORY[home_category(author_id)][turn]
    return _FORMER[author_id % len(_FORMER)]


AUTHORS: Final[Mapping[int, Role]] = {author_id: role_of(author_id) for author_id in range(1, 51)}
"""The authors of a catalogue of the usual size, by ID."""

_HOUR_US: Final = 3_600_000_000
_UTC: Final = ZoneInfo("UTC")


class _Post(Protocol):
    """The properties of a post that its engagement depends on; times in microseconds since 1970."""

    @property
    def author_id(self) -> int: ...

    @property
    def published_us(self) -> int: ...

    @property
    def is_promoted(self) -> bool: ...


def share_to_come(age_us: int) -> float:
    """Return the share of a post's views that comes after an age."""
    age_days = max(age_us, 0) / _HOUR_US / 24
    return float((1 + age_days / DECAY_SCALE_DAYS) ** -DECAY_SHAPE)


def week_weight(seconds: float, zone: ZoneInfo) -> float:
    """Return the weight of the hour and weekday of an instant, in seconds since 1970."""
    local = datetime.fromtimestamp(seconds, zone)
    return HOUR_WEIGHTS[local.hour] * WEEKDAY_WEIGHTS[local.isoweekday() % 7]


def expected_engagement(post: _Post, hours: int, zone: ZoneInfo = _UTC) -> float:
    """Return what a post earns in its first hours, up to a factor that all posts share.

    The mean over chance and viral posts: the author's quality, promotion, decay, and the weights of
    the hours of the week.
    """
    quality = role_of(post.author_id).quality * (PROMOTED_LIFT if post.is_promoted else 1.0)
    return quality * sum(
        (share_to_come(age * _HOUR_US) - share_to_come((age + 1) * _HOUR_US))
        * week_weight((post.published_us + (age + 0.5) * _HOUR_US) / 1_000_000, zone)
        for age in range(hours)
    )
