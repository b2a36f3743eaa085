"""The catalogue as rows, a pure function of its seed, its anchor and its sizes.

Each table draws from a stream of its own, row by row, so a larger catalogue begins with the
rows of a smaller one. Faker is slow: it fills small pools of names once, and rows are
composed from them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from faker import Faker

from loadgen import vocabulary
from loadgen.roles import CATEGORIES, home_category, role_of

PUBLISHED_DAYS: Final = 365
"""Posts are published over this many days before the anchor."""

_ELSEWHERE_SHARE: Final = 0.3 * len(CATEGORIES) / (len(CATEGORIES) - 1)
_PROMOTED_SHARE: Final = 0.05
_MEDIA_SHARE: Final = 0.6
_POOL_SIZE: Final = 120
_LOCALES: Final = ("en_US", "en_GB", "de_DE", "es_ES")

# Every 40th post goes to a rare author until each has one a month: at most 4 in 90 days.
_RARE_EVERY: Final = 40
_RARE_POSTS: Final = 12
_DAYS_BETWEEN_RARE: Final = 30


class Author(NamedTuple):
    """A row of authors."""

    author_id: int
    name: str
    joined_date: date
    author_category: str


class Post(NamedTuple):
    """A row of posts."""

    post_id: int
    author_id: int
    category: str
    publish_timestamp: datetime
    title: str
    content_length: int
    has_media: bool


class Metadata(NamedTuple):
    """A row of post_metadata."""

    post_id: int
    tags: list[str]
    is_promoted: bool
    language: str


class User(NamedTuple):
    """A row of users."""

    user_id: int
    signup_date: date
    country: str
    user_segment: str


@dataclass(frozen=True)
class Catalogue:
    """The rows of a catalogue, made when they are asked for.

    Attributes:
        seed: the same seed, anchor and sizes give the same rows.
        anchor: aware; no post is younger, and post 1 is published at this very instant, so
            that the anchor can be read back from a database.
        author_count: ids 1 to this; likewise the others.
    """

    seed: int
    anchor: datetime
    author_count: int = 50
    post_count: int = 30_000
    user_count: int = 5_000

    def authors(self) -> Iterator[Author]:
        """Yield the authors by id. One in six joined within the last year."""
        names = [_faker(locale, self.seed) for locale in _LOCALES]
        random = self._stream("authors")
        for author_id in range(1, self.author_count + 1):
            fake = names[author_id % len(names)]
            is_new = random.random() < 1 / 6 and role_of(author_id).share > 0
            tenure_days = random.randint(*((120, 365) if is_new else (366, 2200)))
            joined = self.anchor.date() - timedelta(days=tenure_days)
            name = f"{fake.first_name()} {fake.last_name()}"
            yield Author(author_id, name, joined, home_category(author_id))

    def posts(self) -> Iterator[Post]:
        """Yield the posts by id, each published after its author joined."""
        authors = list(self.authors())
        writers = self._writers(authors)
        titles = _Titles(self.seed)
        random = self._stream("posts")
        for post_id in range(1, self.post_count + 1):
            author, age_days = next(writers)
            category = author.author_category
            if random.random() < _ELSEWHERE_SHARE:
                category = random.choice(CATEGORIES)
            hour = random.triangular(5.0, 23.0, role_of(author.author_id).peak_hour)
            second_of_day = int(hour * 3600) + random.randrange(60)
            published = self.anchor - timedelta(days=age_days) + timedelta(seconds=second_of_day)
            yield Post(
                post_id,
                author.author_id,
                category,
                self.anchor if post_id == 1 else published,
                titles.compose(category, random),
                min(max(int(random.lognormvariate(8.4, 0.55)), 300), 60_000),
                random.random() < _MEDIA_SHARE,
            )

    def metadata(self, posts: Iterator[Post]) -> Iterator[tuple[Post, Metadata]]:
        """Yield each of *posts*, which must be all from the first on, with its metadata."""
        random = self._stream("metadata")
        for post in posts:
            tags = random.sample(vocabulary.TAGS[post.category], random.randint(1, 4))
            if random.random() < 0.5:
                tags.append(random.choice(vocabulary.COMMON_TAGS))
            is_promoted = random.random() < _PROMOTED_SHARE
            language = _weighted(vocabulary.LANGUAGES, random)
            yield post, Metadata(post.post_id, tags, is_promoted, language)

    def users(self) -> Iterator[User]:
        """Yield the users by id."""
        random = self._stream("users")
        for user_id in range(1, self.user_count + 1):
            signup = self.anchor.date() - timedelta(days=int(random.triangular(0, 1400, 100)))
            country = _weighted(vocabulary.COUNTRIES, random)
            yield User(user_id, signup, country, _weighted(vocabulary.SEGMENTS, random))

    def _stream(self, name: str) -> Random:
        return Random(f"{self.seed}:{name}")

    def _writers(self, authors: Sequence[Author]) -> Iterator[tuple[Author, int]]:
        """Yield who wrote the next post, and how many days before the anchor, without end."""
        random = self._stream("writers")
        rare = [author for author in authors if role_of(author.author_id).share == 0]
        tenures = [(self.anchor.date() - author.joined_date).days for author in authors]
        days = [min(PUBLISHED_DAYS, tenure) for tenure in tenures]
        shares = [
            role_of(author.author_id).share * days[index] for index, author in enumerate(authors)
        ]
        cumulative = list(accumulate(shares))
        rare_posts = 0
        number = 0
        while True:
            number += 1
            if number % _RARE_EVERY == 0 and rare_posts < _RARE_POSTS * len(rare):
                turn, who = divmod(rare_posts, len(rare))
                rare_posts += 1
                yield rare[who], 1 + turn * _DAYS_BETWEEN_RARE + random.randrange(10, 20)
            else:
                index = random.choices(range(len(authors)), cum_weights=cumulative)[0]
                yield authors[index], random.randint(1, days[index])


class _Titles:
    """Composes titles from pools that Faker fills once."""

    def __init__(self, seed: int) -> None:
        fake = _faker("en_US", seed)
        self._companies = [fake.company() for _ in range(_POOL_SIZE)]
        self._cities = [fake.city() for _ in range(_POOL_SIZE)]

    def compose(self, category: str, random: Random) -> str:
        title = random.choice(vocabulary.TITLES).format(
            topic=random.choice(vocabulary.TOPICS[category]),
            company=random.choice(self._companies),
            city=random.choice(self._cities),
            number=random.randint(3, 21),
        )
        return title[0].upper() + title[1:]


def _faker(locale: str, seed: int) -> Faker:
    fake = Faker(locale)
    fake.seed_instance(seed)
    return fake


def _weighted(weights: dict[str, int], random: Random) -> str:
    return random.choices(list(weights), cum_weights=list(accumulate(weights.values())))[0]
