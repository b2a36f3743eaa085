"""Compares the database with the model whenever the consumer has caught up."""

from collections import Counter
from collections.abc import Hashable
from collections.abc import Set as AbstractSet
from typing import Any

from tests.integration.pipeline.harness import Harness
from tests.integration.pipeline.model import Model, Tables

_COLUMNS = {"view": "views", "like": "likes", "comment": "comments", "share": "shares"}
_EXACT = {
    "first_offset": "first",
    "next_offset": "next",
    "dead_lettered": "dead_lettered",
    "consecutive_dead_letters": "consecutive_dead_letters",
    "halt_reason": "halt",
}
_ROWS = """
SELECT e.engaged_timestamp AS time, e.event_id, coalesce(p.external_id, e.post_id::text) AS post,
       CASE WHEN e.user_id > 0 THEN coalesce(u.external_id, e.user_id::text) END AS user,
       e.type::text AS type
  FROM engagements AS e
  LEFT JOIN external_ids AS p ON p.kind = 'post' AND p.id = e.post_id
  LEFT JOIN external_ids AS u ON u.kind = 'user' AND u.id = e.user_id
"""
_TOTALS = """
SELECT coalesce(p.external_id, t.post_id::text) AS key, views, likes, comments, shares
  FROM post_totals AS t
  LEFT JOIN external_ids AS p ON p.kind = 'post' AND p.id = t.post_id
"""
_BUCKETS = "SELECT bucket AS key, views, likes, comments, shares FROM engagements_15m"
_RETRACTIONS = """
SELECT r.engaged_timestamp, r.event_id, coalesce(p.external_id, r.post_id::text) AS post, is_applied
  FROM retractions AS r
  LEFT JOIN external_ids AS p ON p.kind = 'post' AND p.id = r.post_id
"""
_VIEW = "SELECT post_id::text, total_engagements FROM engagement_stats"
_LETTERS = 'SELECT partition, "offset", replay_outcome FROM dead_letters'
_TABLES = """
SELECT table_name FROM information_schema.tables
 WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
   AND table_name !~ '^engagements_' AND table_name <> 'erased_users'
"""


def assert_database_matches(model: Model, harness: Harness) -> None:
    """Compare all tables. The model adopts counters that depend on the boundaries of batches."""
    tables = model.tables
    _compare_offset_rows(tables, harness)
    assert _multiset(harness, _ROWS) == Counter(
        (*event.identity, str(event.post), event.user and str(event.user), event.type)
        for event in tables.rows.values()
    )
    assert _counts(harness, _TOTALS) == _positive(tables.by_post)
    assert _counts(harness, _BUCKETS) == _positive(tables.by_bucket)
    assert dict(harness.fetch("SELECT day, rows FROM expired_partitions")) == dict(tables.expired)
    assert _multiset(harness, _LETTERS) == Counter(
        (partition, offset, letter.outcome)
        for (_, partition, offset), letter in tables.dead_letters.items()
    )
    assert harness.fetch("SELECT replayed FROM ledger_totals") == [(tables.replayed,)]
    assert harness.failed_checks() == []
    ends = {number: log.end for number, log in model.logs.items()}
    is_cut_off = any(ends[n] < row.next for n, row in tables.offset_rows.items())
    assert harness.is_balanced(ends) is not is_cut_off
    assert _tables_naming(harness, tables.erased) == []


def assert_stats_view_matches(model: Model, harness: Harness) -> None:
    """Compare the refreshed stats view with the totals of its posts."""
    totals: Counter[str] = Counter()
    for (post, _), number in model.tables.by_post.items():
        totals[str(post)] += number
    for post, shown in harness.fetch(_VIEW):
        assert (post, shown) == (post, totals[post])


def _compare_offset_rows(tables: Tables, harness: Harness) -> None:
    """Compare the offset rows and the retractions.

    Whether a retraction before its event deletes the row or keeps it from being stored depends on
    whether both are in one batch. The counters add up either way.
    """
    found = {row["partition"]: row for row in harness.fetch("SELECT * FROM consumer_offsets")}
    retractions = {tuple(row[:3]): row[3] for row in harness.fetch(_RETRACTIONS)}
    assert retractions.keys() == {(t, i, str(p)) for t, i, p in tables.retractions}
    removed_in_batches = 0
    for number, expected in tables.offset_rows.items():
        row = found[number]
        assert {name: row[name] for name in _EXACT} == {
            name: getattr(expected, field) for name, field in _EXACT.items()
        }
        accounted = sum(row[name] for name in ("stored", "duplicates", "dead_lettered", "skipped"))
        assert accounted == row["next_offset"] - row["first_offset"]
        if not (retractions or tables.archived):
            assert (row["stored"], row["skipped"]) == (expected.stored, expected.skipped)
        removed_in_batches += row["stored"] - expected.stored
        expected.stored, expected.skipped = row["stored"], row["skipped"]
        expected.duplicates = row["duplicates"]
    removed = sum(retractions.values()) - sum(tables.retractions.values())
    assert removed_in_batches == removed >= 0
    for time, event_id, post in list(tables.retractions):
        tables.retractions[time, event_id, post] = retractions[time, event_id, str(post)]


def _multiset(harness: Harness, query: str) -> Counter[tuple[Any, ...]]:
    return Counter(map(tuple, harness.fetch(query)))


def _counts(harness: Harness, query: str) -> dict[Hashable, int]:
    rows = harness.fetch(query)
    pairs = {(row[0], kind): row[name] for row in rows for kind, name in _COLUMNS.items()}
    return {key: number for key, number in pairs.items() if number}


def _positive(counter: Counter[Hashable]) -> dict[Hashable, int]:
    return {
        (str(key) if isinstance(key, int) else key, kind): number
        for (key, kind), number in counter.items()  # type: ignore[misc]
        if number
    }


def _tables_naming(harness: Harness, users: AbstractSet[int | str]) -> list[str]:
    """Return the tables with an erased user in any column."""
    words = [str(user) for user in users] + [str(n) for n in harness.numbers_of(users)]
    if not words:
        return []
    # bytea is shown in hexadecimal digits.
    patterns = [f"%{word}%" for word in words] + [f"%{word.encode().hex()}%" for word in words]
    named = [
        f"SELECT '{table}' FROM {table} AS t WHERE t::text LIKE ANY ($1)"
        for (table,) in harness.fetch(_TABLES)
    ]
    return sorted(row[0] for row in harness.fetch(" UNION ".join(named), patterns))
