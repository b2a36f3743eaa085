"""The catalogue's way into PostgreSQL, and what traffic must know of it.

Only rows whose ids are missing are written, so a second run writes nothing at all. That
matters: even an INSERT of no rows would count as a change of the catalogue.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import islice
from typing import Any, Final

from pydantic import SecretStr

from loadgen.catalogue import Author, Catalogue, Metadata, Post, User
from loadgen.facts import Facts, PostFacts
from loadgen.progress import Progress, silent
from schema.settings import DatabaseSettings
from sql.pool import Connection, connect

_CHUNK_ROWS: Final = 10_000
_COMMAND_TIMEOUT_SECONDS: Final = 300.0
# Excludes other writers of the catalogue, a second seed among them; readers go on.
_LOCK: Final = """
LOCK TABLE authors, posts, post_metadata, users IN SHARE ROW EXCLUSIVE MODE"""
_ANCHOR: Final = "SELECT publish_timestamp FROM posts WHERE post_id = 1"
_PRESENT: Final = {
    "authors": "SELECT author_id FROM authors WHERE author_id <= $1",
    "posts": "SELECT post_id FROM posts WHERE post_id <= $1",
    "post_metadata": "SELECT post_id FROM post_metadata WHERE post_id <= $1",
    # Who was erased does not come back.
    "users": "SELECT user_id FROM users WHERE user_id <= $1"
    " UNION SELECT user_id FROM erased_users WHERE user_id <= $1",
}
# Never backwards: the id of a deleted row stays used.
_ADVANCE_SEQUENCES: Final = """
SELECT setval(s.name::regclass,
              greatest(s.top, coalesce(pg_sequence_last_value(s.name::regclass), 1)))
  FROM (SELECT pg_get_serial_sequence('authors', 'author_id') AS name,
               (SELECT max(author_id) FROM authors)           AS top
        UNION ALL
        SELECT pg_get_serial_sequence('posts', 'post_id'), (SELECT max(post_id) FROM posts)
        UNION ALL
        SELECT pg_get_serial_sequence('users', 'user_id'), (SELECT max(user_id) FROM users)) AS s
 WHERE s.top IS NOT NULL"""
_POST_FACTS: Final = """
SELECT p.post_id, p.author_id,
       (extract(epoch FROM p.publish_timestamp) * 1000000)::bigint AS published_us,
       coalesce(m.is_promoted, false)                              AS is_promoted
  FROM posts AS p
  LEFT JOIN post_metadata AS m USING (post_id)
 WHERE isfinite(p.publish_timestamp)
 ORDER BY p.post_id"""


@dataclass(frozen=True)
class SeedResult:
    """How many rows were added to each table, and the newest post's time."""

    anchor: datetime
    authors: int = 0
    posts: int = 0
    post_metadata: int = 0
    users: int = 0

    @property
    def is_unchanged(self) -> bool:
        """Whether everything was there already."""
        return not (self.authors or self.posts or self.post_metadata or self.users)


async def seed(  # noqa: PLR0913  (the command line's options)
    database_url: str,
    *,
    authors: int = 50,
    posts: int = 30_000,
    users: int = 5_000,
    seed: int = 42,
    progress: Progress = silent,
) -> SeedResult:
    """Write what is missing of the catalogue, in one transaction; rows that are there stay.

    Args:
        database_url: a login that owns the tables, or may write them.
        authors: how many there shall be at least, with ids from 1.
        posts: likewise, each with its metadata.
        users: likewise.
        seed: the same seed gives the same rows, shifted to the day of the first run.
        progress: called after each chunk of rows.

    Raises:
        Unavailable: PostgreSQL does not answer.
    """
    async with connected(database_url) as connection:
        async with connection.transaction():
            await connection.execute(_LOCK)
            catalogue = Catalogue(seed, await _anchor(connection), authors, posts, users)
            result = await _write(connection, catalogue, progress)
            await connection.execute(_ADVANCE_SEQUENCES)
        if not result.is_unchanged:
            await connection.execute("ANALYZE authors, posts, post_metadata, users")
    return result


async def read_facts(database_url: str) -> Facts:
    """Read what traffic must know of the catalogue. Raises Unavailable."""
    async with connected(database_url) as connection:
        posts = [PostFacts(*row) for row in await connection.fetch(_POST_FACTS)]
        users = await connection.fetch("SELECT user_id FROM users ORDER BY user_id")
    return Facts(posts, [row[0] for row in users])


@asynccontextmanager
async def connected(database_url: str) -> AsyncIterator[Connection]:
    """Open a connection that may take its time. Raises Unavailable."""
    settings = DatabaseSettings(
        database_url=SecretStr(database_url),
        database_role=None,
        database_command_timeout_seconds=_COMMAND_TIMEOUT_SECONDS,
    )
    connection = await connect(settings, "engage-seed")
    try:
        yield connection
    finally:
        await connection.close()


async def _anchor(connection: Connection) -> datetime:
    """Return what the catalogue in the table is anchored to, or midnight for an empty one."""
    midnight = datetime.combine(datetime.now(UTC).date(), time(), UTC)
    first: datetime | None = await connection.fetchval(_ANCHOR)
    return min(first, midnight) if first else midnight


async def _write(connection: Connection, catalogue: Catalogue, progress: Progress) -> SeedResult:
    missing = {
        "authors": await _missing(connection, "authors", catalogue.author_count),
        "posts": await _missing(connection, "posts", catalogue.post_count),
        "post_metadata": await _missing(connection, "post_metadata", catalogue.post_count),
        "users": await _missing(connection, "users", catalogue.user_count),
    }
    writer = _Writer(connection, missing, progress)
    if missing["authors"]:
        await writer.copy("authors", Author._fields, catalogue.authors())
    if missing["posts"] or missing["post_metadata"]:
        await _write_posts(writer, catalogue)
    if missing["users"]:
        await writer.copy("users", User._fields, catalogue.users())
    return SeedResult(catalogue.anchor, **{table: len(ids) for table, ids in missing.items()})


async def _missing(connection: Connection, table: str, count: int) -> set[int]:
    present = await connection.fetch(_PRESENT[table], count)
    return set(range(1, count + 1)).difference(row[0] for row in present)


async def _write_posts(writer: "_Writer", catalogue: Catalogue) -> None:
    rows = catalogue.metadata(catalogue.posts())
    while chunk := list(islice(rows, _CHUNK_ROWS)):
        await writer.copy("posts", Post._fields, (post for post, _ in chunk))
        await writer.copy("post_metadata", Metadata._fields, (row for _, row in chunk))


class _Writer:
    """Copies the missing rows of the tables, and tells how far it is."""

    def __init__(
        self, connection: Connection, missing: dict[str, set[int]], progress: Progress
    ) -> None:
        self._connection = connection
        self._missing = missing
        self._progress = progress
        self._written = dict.fromkeys(missing, 0)

    async def copy(
        self, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
    ) -> None:
        """Write those of *rows* that are missing; the first column is the id."""
        missing = self._missing[table]
        records = [row for row in rows if row[0] in missing]
        if not records:
            return
        await self._connection.copy_records_to_table(table, records=records, columns=columns)
        self._written[table] += len(records)
        self._progress(f"catalogue: {table}", self._written[table], len(missing), "")
