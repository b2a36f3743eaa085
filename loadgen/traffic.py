"""Realistic traffic: a pure function of its seed, the catalogue and the time.

Views of a post are an inhomogeneous Poisson process; loadgen.truth has its rate. A period is
sampled by drawing a post and an age from appeal and decay, both of which invert in closed form, and
keeping the draw with the probability of its hour's weight. Likes, comments and shares follow views
of the same post by the same user.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from loadgen.catalogue import Catalogue
from loadgen.events import Event, new_event_id
from loadgen.truth import (
    ANONYMOUS_SHARE,
    CHANCE_SIGMA,
    DECAY_SCALE_DAYS,
    DECAY_SHAPE,
    HOUR_WEIGHTS,
    PROMOTED_LIFT,
    REACTIONS,
    VIRAL_LIFT,
    VIRAL_SHARE,
    WEEKDAY_WEIGHTS,
    role_of,
    share_to_come,
    week_weight,
)
from schema.errors import SetupError
from schema.times import EPOCH

_MICROSECOND: Final = timedelta(microseconds=1)
_SECOND_US: Final = 1_000_000
_QUARTER_US: Final = 900 * _SECOND_US
_DAY_US: Final = 96 * _QUARTER_US
_UTC: Final = ZoneInfo("UTC")

_DECAY_SCALE_US: Final = DECAY_SCALE_DAYS * _DAY_US
_REACTION_SECONDS: Final = 45.0
_REACTION_SIGMA: Final = 1.0
_LEAST_REACTION_US: Final = 2 * _SECOND_US
_LONGEST_DELAY_US: Final = 30 * _DAY_US
_SHORTEST_DELAY_US: Final = 60 * _SECOND_US
_RATES_MAX_AGE_US: Final = 60 * _SECOND_US
_OLD_US: Final = 7 * _DAY_US
_OLD_RATES_MAX_AGE_US: Final = 3600 * _SECOND_US
_UNKNOWN_POSTS: Final = 1_000
_MEAN_WEIGHT: Final = sum(HOUR_WEIGHTS) / 24 * sum(WEEKDAY_WEIGHTS) / 7
_CALIBRATION_DRAWS: Final = 20_000


class PostFacts(NamedTuple):
    """A post; its time is in microseconds since 1970 (UTC)."""

    post_id: int
    author_id: int
    published_us: int
    is_promoted: bool


@dataclass(frozen=True)
class Facts:
    """The part of a catalogue that traffic needs. *zone*: of the weights of hours."""

    posts: Sequence[PostFacts]
    user_ids: Sequence[int]
    zone: ZoneInfo = _UTC


def facts_of(catalogue: Catalogue) -> Facts:
    """Derive the facts without a database; its anchor must be that of the target's catalogue."""
    posts = [
        PostFacts(post.post_id, post.author_id, to_us(post.publish_timestamp), metadata.is_promoted)
        for post, metadata in catalogue.rows()
    ]
    return Facts(posts, range(1, catalogue.user_count + 1), catalogue.zone)


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
        late: views sent one minute to 30 days after they happened, out of order.
        unknown_posts: of posts the catalogue does not know.
    """

    late: float = 0.0
    unknown_posts: float = 0.0


class _Act(NamedTuple):
    """An event before it has an ID; its post is a place among the posts."""

    instant_us: int
    place: int
    kind: str
    user_id: int | None


class Traffic:
    """Generates events; the same arguments and the same calls give the same events."""

    def __init__(
        self, facts: Facts, seed: int, shape: Shape | None = None, *, part: int = 0
    ) -> None:
        """Make traffic; each *part* of the same seed has other events about the same posts."""
        self._posts = list(facts.posts)
        self._user_ids = facts.user_ids
        self._zone = facts.zone
        self._shape = shape or Shape()
        self._seed = seed
        self._random = Random(f"{seed}:{part}:traffic")
        self._appeal = [self._appeal_of(post) for post in self._posts]
        self._first_unknown_id = 1 + max((post.post_id for post in facts.posts), default=0)
        self._week: dict[int, float] = {}
        self._reactions: list[_Act] = []
        self._live = _LiveRates(self._posts, self._appeal)

    def add_post(self, post: PostFacts) -> None:
        """Add a post that was published after the facts were read."""
        self._posts.append(post)
        self._appeal.append(self._appeal_of(post))
        self._live = _LiveRates(self._posts, self._appeal)

    def history(self, count: int, start_us: int, end_us: int) -> Iterator[Event]:
        """Return the events of a period in the order of their times; late ones out of order.

        Args:
            count: how many; all of them have a time in [start_us, end_us).
            start_us: microseconds since 1970 (UTC).
            end_us: the end, in microseconds since the epoch.

        Raises:
            SetupError: no post was published before the end.
        """
        return (self._event(act, start_us) for act in sorted(self._acts(count, start_us, end_us)))

    def live(self, now_us: int) -> Event:
        """Return an event that happens now. Raises SetupError if no post is published yet.

        It is a reaction when one to an earlier event is due, else a view.
        """
        if self._reactions and self._reactions[0].instant_us <= now_us:
            act = heappop(self._reactions)._replace(instant_us=now_us)
        else:
            place = self._live.choose(now_us, self._random)
            act, *reactions = self._view_and_reactions(now_us, self._known(place))
            for reaction in reactions:
                heappush(self._reactions, reaction)
        return self._event(act, now_us - _LONGEST_DELAY_US)

    def view_of(self, post_id: int, instant_us: int) -> list[Event]:
        """Return a view of a post at an instant, and the reactions to it, in order."""
        place = next(at for at in reversed(range(len(self._posts)))
                     if self._posts[at].post_id == post_id)  # fmt: skip
        return [self._event(act, 0) for act in self._view_and_reactions(instant_us, place)]

    def between(self, start_us: int, end_us: int, intensity: float) -> list[Event]:
        """Return the views that happen in a short period by chance, and the reactions to them.

        Args:
            start_us: start of the period, whose rate holds for all of it: a minute, for example.
            end_us: its end.
            intensity: what ``intensity`` returns.
        """
        total = self._live.total(start_us)
        rate = intensity * total * self.week_weight(start_us) / _DECAY_SCALE_US
        found: list[Event] = []
        at_us = start_us + self._random.expovariate(rate)
        while at_us < end_us:
            place = self._live.choose(start_us, self._random)
            found += (self._event(act, 0) for act in self._view_and_reactions(int(at_us), place))
            at_us += self._random.expovariate(rate)
        return found

    def intensity(self, count: int, start_us: int, end_us: int) -> float:
        """Return the factor of the rate with which a period has *count* events on average.

        The arguments are those of ``history``. The factor is estimated to less than a percent.
        """
        random = Random(f"{self._seed}:intensity")
        spans, weights = self._spans(start_us, end_us)
        drawn = random.choices(range(len(spans)), cum_weights=weights, k=_CALIBRATION_DRAWS)
        kept = 0.0
        for place in drawn:
            instant_us = self._instant(place, spans[place], start_us, random)
            kept += self.week_weight(instant_us) if instant_us < end_us else 0.0
        reactions = (1 - ANONYMOUS_SHARE) * sum(REACTIONS.values()) if self._user_ids else 0.0
        return count / (1 + reactions) / (weights[-1] * kept / _CALIBRATION_DRAWS)

    def week_weight(self, instant_us: int) -> float:
        """Return the weight of an instant's hour and weekday in the zone."""
        quarter = instant_us // _QUARTER_US
        if (found := self._week.get(quarter)) is None:
            found = self._week[quarter] = week_weight(quarter * 900, self._zone)
        return found

    def _spans(self, start_us: int, end_us: int) -> tuple[list[tuple[float, float]], list[float]]:
        """Return what is to come of each post at both ends of a period, and cumulative weights."""
        spans = [
            (share_to_come(start_us - post.published_us), share_to_come(end_us - post.published_us))
            for post in self._posts
        ]
        weights = accumulate(
            appeal * (before - after)
            for appeal, (before, after) in zip(self._appeal, spans, strict=True)
        )
        return spans, _checked(list(weights))

    def _instant(self, place: int, span: tuple[float, float], start_us: int, random: Random) -> int:
        """Draw the instant of a view of a post from its decay alone."""
        before, after = span
        left = before - random.random() * (before - after)
        age_us = int(_DECAY_SCALE_US * (left ** (-1 / DECAY_SHAPE) - 1))
        return max(self._posts[place].published_us + age_us, start_us)

    def _acts(self, count: int, start_us: int, end_us: int) -> list[_Act]:
        """Draw views with their reactions until there are *count* events."""
        spans, weights = self._spans(start_us, end_us)
        random = self._random
        acts: list[_Act] = []
        while len(acts) < count:
            tries = int((count - len(acts)) / _MEAN_WEIGHT) + 16
            for place in random.choices(range(len(spans)), cum_weights=weights, k=tries):
                instant_us = self._instant(place, spans[place], start_us, random)
                is_kept = random.random() < self.week_weight(instant_us)
                if is_kept and instant_us < end_us:
                    found = self._view_and_reactions(instant_us, self._known(place))
                    acts += (act for act in found if act.instant_us < end_us)
                    if len(acts) >= count:
                        break
        # A reaction comes after its view, so the last view at most loses reactions.
        return acts[:count]

    def _view_and_reactions(self, instant_us: int, place: int) -> list[_Act]:
        random = self._random
        user_id = self._reader() if random.random() >= ANONYMOUS_SHARE else None
        acts = [_Act(instant_us, place, "view", user_id)]
        if user_id is not None:
            for kind, chance in REACTIONS.items():
                if random.random() < chance:
                    delay = _REACTION_SECONDS * random.lognormvariate(0, _REACTION_SIGMA)
                    later_us = instant_us + max(int(delay * _SECOND_US), _LEAST_REACTION_US)
                    acts.append(_Act(later_us, place, kind, user_id))
        return sorted(acts)

    def _known(self, place: int) -> int:
        """Return the place of a post, or for some one beyond all posts of the catalogue."""
        if self._shape.unknown_posts and self._random.random() < self._shape.unknown_posts:
            return len(self._posts) + self._random.randrange(_UNKNOWN_POSTS)
        return place

    def _event(self, act: _Act, earliest_us: int) -> Event:
        instant_us, place, kind, user_id = act
        if place < len(self._posts):
            post_id = self._posts[place].post_id
            earliest_us = max(earliest_us, self._posts[place].published_us)
        else:
            post_id = self._first_unknown_id + place - len(self._posts)
        if kind == "view" and self._shape.late and self._random.random() < self._shape.late:
            instant_us = self._earlier(instant_us, earliest_us)
        event_id = new_event_id(instant_us, self._random.getrandbits(74))
        return Event(event_id, post_id, kind, to_text(instant_us), user_id)

    def _reader(self) -> int | None:
        if not self._user_ids:
            return None
        # Squared, as a few readers are much more active than the others.
        return self._user_ids[int(self._random.random() ** 2 * len(self._user_ids))]

    def _appeal_of(self, post: PostFacts) -> float:
        """Return how many views a post earns, relative to an ordinary one."""
        random = Random(f"{self._seed}:appeal:{post.post_id}")
        earned = role_of(post.author_id).quality
        earned *= random.lognormvariate(-(CHANCE_SIGMA**2) / 2, CHANCE_SIGMA)
        earned *= VIRAL_LIFT if random.random() < VIRAL_SHARE else 1.0
        return earned * (PROMOTED_LIFT if post.is_promoted else 1.0)

    def _earlier(self, instant_us: int, earliest_us: int) -> int:
        """Return an instant some way back, near ones being as likely as far ones."""
        furthest_us = min(instant_us - earliest_us, _LONGEST_DELAY_US)
        if furthest_us <= _SHORTEST_DELAY_US:
            return instant_us
        ratio = furthest_us / _SHORTEST_DELAY_US
        return instant_us - int(_SHORTEST_DELAY_US * ratio ** self._random.random())


class _LiveRates:
    """The rates of posts at a moment: old ones' of the last hour, others' of the last minute."""

    def __init__(self, posts: Sequence[PostFacts], appeal: Sequence[float]) -> None:
        self._posts, self._appeal = posts, appeal
        self._places = sorted(range(len(posts)), key=lambda place: posts[place].published_us)
        self._times = [posts[place].published_us for place in self._places]
        self._old: list[float] = []
        self._old_us = self._all_us = -_DAY_US
        self._all: list[float] = []

    def total(self, now_us: int) -> float:
        """Return the sum of the rates. Raises SetupError if no post is published yet."""
        return self._cumulative(now_us)[-1]

    def choose(self, now_us: int, random: Random) -> int:
        """Return the place of a post, by rate. Raises as ``total`` does."""
        weights = self._cumulative(now_us)
        [number] = random.choices(range(len(weights)), cum_weights=weights)
        return self._places[number]

    def _cumulative(self, now_us: int) -> list[float]:
        if not 0 <= now_us - self._old_us < _OLD_RATES_MAX_AGE_US:
            self._old = list(accumulate(self._rates(0, now_us - _OLD_US, now_us)))
            self._old_us, self._all_us = now_us, -_DAY_US
        if not 0 <= now_us - self._all_us < _RATES_MAX_AGE_US:
            total = self._old[-1] if self._old else 0.0
            others = self._rates(len(self._old), now_us, now_us)
            self._all = _checked([*self._old, *(total + each for each in accumulate(others))])
            self._all_us = now_us
        return self._all

    def _rates(self, first: int, until_us: int, now_us: int) -> Iterator[float]:
        """Yield the rates of the posts from a number on that were published before a moment."""
        for number in range(first, bisect_left(self._times, until_us)):
            age = (now_us - self._times[number]) / _DECAY_SCALE_US
            yield self._appeal[self._places[number]] * DECAY_SHAPE * (1 + age) ** -(1 + DECAY_SHAPE)


def _checked(total: list[float]) -> list[float]:
    """Return cumulative weights. Raises SetupError if none is positive."""
    if not total or total[-1] <= 0:
        raise SetupError("no post is published in that period: run `engage seed` first")
    return total
