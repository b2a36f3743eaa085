"""Writing a catalogue to PostgreSQL, and reading the facts that traffic needs.

Only rows with missing IDs are written. A second run executes no INSERT at all, since one without
rows would count as a change of the catalogue.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

from loadgen.catalogue import Author, Catalogue, Draft, Metadata, Post, User
from loadgen.traffic import Facts, PostFacts, to_us
from runtime.progress import Progress, silent
from sql.command import connected
from sql.pool import Connection

_UTC: Final = ZoneInfo("UTC")
_CHUNK_ROWS: Final = 10_000
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
_PUBLISH: Final = """
WITH post AS (
    INSERT INTO posts
           (author_id, category, publish_timestamp, title, content_length, has_media)
    VALUES ($1, $2, $3, $4, $5, $6)
    RETURNING post_id
)
INSERT INTO post_metadata (post_id, tags, is_promoted, language)
SELECT post_id, $7, $8, $9 FROM post
RETURNING post_id"""
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
    """The catalogue, and the numbers of rows that were added by table."""

    catalogue: Catalogue
    authors: int = 0
    posts: int = 0
    post_metadata: int = 0
    users: int = 0

    @property
    def is_unchanged(self) -> bool:
        return not (self.authors or self.posts or self.post_metadata or self.users)


async def seed(  # noqa: PLR0913  (the command line's options)
    database_url: str,
    *,
    authors: int = 50,
    posts: int = 30_000,
    users: int = 5_000,
    seed: int = 42,
    progress: Progress = silent,
    zone: ZoneInfo = _UTC,
    is_dry_run: bool = False,
) -> SeedResult:
    """Write the missing rows of the catalogue in one transaction. Existing rows stay.

    Args:
        database_url: a login that owns the tables, or may write them.
        authors: minimum number of authors, with IDs from 1.
        posts: rows of posts, each with its metadata.
        users: rows of users.
        seed: random seed of the rows, whose times end with the first run.
        zone: of the hours at which posts are published.
        progress: called after each chunk of rows.
        is_dry_run: count the missing rows without writing them.

    Raises as sql.command.connected does.
    """
    async with connected(database_url) as connection:
        async with connection.transaction():
            await connection.execute(_LOCK)
            anchor = await connection.fetchval(_ANCHOR) or datetime.now(UTC)
            catalogue = Catalogue(seed, anchor, authors, posts, users, zone)
            missing = await _missing_ids(connection, catalogue)
            counts = {table: len(ids) for table, ids in missing.items()}
            result = SeedResult(catalogue, **counts)
            if is_dry_run:
                return result
            await _write(_Writer(connection, missing, progress), catalogue)
            await connection.execute(_ADVANCE_SEQUENCES)
        if not result.is_unchanged:
            await connection.execute("ANALYZE authors, posts, post_metadata, users")
    return result


async def publish(database_url: str, draft: Draft) -> PostFacts:
    """Add a post to the catalogue. Raises as ``seed`` does."""
    async with connected(database_url) as connection:
        post_id = await connection.fetchval(_PUBLISH, *draft)
    return PostFacts(post_id, draft.author_id, to_us(draft.publish_timestamp), draft.is_promoted)


async def read_facts(database_url: str, zone: ZoneInfo = _UTC) -> Facts:
    """Read the facts of the catalogue that traffic needs. Raises as ``seed`` does.

    *zone*: the reporting time zone.
    """
    async with connected(database_url) as connection:
        posts = [PostFacts(*row) for row in await connection.fetch(_POST_FACTS)]
        users = await connection.fetch("SELECT user_id FROM users ORDER BY user_id")
    return Facts(posts, [row[0] for row in users], zone)


async def _missing_ids(connection: Connection, catalogue: Catalogue) -> dict[str, set[int]]:
    counts = {
        "authors": catalogue.author_count,
        "posts": catalogue.post_count,
        "post_metadata": catalogue.post_count,
        "users": catalogue.user_count,
    }
    missing = {}
    for table, count in counts.items():
        present = await connection.fetch(_PRESENT[table], count)
        missing[table] = set(range(1, count + 1)).difference(row[0] for row in present)
    return missing


async def _write(writer: "_Writer", catalogue: Catalogue) -> None:
    missing = writer.missing
    if missing["authors"]:
        await writer.copy("authors", Author._fields, catalogue.authors())
    if missing["posts"] or missing["post_metadata"]:
        rows = catalogue.rows()
        while chunk := list(islice(rows, _CHUNK_ROWS)):
            await writer.copy("posts", Post._fields, (post for post, _ in chunk))
            await writer.copy("post_metadata", Metadata._fields, (row for _, row in chunk))
    if missing["users"]:
        await writer.copy("users", User._fields, catalogue.users())


class _Writer:
    """Copies the missing rows of the tables."""

    def __init__(
        self, connection: Connection, missing: dict[str, set[int]], progress: Progress
    ) -> None:
        self._connection = connection
        self.missing = missing
        self._progress = progress
        self._written = dict.fromkeys(missing, 0)

    async def copy(
        self, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
    ) -> None:
        """Write the rows whose ID, the first column, is missing."""
        missing = self.missing[table]
        records = [row for row in rows if row[0] in missing]
        if not records:
            return
        await self._connection.copy_records_to_table(table, records=records, columns=columns)
        self._written[table] += len(records)
        self._progress(f"catalogue: {table}", self._written[table], len(missing), "")
