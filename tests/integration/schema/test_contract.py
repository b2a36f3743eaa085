"""Names and types that SQL written elsewhere relies on."""

from typing import Any

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


QUERIES = (
    """
    SELECT count(CASE WHEN e.type = 'view' THEN 1 END), count(DISTINCT e.user_id)
      FROM engagements e
     WHERE e.engaged_timestamp >= current_date - interval '365 days'
     GROUP BY extract(hour FROM e.engaged_timestamp), e.type""",
    """
    SELECT a.name, round(avg(s.total_engagements), 2),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY s.total_engagements)
      FROM authors a
      JOIN posts p ON a.author_id = p.author_id
      JOIN engagement_stats s ON p.post_id = s.post_id
     WHERE p.publish_timestamp >= current_date - interval '3 months'
     GROUP BY a.name""",
    "SELECT count(*) FROM post_metadata WHERE tags @> ARRAY['ai'] OR 'ai' = ANY (tags)",
)


async def test_columns_of_the_contract_have_their_names_and_types(connection: Any) -> None:
    for table, columns in COLUMNS.items():
        found = dict(await connection.fetch(_COLUMNS, table))
        assert columns.items() <= found.items(), table


async def test_queries_written_for_the_reference_run_unchanged(connection: Any) -> None:
    for query in QUERIES:
        await connection.fetch(query)
