"""Each index is used by a query on the full catalogue, and no other index exists."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

import sql
from loadgen.seed import seed
from tests.conftest import Database
from tests.databases import connection_to

NOW = datetime.now(UTC)

# Index, query that uses it, and parameters of the query.
USES: list[tuple[str, str, dict[str, Any]]] = [
    ("idx_posts_author_category", "authors_with_posts", {"ids": [7]}),
    (
        "idx_engagements_post_timestamp",
        "engagement",
        {"post_id": 7, "since": NOW - timedelta(days=30)},
    ),
    (
        "idx_dead_letters_event",
        "find_event",
        {"event_id": UUID(int=7), "from": NOW - timedelta(seconds=5), "to": NOW},
    ),
    ("idx_dead_letter_replays_letter", "replays_of", {"dead_letter_id": 7}),
    (
        "idx_engagement_stats_author",
        "author_trends",
        {
            "author_id": 7,
            "since_7d": NOW - timedelta(days=7),
            "since_30d": NOW - timedelta(days=30),
            "now": NOW,
        },
    ),
    *(
        (index, "search", {"q": "databsae", "number": 0, "limit": 10})
        for index in (
            "idx_posts_title_words",
            "idx_authors_name_words",
            "idx_catalogue_words",
            "idx_catalogue_words_trigrams",
        )
    ),
]
# Unique indexes: a concurrent refresh needs the first two, the others keep their tables to one row.
RULES = {
    "idx_engagement_stats_post",
    "idx_catalogue_tags",
    "catalogue_version_single",
    "idx_sealed_days_sealed",
    "ledger_totals_single",
    "stats_refresh_single",
}
# Used by functions, whose plans EXPLAIN does not show.
OF_FUNCTIONS = {"idx_moved_ids_id"}
_WITHOUT_CONSTRAINT = """
SELECT c.relname
  FROM pg_index AS i
  JOIN pg_class AS c ON c.oid = i.indexrelid
 WHERE c.relnamespace = 'public'::regnamespace
   AND NOT c.relispartition
   AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)"""


@pytest.fixture
async def full(database: Database) -> AsyncIterator[Any]:
    """A connection to the full catalogue, with 60 days of 20 engagements a post and day."""
    await seed(database.url)
    async with connection_to(database.url) as connection:
        await connection.execute(
            "SELECT ensure_partition((now() - i * interval '1 day')::date)"
            "  FROM generate_series(0, 60) AS i"
        )
        await connection.execute(
            "INSERT INTO engagements"
            " SELECT gen_random_uuid(), i % 30000 + 1, NULL, 'view',"
            "        now() - i * interval '50 seconds', now()"
            "  FROM generate_series(1, 100000) AS i"
        )
        await connection.execute(
            "INSERT INTO dead_letters"
            ' (topic, partition, "offset", reason, detail, record_timestamp, event_id)'
            " SELECT 'events', 0, i, 'invalid_type', '', now(), gen_random_uuid()"
            "  FROM generate_series(1, 2000) AS i"
        )
        await connection.execute(
            "INSERT INTO dead_letter_replays (dead_letter_id, replayed_by, outcome, detail)"
            " SELECT dead_letter_id, 'ann', 'rejected', '' FROM dead_letters"
        )
        await connection.execute("SELECT refresh_engagement_stats()")
        await connection.execute("SELECT refresh_search()")
        await connection.execute("ANALYZE")
        yield connection


async def test_every_index_is_used_by_its_query_on_the_full_catalogue(full: Any) -> None:
    for index, name, parameters in USES:
        query = sql.load(name)
        plan = await full.fetch(f"EXPLAIN {query.text}", *query.bind(**parameters))
        text = "\n".join(row[0] for row in plan)

        assert await uses(full, text, index), f"{name} does not use {index}:\n{text}"


async def uses(connection: Any, plan: str, index: str) -> bool:
    """Return whether a plan names an index, or its part on a partition."""
    parts = await connection.fetch(
        "SELECT relid::regclass::text FROM pg_partition_tree($1::regclass)", index
    )
    return any(f" {part[0]} " in plan for part in parts) or f" {index} " in plan


async def test_no_index_exists_without_a_query(connection: Any) -> None:
    found = {row[0] for row in await connection.fetch(_WITHOUT_CONSTRAINT)}

    assert found == RULES | OF_FUNCTIONS | {index for index, _, _ in USES}
