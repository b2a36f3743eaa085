"""The names and types that SQL written elsewhere relies on."""

from typing import Any

import asyncpg
import pytest

from tests.conftest import Database

TIME = "timestamp with time zone"
COLUMNS = {
    "authors": {
        "author_id": "bigint", "name": "text", "joined_date": "date", "author_category": "text",
    },
    "posts": {
        "post_id": "bigint", "author_id": "bigint", "category": "text",
        "publish_timestamp": TIME, "title": "text", "content_length": "integer",
        "has_media": "boolean",
    },
    "post_metadata": {
        "post_id": "bigint", "tags": "text[]", "is_promoted": "boolean", "language": "text",
    },
    "users": {
        "user_id": "bigint", "signup_date": "date", "country": "text", "user_segment": "text",
    },
    "engagements": {
        "event_id": "uuid", "post_id": "bigint", "user_id": "bigint", "type": "engagement_type",
        "engaged_timestamp": TIME, "received_timestamp": TIME,
    },
    "engagement_stats": {
        "post_id": "bigint", "author_id": "bigint", "category": "text", "title": "text",
        "publish_timestamp": TIME, "view_count": "bigint", "like_count": "bigint",
        "comment_count": "bigint", "share_count": "bigint", "total_engagements": "bigint",
    },
}  # fmt: skip
_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
 WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped"""


@pytest.mark.parametrize("table", COLUMNS)
async def test_the_columns_others_rely_on_keep_their_names_and_types(
    database: Database, table: str
) -> None:
    connection: Any = await asyncpg.connect(database.url)
    try:
        found = dict(await connection.fetch(_COLUMNS, table))
    finally:
        await connection.close()

    assert COLUMNS[table].items() <= found.items()


@pytest.mark.parametrize(
    "question",
    [
        (
            "SELECT count(CASE WHEN e.type = 'view' THEN 1 END), count(DISTINCT e.user_id)"
            "  FROM engagements e WHERE e.engaged_timestamp >= current_date - interval '365 days'"
            " GROUP BY extract(hour FROM e.engaged_timestamp), e.type"
        ),
        (
            "SELECT a.name, round(avg(s.total_engagements), 2), percentile_cont(0.5)"
            "         WITHIN GROUP (ORDER BY s.total_engagements)"
            "  FROM authors a JOIN posts p ON a.author_id = p.author_id"
            "  JOIN engagement_stats s ON p.post_id = s.post_id"
            " WHERE p.publish_timestamp >= current_date - interval '3 months' GROUP BY a.name"
        ),
        "SELECT count(*) FROM post_metadata WHERE tags @> ARRAY['ai'] OR 'ai' = ANY (tags)",
    ],
)
async def test_sql_in_the_habits_of_others_runs_unchanged(
    database: Database, question: str
) -> None:
    connection: Any = await asyncpg.connect(database.url)
    try:
        await connection.fetch(question)
    finally:
        await connection.close()
