"""Search of the catalogue."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from analytics_api.report import Context
from analytics_api.reports.search import SearchParameters, SearchResult, search
from tests.conftest import Database

AUTHORS = ["Ann Müller", "Bo O'Neil", "Chloé Dupont"]
TITLES = [
    "Python 3.14 is out: what is new",
    "Why Pythons make good pets",
    "Café culture in Österreich",
    "Open-source databases, compared",
    "Война и мир: a new translation",
    "The minister\u2019s letter",
]


@pytest.fixture
async def context(database: Database) -> AsyncIterator[Context]:
    async with asyncpg.create_pool(database.url, min_size=1, max_size=1) as pool:
        await pool.executemany(
            "INSERT INTO authors VALUES ($1, $2, '2020-01-01', 'Tech')", enumerate(AUTHORS, 1)
        )
        await pool.executemany(
            "INSERT INTO posts VALUES ($1, 1, 'Tech', $2, $3, 5)",
            [(n, datetime(2026, 1, n, tzinfo=UTC), title) for n, title in enumerate(TITLES, 1)],
        )
        await pool.execute("INSERT INTO post_metadata VALUES (4, '{open data, databases}')")
        await pool.execute(
            "INSERT INTO external_ids VALUES ('post', '10.1371/journal.pone.0123456', 4),"
            " ('author', 'bo@example.org', 2)"
        )
        assert await pool.fetchval("SELECT refresh_search()")
        now = datetime(2026, 2, 1, tzinfo=UTC)
        yield Context(pool=pool, zone=ZoneInfo("UTC"), now=now, as_of=now)


async def results(context: Context, q: str, limit: int = 10) -> list[SearchResult]:
    return await search(context, SearchParameters(q=q, limit=limit))


async def names(context: Context, q: str) -> list[str]:
    return [found.name for found in await results(context, q)]


@pytest.mark.parametrize(
    ("q", "post"),
    [
        ("python 3.14", 1),
        ("what new pyth", 1),
        ("PETS pythons", 2),
        ("cafe osterr", 3),
        ("CAFÉ", 3),
        ("open source", 4),
        ("война", 5),
        ("minister's", 6),
    ],
)
async def test_words_of_a_title_find_the_post_in_any_order_and_spelling(
    context: Context, q: str, post: int
) -> None:
    found = await results(context, q)
    assert [(each.kind, each.id, each.match) for each in found if each.kind == "post"] == [
        ("post", post, "words")
    ]


@pytest.mark.parametrize(
    ("q", "name"),
    [
        ("pyhton 3.14", "Python 3.14 is out: what is new"),
        ("databses", "Open-source databases, compared"),
        ("minster letter", "The minister\u2019s letter"),
        ("dupond", "Chloé Dupont"),
    ],
)
async def test_words_with_a_typo_find_similar_words(context: Context, q: str, name: str) -> None:
    found = await results(context, q)
    assert name in [each.name for each in found]
    assert {each.match for each in found} == {"similar"}


@pytest.mark.parametrize("q", ["quantum", "python quantum", "xyz", "!!", "' | 'x", "a & b", "\\"])
async def test_unknown_words_find_nothing(context: Context, q: str) -> None:
    assert await names(context, q) == []


@pytest.mark.parametrize(
    ("q", "kind", "number"),
    [
        ("10.1371/journal.pone.0123456", "post", 4),
        ("bo@example.org", "author", 2),
        ("5", "post", 5),
        ("3", "author", 3),
    ],
)
async def test_ids_find_what_they_name_first(
    context: Context, q: str, kind: str, number: int
) -> None:
    found = await results(context, q)
    exact = [(each.kind, each.id) for each in found if each.match == "id"]
    assert (kind, number) in exact
    assert [each.match for each in found[: len(exact)]] == ["id"] * len(exact)


async def test_authors_come_first_then_tags_then_posts_the_newest_first(context: Context) -> None:
    await context.pool.execute("UPDATE authors SET name = 'Data Smith' WHERE author_id = 1")
    found = await results(context, "data")
    assert [(each.kind, each.name) for each in found] == [
        ("author", "Data Smith"),
        ("tag", "databases"),
        ("tag", "open data"),
        ("post", "Open-source databases, compared"),
    ]
    assert await names(context, "python") == [TITLES[1], TITLES[0]]


async def test_limit_holds_for_each_kind(context: Context) -> None:
    assert [each.name for each in await results(context, "python", limit=1)] == [TITLES[1]]


async def test_results_carry_what_tells_them_apart(context: Context) -> None:
    (found,) = [each for each in await results(context, "compared") if each.kind == "post"]
    assert found.model_dump(include={"id", "external_id", "author_name", "category"}) == {
        "id": 4,
        "external_id": "10.1371/journal.pone.0123456",
        "author_name": "Ann Müller",
        "category": "Tech",
    }


async def test_deleted_posts_are_not_found(context: Context) -> None:
    await context.pool.execute("INSERT INTO deleted_posts VALUES (3)")
    assert await names(context, "cafe") == []


async def test_new_words_are_found_before_the_next_refresh(context: Context) -> None:
    await context.pool.execute("UPDATE posts SET title = 'Zeppelins return' WHERE post_id = 1")
    assert await names(context, "zeppelin") == ["Zeppelins return"]


async def test_words_are_refreshed_when_the_catalogue_has_changed(context: Context) -> None:
    pool = context.pool
    assert not await pool.fetchval("SELECT refresh_search()")
    await pool.execute("UPDATE posts SET title = 'Zeppelins return' WHERE post_id = 1")
    assert await pool.fetchval("SELECT refresh_search()")
    assert await names(context, "zepelin") == ["Zeppelins return"]
