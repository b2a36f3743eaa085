"""What reports are made from, as plain rows: authors, posts and events."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from heapq import nsmallest
from typing import NamedTuple


class Author(NamedTuple):
    """A row of authors."""

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
    """Everything that reports are made from.

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
        """Authors by id."""
        return {author.author_id: author for author in self.authors}

    @cached_property
    def post(self) -> dict[int, Post]:
        """Posts by id."""
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

    def busiest(self, posts: int) -> list[int]:
        """Return the ids of so many posts of the catalogue, most engaged with first."""
        return nsmallest(
            posts, self.post, key=lambda post_id: (-len(self.of_post[post_id]), post_id)
        )
