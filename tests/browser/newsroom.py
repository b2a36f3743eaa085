"""A small newsroom: authors, posts and readers, always the same, and the page that shows them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from playwright.async_api import ConsoleMessage, Page, Request, expect

from consumer.rows import Row, microseconds
from tests.integration.api.conftest import Api

AUTHORS = (
    (1, "Ann Bell", "Tech"),
    (2, "Bob Marsh", "Tech"),
    (3, "Cy Orr", "Health"),
    (4, "Dee <b>Poe</b>", "Health"),
    (5, "Eve Fry", "Tech"),
    (6, "Flo Gray", "Tech"),
)
POSTS = 190
USERS = 40
TAGS = ("guide", "news", "opinion")
POST_URL = "https://news.test/{external_id}?post={post_id}"


def scope(days: int = 28) -> str:
    """Return the query of the page's reports where the address names no period, or 91 days."""
    return f"start={datetime.now(UTC).date() - timedelta(days=days - 1)}&tz=UTC"


async def fill(api: Api) -> None:
    """Store the newsroom, and refresh what the reports show."""
    await fill_catalogue(api)
    await api.store(list(_engagements()))
    await api.connection.execute("UPDATE consumer_offsets SET caught_up_timestamp = now()")
    await api.connection.execute("SELECT refresh_search()")
    await refresh(api)


async def refresh(api: Api) -> None:
    """Refresh what the reports show."""
    await api.connection.execute("SELECT refresh_engagement_stats()")
    await api.connection.execute("SELECT refresh_first_hours()")


async def fill_catalogue(api: Api) -> None:
    """Store authors, posts and users, but no events."""
    await api.connection.execute("TRUNCATE authors, posts, post_metadata, users CASCADE")
    joined = date(2020, 1, 1)
    authors = [(number, name, joined, category) for number, name, category in AUTHORS]
    await api.connection.copy_records_to_table("authors", records=authors)
    posts, metadata = [], []
    for number in range(1, POSTS + 1):
        author, _, category = AUTHORS[number % len(AUTHORS)]
        title = f"Post {number} about {category}"
        posts.append((number, author, category, published(number), title, 900, number % 3 == 0))
        metadata.append((number, [TAGS[number % len(TAGS)]], number % 10 == 0, "en"))
    await api.connection.copy_records_to_table("posts", records=posts)
    await api.connection.copy_records_to_table("post_metadata", records=metadata)
    users = [
        (n, joined, ("AT", "DE")[n % 2], ("free", "subscriber")[n % 2]) for n in range(1, USERS)
    ]
    await api.connection.copy_records_to_table("users", records=users)
    await refresh(api)


def published(post: int) -> datetime:
    """Return when a post was published: one each nine hours, the last one yesterday."""
    return datetime.now(UTC) - timedelta(hours=24 + 9 * (POSTS - post))


def _engagements() -> Iterator[Row]:
    draw = random.Random(7)
    now = datetime.now(UTC)
    number = 0
    for post in range(1, POSTS + 1):
        # Ann's posts do well, Bob's do not.
        for _ in range({1: 60, 2: 8}.get(AUTHORS[post % len(AUTHORS)][0], 25)):
            number += 1
            at = published(post) + timedelta(hours=draw.expovariate(1 / 20))
            kind = draw.choices(("view", "like", "comment", "share"), (70, 20, 6, 4))[0]
            if at < now:
                time, user = microseconds(at), draw.randrange(1, USERS)
                yield (time, number.to_bytes(16), post, user, kind, time)


@dataclass
class Dashboard:
    """The page in a browser, and what it did that it should not."""

    page: Page
    api: Api
    key: str
    expects_failures: bool = False
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note requests, and what the console and the page complain of."""
        self.page.on("request", self._note)
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, request: Request) -> None:
        self.asked.append(request.url)

    def _listen(self, message: ConsoleMessage) -> None:
        # The browser itself tells of each answer that is an error.
        is_answer = message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not (is_answer and self.expects_failures):
            self.complaints.append(message.text)

    async def open(self, query: str = "", *, key: str | None = None) -> None:
        """Open the page, with the key in the address, and wait until every part has its answer."""
        await self.page.goto(f"{self.api.url}/dashboard{query}#key={key or self.key}")
        await self.settled()

    async def settled(self) -> None:
        """Wait until no part of the page waits any more."""
        await expect(self.page.locator(".skeleton:visible")).to_have_count(0, timeout=30_000)

    async def texts(self, selector: str) -> list[str]:
        """Return the texts of the elements, as people see them."""
        return [text.strip() for text in await self.page.locator(selector).all_inner_texts()]

    async def renewed(self, more: int) -> None:
        """Wait until the reports show so many events more than the newsroom has."""
        stored = await self.api.connection.fetchval("SELECT count(*) FROM engagements")
        while True:
            total = sum(e["total_engagements"] for e in await self.json("/categories/top?limit=50"))
            if total == stored >= more:
                return

    async def json(self, path: str) -> Any:
        """Ask the API what the page asks."""
        return await self.api.json(path)
