"""A generated catalogue: authors, posts with metadata, and users.

Posts are published day by day, at hours of the reporting time zone. What is published on a day
depends on the seed, the day and the authors of that time alone, so that days after the anchor
continue a catalogue as if it had been created later.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import accumulate, islice
from random import Random
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from faker import Faker

from loadgen.headlines import headline
from loadgen.truth import (
    CATEGORIES,
    POSTS_OF_WEEKDAY,
    PROMOTED_SHARE,
    STAFF,
    home_category,
    role_of,
)

TAGS: Final = {
    "Tech": ("software", "hardware", "ai", "security", "cloud", "open-source", "gadgets"),
    "Lifestyle": ("travel", "home", "food", "style", "garden", "minimalism", "weekend"),
    "Business": ("startups", "leadership", "strategy", "hiring", "retail", "logistics", "growth"),
    "Health": ("fitness", "nutrition", "sleep", "mind", "prevention", "research", "family"),
    "Finance": ("investing", "saving", "markets", "tax", "housing", "pensions", "crypto"),
    "Entertainment": ("film", "music", "games", "series", "stage", "books", "festival"),
}
COMMON_TAGS: Final = ("guide", "opinion", "interview", "data", "how-to", "news")

LANGUAGES: Final = {"en": 94, "es": 2, "de": 2, "fr": 1, "pt": 1}
SEGMENTS: Final = {"free": 58, "trial": 12, "subscriber": 25, "enterprise": 5}
COUNTRIES: Final = {
    "US": 30, "GB": 10, "DE": 9, "IN": 9, "FR": 6, "BR": 5, "ES": 5, "CA": 4, "AU": 3, "IT": 3,
    "NL": 3, "MX": 3, "PL": 2, "JP": 2, "AT": 2, "CH": 2, "SE": 1, "NP": 1, "KR": 1, "ZA": 1,
}  # fmt: skip

_ELSEWHERE_SHARE: Final = 0.3 * len(CATEGORIES) / (len(CATEGORIES) - 1)
_UTC: Final = ZoneInfo("UTC")
_MEDIA_SHARE: Final = 0.6
_LOCALES: Final = ("en_US", "en_GB", "de_DE", "es_ES")
_FIRST_HOUR, _LAST_HOUR = 6.0, 22.0
_POSTS_OF_DAY_LIMIT: Final = 14

# The newsroom exists for eight years. Its founders have left, as everybody with an ID above STAFF.
_AGE_DAYS: Final = 2922
_FOUNDERS: Final = range(STAFF + 1, STAFF + 9)
_NEW_EVERY: Final = 5


class Author(NamedTuple):
    author_id: int
    name: str
    joined_date: date
    author_category: str


class Post(NamedTuple):
    post_id: int
    author_id: int
    category: str
    publish_timestamp: datetime
    title: str
    content_length: int
    has_media: bool


class Metadata(NamedTuple):
    post_id: int
    tags: list[str]
    is_promoted: bool
    language: str


class User(NamedTuple):
    user_id: int
    signup_date: date
    country: str
    user_segment: str


class Draft(NamedTuple):
    """A post before it has an ID."""

    author_id: int
    category: str
    publish_timestamp: datetime
    title: str
    content_length: int
    has_media: bool
    tags: list[str]
    is_promoted: bool
    language: str


class _Stint(NamedTuple):
    """The time of an author with the newsroom, in days before the newest post."""

    joined: int
    left: int


@dataclass(frozen=True)
class Catalogue:
    """The rows of a catalogue, generated on demand.

    Attributes:
        seed: the same seed, anchor, zone and sizes give the same rows.
        anchor: aware; no post is younger. Post 1 is the newest one, and its time gives the same
            rows as the anchor, so that the anchor can be read back from a database.
        author_count: number of authors, whose IDs are 1 to this; the other counts alike.
        zone: of the hours at which posts are published.
    """

    seed: int
    anchor: datetime
    author_count: int = 50
    post_count: int = 30_000
    user_count: int = 5_000
    zone: ZoneInfo = _UTC

    def authors(self) -> Iterator[Author]:
        """Yield the authors by ID."""
        names = [_faker(locale, self.seed) for locale in _LOCALES]
        for author_id in range(1, self.author_count + 1):
            fake = names[author_id % len(names)]
            joined = self.newest_day - timedelta(days=self._stints[author_id - 1].joined)
            name = f"{fake.first_name()} {fake.last_name()}"
            yield Author(author_id, name, joined, home_category(author_id))

    def posts(self) -> Iterator[Post]:
        """Yield the posts by ID, the newest first."""
        for post_id, draft in self._numbered():
            yield Post(post_id, *draft[:6])

    def rows(self) -> Iterator[tuple[Post, Metadata]]:
        """Yield each post with its metadata, by ID."""
        for post_id, draft in self._numbered():
            yield Post(post_id, *draft[:6]), Metadata(post_id, *draft[6:])

    def users(self) -> Iterator[User]:
        """Yield the users by ID."""
        random = self._stream("users")
        for user_id in range(1, self.user_count + 1):
            signup = self.anchor.date() - timedelta(days=int(random.triangular(0, 1400, 100)))
            country = _weighted(COUNTRIES, random)
            yield User(user_id, signup, country, _weighted(SEGMENTS, random))

    def published(self, after: datetime, until: datetime) -> list[Draft]:
        """Return what is published in (after, until], also when that is later than the anchor."""
        day, last = after.astimezone(self.zone).date(), until.astimezone(self.zone).date()
        found = []
        while day <= last:
            found += [d for d in self._day(day) if after < d.publish_timestamp <= until]
            day += timedelta(days=1)
        return found

    @cached_property
    def newest_day(self) -> date:
        """The local day of the newest post."""
        day = self.anchor.astimezone(self.zone).date()
        # Authors leave by the day, so what is published today depends on which day is the newest.
        while not any(draft.publish_timestamp <= self.anchor for draft in self._day(day, day)):
            day -= timedelta(days=1)
        return day

    def _numbered(self) -> Iterator[tuple[int, Draft]]:
        return enumerate(islice(self._backwards(), self.post_count), 1)

    def _backwards(self) -> Iterator[Draft]:
        day = self.newest_day
        while self.author_count:
            drafts = [draft for draft in self._day(day) if draft.publish_timestamp <= self.anchor]
            yield from reversed(drafts)
            day -= timedelta(days=1)

    @cached_property
    def _stints(self) -> list[_Stint]:
        random = self._stream("stints")
        return [_stint(author_id, random) for author_id in range(1, self.author_count + 1)]

    def _day(self, day: date, newest_day: date | None = None) -> list[Draft]:
        """Return the posts of a day in the order of their times."""
        random = self._stream(f"{day}")
        age = ((newest_day or self.newest_day) - day).days
        stints = enumerate(self._stints, 1)
        present = [author_id for author_id, stint in stints if stint.joined >= age > stint.left]
        present = present or list(range(1, self.author_count + 1))
        columnists = [one for one in present if role_of(one).days_between]
        due = [
            one for one in columnists if (day.toordinal() + one) % role_of(one).days_between == 0
        ]
        regular = [one for one in present if one not in columnists] or present
        count = random.randint(*POSTS_OF_WEEKDAY[day.isoweekday() % 7])
        shares = [role_of(one).share or 1.0 for one in regular]
        writers = [*random.choices(regular, shares, k=count), *due]
        times = sorted((self._time(day, one, random), one) for one in writers)
        return [
            self._draft(number, author_id, at, random)
            for number, (at, author_id) in enumerate(times, day.toordinal() * _POSTS_OF_DAY_LIMIT)
        ]

    def _time(self, day: date, author_id: int, random: Random) -> datetime:
        hour = random.triangular(_FIRST_HOUR, _LAST_HOUR, role_of(author_id).peak_hour)
        seconds = int(hour * 60) * 60 + random.randrange(60)
        return datetime.combine(day, time(), self.zone) + timedelta(seconds=seconds)

    def _draft(self, number: int, author_id: int, at: datetime, random: Random) -> Draft:
        category = home_category(author_id)
        if random.random() < _ELSEWHERE_SHARE:
            category = random.choice(CATEGORIES)
        tags = random.sample(TAGS[category], random.randint(1, 4))
        if random.random() < 0.5:
            tags.append(random.choice(COMMON_TAGS))
        return Draft(
            author_id,
            category,
            at,
            headline(category, number + self.seed),
            min(max(int(random.lognormvariate(8.4, 0.55)), 300), 60_000),
            random.random() < _MEDIA_SHARE,
            tags,
            random.random() < PROMOTED_SHARE,
            _weighted(LANGUAGES, random),
        )

    def _stream(self, name: str) -> Random:
        return Random(f"{self.seed}:{name}")


def _stint(author_id: int, random: Random) -> _Stint:
    """Return when an author joined and left; staff is still there."""
    if author_id <= STAFF:
        is_new = author_id > 1 and author_id % _NEW_EVERY == 1
        return _Stint(random.randint(*((120, 330) if is_new else (400, 2600))), -_AGE_DAYS)
    left = random.randint(40, 2400)
    if author_id in _FOUNDERS:
        return _Stint(random.randint(_AGE_DAYS - 30, _AGE_DAYS), left)
    return _Stint(min(left + random.randint(300, 1500), _AGE_DAYS), left)


def _faker(locale: str, seed: int) -> Faker:
    fake = Faker(locale)
    fake.seed_instance(seed)
    return fake


def _weighted(weights: dict[str, int], random: Random) -> str:
    return random.choices(list(weights), cum_weights=list(accumulate(weights.values())))[0]
