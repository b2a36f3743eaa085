from typing import Any

import pytest

from consumer.ids import ExternalIds
from consumer.rows import Row
from tests.factories import record

FIRST_NUMBER = 4503599627370496


class Database:
    """Resolves external IDs like PostgreSQL, and records which it was queried for."""

    def __init__(self) -> None:
        self.version = "first"
        self.numbers: dict[str, int] = {}
        self.queried: list[str] = []

    async def fetchval(self, _query: str) -> str:
        return self.version

    async def fetch(self, _query: str, kind: str, ids: list[str]) -> list[tuple[str, int]]:
        self.queried += ids
        return [
            (each, self.numbers.setdefault(f"{kind} {each}", FIRST_NUMBER + len(self.numbers)))
            for each in ids
        ]


@pytest.fixture
def database() -> Database:
    return Database()


def row(post: int | str, user: int | str | None = None) -> Row:
    return (0, record().event_id.bytes, post, user, "view", 0)


async def resolve(ids: ExternalIds, database: Any, *rows: Row) -> list[tuple[Any, Any]]:
    return [found[2:4] for found in await ids.resolve(database, list(rows))]


async def test_rows_with_numbers_are_unchanged_without_a_query(database: Database) -> None:
    rows = [row(7, 8), row(7)]

    assert await ExternalIds().resolve(database, rows) is rows  # type: ignore[arg-type]
    assert database.queried == []


async def test_numbers_are_cached_when_their_batch_is_committed(database: Database) -> None:
    ids = ExternalIds()
    first = await resolve(ids, database, row("a", "u"), row(7, "u"))
    ids.commit()
    again = await resolve(ids, database, row("a", "u"), row(7, "u"), row("b"))

    assert again[:2] == first
    assert database.queried == ["a", "u", "b"]


async def test_numbers_are_not_cached_when_their_batch_failed(database: Database) -> None:
    ids = ExternalIds()
    await resolve(ids, database, row("a", "u"))
    await resolve(ids, database, row(7))  # the next batch, which is committed
    ids.commit()
    await resolve(ids, database, row("a", "u"))

    assert database.queried == ["a", "u"] * 2


async def test_cache_is_discarded_when_the_version_changed(database: Database) -> None:
    ids = ExternalIds()
    await resolve(ids, database, row("a", "u"))
    ids.commit()
    database.version, database.numbers = "second", {"post a": 7, "user u": 8}

    assert await resolve(ids, database, row("a", "u")) == [(7, 8)]


async def test_cache_keeps_ids_in_use_and_drops_old_ones(database: Database) -> None:
    ids = ExternalIds()
    for part in range(20):
        others = [row(f"post-{part}-{n}") for n in range(5_000)]
        await resolve(ids, database, row("always"), *others)
        ids.commit()
    database.queried.clear()
    await resolve(ids, database, row("always"), row("post-19-0"), row("post-0-0"))

    assert database.queried == ["post-0-0"]
