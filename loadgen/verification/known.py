"""The catalogue as it stands in the database, for what is compared with reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadgen.seed import connected
from loadgen.verification.world import Author, Post

_AUTHORS: Final = "SELECT author_id, name, author_category FROM authors ORDER BY author_id"
_POSTS: Final = """
SELECT post_id, author_id, category, publish_timestamp, title FROM posts ORDER BY post_id"""


@dataclass(frozen=True)
class Known:
    """What reports need of the catalogue."""

    authors: Sequence[Author]
    posts: Sequence[Post]


async def read_known(database_url: str) -> Known:
    """Read it. Raises Unavailable."""
    async with connected(database_url) as connection:
        authors = [Author(*row) for row in await connection.fetch(_AUTHORS)]
        posts = [Post(*row) for row in await connection.fetch(_POSTS)]
    return Known(authors, posts)
