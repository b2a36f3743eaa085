"""A generated catalogue: authors, posts with metadata, and users.

Every category has authors of each role, so that every performance segment of the reports occurs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from faker import Faker

CATEGORIES: Final = ("Tech", "Lifestyle", "Business", "Health", "Finance", "Entertainment")

TOPICS: Final = {
    "Tech": (
        "edge computing", "open-source databases", "battery technology", "passkeys",
        "event streaming", "home servers", "chip design", "robotics", "code review",
        "quantum networking", "browser engines", "incident response",
    ),
    "Lifestyle": (
        "slow travel", "small-space living", "capsule wardrobes", "night trains",
        "balcony gardening", "weekend baking", "analogue photography", "minimalism",
        "neighbourhood markets", "cabin weekends", "second-hand furniture", "tea rituals",
    ),
    "Business": (
        "remote hiring", "family companies", "supply chains", "subscription pricing",
        "four-day weeks", "customer interviews", "mergers", "succession planning",
        "product launches", "office leases", "procurement", "franchising",
    ),
    "Health": (
        "sleep debt", "strength training", "gut bacteria", "migraine", "hay fever",
        "running injuries", "mental load", "vaccination", "healthy ageing", "back pain",
        "school lunches", "cold-water swimming",
    ),
    "Finance": (
        "index funds", "mortgage rates", "pension gaps", "emergency funds", "inflation",
        "currency hedging", "green bonds", "tax returns", "student loans", "credit scores",
        "household budgets", "dividend investing",
    ),
    "Entertainment": (
        "streaming series", "festival season", "video game scores", "stand-up comedy",
        "documentary film", "vinyl records", "board games", "animated features",
        "podcast drama", "film restoration", "karaoke", "theatre revivals",
    ),
}  # fmt: skip

TAGS: Final = {
    "Tech": ("software", "hardware", "ai", "security", "cloud", "open-source", "gadgets"),
    "Lifestyle": ("travel", "home", "food", "style", "garden", "minimalism", "weekend"),
    "Business": ("startups", "leadership", "strategy", "hiring", "retail", "logistics", "growth"),
    "Health": ("fitness", "nutrition", "sleep", "mind", "prevention", "research", "family"),
    "Finance": ("investing", "saving", "markets", "tax", "housing", "pensions", "crypto"),
    "Entertainment": ("film", "music", "games", "series", "stage", "books", "festival"),
}
COMMON_TAGS: Final = ("guide", "opinion", "interview", "data", "how-to", "news")

TITLES: Final = (
    "What {company} learned about {topic}",
    "{topic}: {number} things we got wrong",
    "The quiet return of {topic}",
    "Why {city} bets on {topic}",
    "A beginner's guide to {topic}",
    "{number} questions about {topic}, answered",
    "How {city} changed the way we think about {topic}",
    "Inside {company}: a year of {topic}",
    "{topic}: worth the trouble?",
    "The true cost of {topic}",
    "{topic}, one year on",
    "In defence of {topic}",
    "What nobody tells you about {topic}",
    "{number} charts that explain {topic}",
    "From {city}, with {topic}",
)

LANGUAGES: Final = {"en": 78, "es": 8, "de": 6, "fr": 5, "pt": 3}
SEGMENTS: Final = {"free": 58, "trial": 12, "subscriber": 25, "enterprise": 5}
COUNTRIES: Final = {
    "US": 30, "GB": 10, "DE": 9, "IN": 9, "FR": 6, "BR": 5, "ES": 5, "CA": 4, "AU": 3, "IT": 3,
    "NL": 3, "MX": 3, "PL": 2, "JP": 2, "AT": 2, "CH": 2, "SE": 1, "NP": 1, "KR": 1, "ZA": 1,
}  # fmt: skip


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


class Role(NamedTuple):
    """The expected behaviour of an author.

    Attributes:
        share: posts relative to an ordinary author; 0: the few posts of a rare one.
        quality: engagement a post earns relative to an ordinary author's.
        peak_hour: of the day (UTC) at which most of the posts are published.
    """

    share: float
    quality: float
    peak_hour: float = 10.0


_ROLES: Final = (
    Role(share=1.6, quality=2.6),  # much and good
    Role(share=2.2, quality=0.4, peak_hour=21.0),  # much, late, to little avail: worth coaching
    Role(share=0.0, quality=7.0),  # rare and excellent: worth promoting
    Role(share=1.0, quality=1.0),
    Role(share=0.8, quality=1.3),
    Role(share=1.4, quality=0.6),
    Role(share=0.02, quality=0.9),  # rare and ordinary
    Role(share=1.2, quality=0.8),
)


def home_category(author_id: int) -> str:
    return CATEGORIES[(author_id - 1) % len(CATEGORIES)]


def role_of(author_id: int) -> Role:
    return _ROLES[(author_id - 1) // len(CATEGORIES) % len(_ROLES)]


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


@dataclass(frozen=True)
class Catalogue:
    """The rows of a catalogue, generated on demand.

    Attributes:
        seed: the same seed, anchor and sizes give the same rows.
        anchor: aware; no post is younger, and post 1 is published at this very instant, so
            that the anchor can be read back from a database.
        author_count: number of authors, whose IDs are 1 to this; the other counts alike.
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
            tags = random.sample(TAGS[post.category], random.randint(1, 4))
            if random.random() < 0.5:
                tags.append(random.choice(COMMON_TAGS))
            is_promoted = random.random() < _PROMOTED_SHARE
            language = _weighted(LANGUAGES, random)
            yield post, Metadata(post.post_id, tags, is_promoted, language)

    def users(self) -> Iterator[User]:
        """Yield the users by id."""
        random = self._stream("users")
        for user_id in range(1, self.user_count + 1):
            signup = self.anchor.date() - timedelta(days=int(random.triangular(0, 1400, 100)))
            country = _weighted(COUNTRIES, random)
            yield User(user_id, signup, country, _weighted(SEGMENTS, random))

    def _stream(self, name: str) -> Random:
        return Random(f"{self.seed}:{name}")

    def _writers(self, authors: Sequence[Author]) -> Iterator[tuple[Author, int]]:
        """Yield endlessly the author and the age in days of the next post."""
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
        title = random.choice(TITLES).format(
            topic=random.choice(TOPICS[category]),
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
