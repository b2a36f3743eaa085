"""DuckDB on sealed days returns exactly the rows of PostgreSQL, whatever changes meanwhile."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import analytics_api.history
import sql
from analytics_api.history import QUERIES, EngineError, History
from analytics_api.history_duckdb import DuckDB
from analytics_api.statistics.calendar import days_before
from consumer.decode import RetractedEvent
from consumer.rows import instant, microseconds
from schema.event import TYPES
from tests.conftest import Database
from tests.databases import store_events
from tests.sealing import sealing

NOW = datetime.now(UTC)
ZONES = ("UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns")
CATALOGUE = """
INSERT INTO authors SELECT n, 'author ' || n, '2020-01-01', 'c' || n % 2
  FROM generate_series(1, 4) n;
INSERT INTO posts (post_id, author_id, category, publish_timestamp, title, content_length,
                   has_media)
SELECT n, n % 4 + 1, (ARRAY['Tech', 'tech', 'Österreich'])[n % 3 + 1],
       now() - n * interval '20 hours',
       'post ' || n, 10, false FROM generate_series(1, 12) n;
INSERT INTO post_metadata (post_id, tags, is_promoted, language)
SELECT n, CASE n % 3 WHEN 0 THEN ARRAY['a', 'b', 'a'] WHEN 1 THEN ARRAY['Z'] ELSE '{}' END,
       n % 2 = 0, 'en'
  FROM generate_series(1, 9) n;
INSERT INTO users SELECT n, '2020-01-01', nullif('DE', CASE n WHEN 3 THEN 'DE' END), 's' || n % 2
  FROM generate_series(1, 4) n;
"""


class StrictDuckDB(DuckDB):
    """DuckDB without the fallback to PostgreSQL."""

    def run(self, *arguments: Any) -> list[Any]:
        try:
            return super().run(*arguments)
        except EngineError as error:
            raise AssertionError(str(error)) from error


class World:
    """A database with a catalogue, and its history."""

    def __init__(self, url: str, pool: Any, folder: Path) -> None:
        self.url, self.pool, self.folder = url, pool, folder
        self.stored: list[Any] = []
        self.history = History(StrictDuckDB(str(folder), 2**28), str(folder), min_events=0)

    async def store(self, count: int, days_ago: int, seed: int) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            rows = [self._event(seed + number, days_ago) for number in range(count)]
            await store_events(connection, rows)
        self.stored += rows

    def _event(self, number: int, days_ago: int) -> Any:
        at = microseconds(NOW - timedelta(days=days_ago, minutes=number * 37 % 1440))
        kind = TYPES[number * number % 4]
        return (at, uuid4().bytes, number * 5 % 13 + 1, number % 7 or None, kind, at)

    async def retract(self, place: int) -> None:
        if not self.stored:
            return
        row = self.stored.pop(place % len(self.stored))
        async with self.pool.acquire() as connection, connection.transaction():
            retracted = RetractedEvent(row[0], row[1], row[2], instant(row[5]))
            await store_events(connection, [], [retracted])

    async def erase(self, user_id: int) -> None:
        async with self.pool.acquire() as connection:
            begin = "SELECT erasure_id FROM begin_erasure($1, NULL, 'a test', $2)"
            work = await connection.fetchval(begin, user_id, -user_id)
            days = await connection.fetch("SELECT day FROM engagement_partitions")
            for row in days:
                await connection.execute("SELECT erase_day($1, $2)", work, row["day"])

    async def seal(self) -> None:
        async with self.pool.acquire() as connection:
            await sealing(self.url, self.folder).seal_days(connection)

    async def seal_all(self) -> None:
        async with self.pool.acquire() as connection:
            due = "SELECT count(DISTINCT day) FROM engagement_partitions"
            for _ in range(await connection.fetchval(due)):
                await sealing(self.url, self.folder).seal_days(connection)

    async def rows(self, name: str, values: Mapping[str, Any]) -> list[Any] | None:
        return await self.history.rows(self.pool, sql.load(name), values)

    async def rows_of_postgres(self, name: str, values: Mapping[str, Any]) -> list[Any]:
        return [dict(row) for row in await sql.load(name).fetch(self.pool, **values)]


@pytest.fixture
async def world(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    monkeypatch.setattr(analytics_api.history, "_MAX_UNSEALED_FRACTION", 1.0)
    async with asyncpg.create_pool(database.url, min_size=0, max_size=4) as pool:
        await pool.execute(CATALOGUE)
        yield World(database.url, pool, tmp_path / "it's a history")


def values_of(**chosen: Any) -> dict[str, Any]:
    """Return values of all parameters of all queries."""
    zone = ZoneInfo(chosen.pop("tz", "UTC"))
    days = chosen.pop("days", 3)
    start = days_before(days, zone, NOW)
    before = days_before(2 * days, zone, NOW)
    defaults = {
        "start": start, "end": NOW, "before": before,
        "before_end": before + (NOW - start) - timedelta(hours=1), "types": list(TYPES),
        "category": "", "author": 0, "tag": "", "promoted": None, "by": "segment",
        "dimension": "post", "sort": "total_engagements", "after": None, "after_key": None,
        "limit": 5,
    }  # fmt: skip
    return defaults | chosen


VALUES = st.fixed_dictionaries(
    {
        "tz": st.sampled_from(ZONES),
        "days": st.integers(1, 4),
        "types": st.sampled_from([list(TYPES), ["view"], ["comment"]]),
        "category": st.sampled_from(["", "Tech", "none"]),
        "author": st.sampled_from([0, 2]),
        "tag": st.sampled_from(["", "a"]),
        "promoted": st.sampled_from([None, True, False]),
        "by": st.sampled_from(["segment", "country"]),
        "limit": st.integers(1, 20),
    }
)
SORTS = {
    "ranking": ["total_engagements", "views", "shares", "rate"],
    "users_by": ["active_users", "top_user_pct", "total_engagements"],
}
DIMENSIONS = {
    "ranking": ["post", "author", "category", "tag"],
    "users_by": ["post", "author", "category"],
}
STEPS = st.one_of(
    st.tuples(st.just("store"), st.integers(1, 60), st.integers(0, 8), st.integers(0, 1000)),
    st.tuples(st.just("retract"), st.integers(0, 1000)),
    st.tuples(st.just("erase"), st.integers(1, 6)),
    st.just(("seal",)),
    st.just(("seal_all",)),
)


# The examples continue each other.
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=1, max_size=6), chosen=VALUES, choice=st.integers(0, 11))
async def test_every_query_has_the_rows_of_postgresql_after_any_changes(
    world: World, steps: list[Any], chosen: dict[str, Any], choice: int
) -> None:
    for name, *arguments in steps:
        await getattr(world, name)(*arguments)
    for name in QUERIES:
        more = {}
        if name in SORTS:
            more["sort"] = SORTS[name][choice % len(SORTS[name])]
            more["dimension"] = DIMENSIONS[name][choice % len(DIMENSIONS[name])]
        values = values_of(**chosen, **more)
        expected = await world.rows_of_postgres(name, values)
        found = await world.rows(name, values)
        assert found is None or found == expected


@pytest.fixture
async def sealed_world(world: World) -> World:
    for days_ago in range(6):
        await world.store(40, days_ago, days_ago)
    await world.seal_all()
    return world


@pytest.mark.parametrize("name", sorted(QUERIES))
async def test_query_is_run_by_the_engine_with_the_rows_of_postgresql(
    sealed_world: World, name: str
) -> None:
    expected = await sealed_world.rows_of_postgres(name, values_of())

    assert expected
    assert await sealed_world.rows(name, values_of()) == expected


async def test_postgresql_runs_the_query_when_most_events_are_not_in_files(
    sealed_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analytics_api.history, "_MAX_UNSEALED_FRACTION", 0.5)
    values = values_of(days=4)
    sealed = await sealed_world.rows("overview", values)
    for user_id in range(1, 7):
        await sealed_world.erase(user_id)

    assert sealed is not None
    assert await sealed_world.rows("overview", values) is None


async def test_second_page_of_a_ranking_follows_the_first(sealed_world: World) -> None:
    for sort in SORTS["ranking"]:
        values = values_of(sort=sort, dimension="category", limit=1)
        first = (await sealed_world.rows("ranking", values) or [{}])[0]
        values |= {"after": first["sort_value"], "after_key": first["key"]}
        second = await sealed_world.rows("ranking", values)
        assert second == await sealed_world.rows_of_postgres("ranking", values)
        assert second != [first]


async def test_postgresql_runs_short_periods_and_other_queries(sealed_world: World) -> None:
    history = History(
        DuckDB(str(sealed_world.folder), 2**28), str(sealed_world.folder), min_events=10_000
    )

    overview = sql.load("overview")
    assert await history.rows(sealed_world.pool, overview, values_of()) is None
    assert await sealed_world.rows("series", values_of()) is None


@pytest.mark.parametrize("damage", ["missing", "cut", "changed", "one bit"])
async def test_postgresql_runs_the_query_when_a_file_is_missing_or_damaged(
    sealed_world: World, damage: str
) -> None:
    path = max(sealed_world.folder.rglob("*.parquet"))
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        path.write_bytes(b"PAR1" + bytes(len(content) - 8) + b"PAR1")
    elif damage == "one bit":
        path.write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])

    engine = DuckDB(str(sealed_world.folder), 2**28)
    history = History(engine, str(sealed_world.folder), min_events=0)
    assert await history.rows(sealed_world.pool, sql.load("overview"), values_of()) is None


async def test_engine_reads_nothing_but_its_files(sealed_world: World, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    query = sql.parse("other", f"SELECT * FROM read_csv('{secret}')")
    source = await sealed_world.history._input(sealed_world.pool, QUERIES["funnel"], values_of())
    assert source is not None

    with pytest.raises(Exception, match="disabled by configuration"):
        sealed_world.history._engine.run(query, [], source)
