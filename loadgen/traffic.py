"""Realistic traffic: a pure function of its seed, the catalogue and the time.

The rate at which a post is engaged with is its appeal (its author's quality, chance, whether
it is promoted or went viral) times a decay with its age times the weights of the hour and
the weekday. A period is sampled by drawing a post and an age from appeal and decay, both of
which invert in closed form, and keeping the draw with the probability of its hour's weight.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from loadgen.catalogue import Catalogue, role_of
from loadgen.events import Event, mint
from schema.errors import SetupError
from schema.times import EPOCH

_MICROSECOND: Final = timedelta(microseconds=1)
HOUR_WEIGHTS: Final = (
    0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.4, 0.7, 1.0, 1.0, 1.0,
    0.8, 1.0, 1.0, 0.9, 0.8, 0.7, 0.6, 0.6, 0.5, 0.4, 0.3, 0.2,
)  # fmt: skip
"""Engagement by hour of the day (UTC), relative to the best."""

WEEKDAY_WEIGHTS: Final = (0.5, 1.0, 1.0, 1.0, 1.0, 0.9, 0.6)
"""Engagement by day of the week, Sunday first."""

WEEK: Final = tuple(
    WEEKDAY_WEIGHTS[(4 + hour // 24) % 7] * HOUR_WEIGHTS[hour % 24] for hour in range(7 * 24)
)
"""Weights by hour of the week, from the hour 1970 began with, a Thursday."""

HOUR_US: Final = 3_600_000_000
_DAY_US: Final = 24 * HOUR_US
_MEAN_WEIGHT: Final = sum(WEEK) / len(WEEK)

VIRAL_SHARE: Final = 0.05
_VIRAL_LIFT: Final = 12.0
PROMOTED_LIFT: Final = 2.5
_CHANCE_SIGMA: Final = 0.6

# The share of a post's engagement still to come at an age is (1 + age/scale) ** -shape:
# half of it comes within two days, a tenth after a month.
_DECAY_SCALE_US: Final = 1.5 * _DAY_US
_DECAY_SHAPE: Final = 0.8

VIEW_SHARE, LIKE_SHARE, COMMENT_SHARE = 0.80, 0.125, 0.045
ANONYMOUS_SHARE: Final = 0.35
_LONGEST_DELAY_US: Final = 30 * _DAY_US
_SHORTEST_DELAY_US: Final = 60_000_000
_WEIGHTS_MAX_AGE_US: Final = 60_000_000
_STRANGERS: Final = 1_000


class PostFacts(NamedTuple):
    """A post; its time is in microseconds since 1970 (UTC)."""

    post_id: int
    author_id: int
    published_us: int
    is_promoted: bool


@dataclass(frozen=True)
class Facts:
    posts: Sequence[PostFacts]
    user_ids: Sequence[int]


def facts_of(catalogue: Catalogue) -> Facts:
    """Derive the facts without a database; its anchor must be that of the target's catalogue."""
    posts = [
        PostFacts(post.post_id, post.author_id, to_us(post.publish_timestamp), metadata.is_promoted)
        for post, metadata in catalogue.metadata(catalogue.posts())
    ]
    return Facts(posts, range(1, catalogue.user_count + 1))


def to_us(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970 (UTC)."""
    return (instant - EPOCH) // _MICROSECOND


def to_text(instant_us: int) -> str:
    """Return microseconds since 1970 as RFC 3339."""
    return (EPOCH + timedelta(microseconds=instant_us)).isoformat()[:-6] + "Z"


@dataclass(frozen=True)
class Shape:
    """Shares, from 0 to 1, of unusual events.

    Attributes:
        late: sent one minute to 30 days after they happened, out of order.
        unknown_posts: of posts the catalogue does not know.
    """

    late: float = 0.0
    unknown_posts: float = 0.0


class Traffic:
    """Generates events; the same arguments and the same calls give the same events."""

    def __init__(
        self, facts: Facts, seed: int, shape: Shape | None = None, *, part: int = 0
    ) -> None:
        """Make traffic; each *part* of the same seed has other events about the same posts."""
        self._posts = facts.posts
        self._user_ids = facts.user_ids
        self._shape = shape or Shape()
        self._random = Random(f"{seed}:{part}:traffic")
        self._appeal = _appeal(facts.posts, Random(f"{seed}:appeal"))
        self._first_stranger = 1 + max((post.post_id for post in facts.posts), default=0)
        self._viewers: dict[int, int] = {}
        self._live_weights: list[float] = []
        self._live_weights_us = -_DAY_US

    def history(self, count: int, start_us: int, end_us: int) -> Iterator[Event]:
        """Return the events of a period in the order of their times; late ones out of order.

        Args:
            count: how many; all of them have a time in [start_us, end_us).
            start_us: microseconds since 1970 (UTC).
            end_us: the end, in microseconds since the epoch.

        Raises:
            SetupError: no post was published before the end.
        """
        posts = self._posts
        drawn = sorted(self._sample(count, start_us, end_us))
        pairs = (divmod(packed, len(posts)) for packed in drawn)
        return (self._event(instant_us, posts[index], start_us) for instant_us, index in pairs)

    def live(self, now_us: int) -> Event:
        """Return an event that happens now. Raises SetupError if no post is published yet."""
        is_stale = not 0 <= now_us - self._live_weights_us < _WEIGHTS_MAX_AGE_US
        if is_stale:
            rates = (
                appeal * (1 + (now_us - post.published_us) / _DECAY_SCALE_US) ** -(1 + _DECAY_SHAPE)
                if post.published_us < now_us
                else 0.0
                for post, appeal in zip(self._posts, self._appeal, strict=True)
            )
            self._live_weights = _cumulative(rates)
            self._live_weights_us = now_us
        post = self._random.choices(self._posts, cum_weights=self._live_weights)[0]
        return self._event(now_us, post, now_us - _LONGEST_DELAY_US)

    def _sample(self, count: int, start_us: int, end_us: int) -> list[int]:
        """Draw instants and post indexes, each pair packed into one integer that sorts fast."""
        to_come = [
            (share_to_come(start_us - post.published_us), share_to_come(end_us - post.published_us))
            for post in self._posts
        ]
        weights = _cumulative(
            appeal * (before - after)
            for appeal, (before, after) in zip(self._appeal, to_come, strict=True)
        )
        width = len(self._posts)
        indexes = range(width)
        random = self._random.random
        kept: list[int] = []
        while len(kept) < count:
            tries = int((count - len(kept)) / _MEAN_WEIGHT) + 16
            for index in self._random.choices(indexes, cum_weights=weights, k=tries):
                before, after = to_come[index]
                left = before - random() * (before - after)
                age_us = int(_DECAY_SCALE_US * (left ** (-1 / _DECAY_SHAPE) - 1))
                instant_us = max(self._posts[index].published_us + age_us, start_us)
                is_kept = random() < WEEK[instant_us // HOUR_US % len(WEEK)]
                if is_kept and instant_us < end_us:
                    kept.append(instant_us * width + index)
        return kept[:count]

    def _event(self, instant_us: int, post: PostFacts, earliest_us: int) -> Event:
        random = self._random.random
        if random() < self._shape.late:
            instant_us = self._earlier(instant_us, max(earliest_us, post.published_us))
        post_id = post.post_id
        if random() < self._shape.unknown_posts:
            post_id = self._first_stranger + self._random.randrange(_STRANGERS)
        event_id = mint(instant_us, self._random.getrandbits(74))
        kind = _kind(random())
        user_id = self._reader(post_id, kind) if random() >= ANONYMOUS_SHARE else None
        return Event(event_id, post_id, kind, to_text(instant_us), user_id)

    def _reader(self, post_id: int, kind: str) -> int | None:
        """Return who engages: any user views, and the last one who did goes on to like."""
        if kind != "view" and post_id in self._viewers:
            return self._viewers[post_id]
        if not self._user_ids:
            return None
        # Squared, as a few readers are much more active than the others.
        user_id = self._user_ids[int(self._random.random() ** 2 * len(self._user_ids))]
        self._viewers[post_id] = user_id
        return user_id

    def _earlier(self, instant_us: int, earliest_us: int) -> int:
        """Return an instant some way back, near ones being as likely as far ones."""
        furthest_us = min(instant_us - earliest_us, _LONGEST_DELAY_US)
        if furthest_us <= _SHORTEST_DELAY_US:
            return instant_us
        ratio = furthest_us / _SHORTEST_DELAY_US
        return instant_us - int(_SHORTEST_DELAY_US * ratio ** self._random.random())


def _appeal(posts: Sequence[PostFacts], random: Random) -> list[float]:
    """Return how much engagement each post earns, relative to an ordinary one."""
    appeal = []
    for post in posts:
        earned = role_of(post.author_id).quality * random.lognormvariate(0, _CHANCE_SIGMA)
        if random.random() < VIRAL_SHARE:
            earned *= _VIRAL_LIFT
        appeal.append(earned * (PROMOTED_LIFT if post.is_promoted else 1.0))
    return appeal


def share_to_come(age_us: int) -> float:
    """Return the share of a post's engagement that comes after an age."""
    return float((1 + max(age_us, 0) / _DECAY_SCALE_US) ** -_DECAY_SHAPE)


def _cumulative(weights: Iterable[float]) -> list[float]:
    total = list(accumulate(weights))
    if not total or total[-1] <= 0:
        raise SetupError("no post is published in that period: run `engage seed` first")
    return total


def _kind(chance: float) -> str:
    if chance < VIEW_SHARE:
        return "view"
    if chance < VIEW_SHARE + LIKE_SHARE:
        return "like"
    return "comment" if chance < VIEW_SHARE + LIKE_SHARE + COMMENT_SHARE else "share"
