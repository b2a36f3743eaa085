"""The sample catalogue is written once, extended and never changed."""

import hashlib
from datetime import datetime, timedelta

from engage.erasure import Subject, erase
from loadgen.seed import publish, read_facts, seed
from tests.conftest import Database
from tests.databases import connection_to, fetchval

TABLES = ("authors", "posts", "post_metadata", "users")
SIZES = {"authors": 50, "posts": 2_000, "users": 300}


async def digests(url: str) -> dict[str, str]:
    async with connection_to(url) as connection:
        rows = {
            table: await connection.fetch(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES
        }
    return {
        table: hashlib.sha256(repr(found).encode()).hexdigest() for table, found in rows.items()
    }


async def catalogue_version(url: str) -> object:
    return await fetchval(url, "SELECT version FROM catalogue_version")


async def test_second_seed_changes_nothing(database: Database) -> None:
    first = await seed(database.url, **SIZES)
    before = await digests(database.url), await catalogue_version(database.url)
    second = await seed(database.url, **SIZES)

    assert (first.authors, first.posts, first.post_metadata, first.users) == (50, 2000, 2000, 300)
    assert second.is_unchanged
    assert list(second.catalogue.rows()) == list(first.catalogue.rows())
    assert (await digests(database.url), await catalogue_version(database.url)) == before


async def test_erased_user_does_not_come_back(database: Database) -> None:
    await seed(database.url, **SIZES)
    await erase(database.url, Subject(7), requested_by="a test", is_linked=True)

    assert (await seed(database.url, **SIZES)).is_unchanged
    assert await fetchval(database.url, "SELECT count(*) FROM users") == SIZES["users"] - 1


async def test_lost_rows_come_back_as_they_were(database: Database) -> None:
    await seed(database.url, **SIZES)
    before = await digests(database.url)
    await fetchval(database.url, "DELETE FROM posts WHERE post_id > 1 AND post_id % 7 = 0")
    result = await seed(database.url, **SIZES)

    assert result.posts == result.post_metadata == 285
    assert await digests(database.url) == before


async def test_anchor_is_remembered(database: Database) -> None:
    """A catalogue that is extended later keeps to the days of the first run."""
    await seed(database.url, authors=50, posts=100, users=10)
    await fetchval(
        database.url,
        "UPDATE posts SET publish_timestamp = publish_timestamp - interval '40 days'",
    )
    await seed(database.url, authors=50, posts=300, users=10)

    newest = "SELECT max(publish_timestamp) = min(publish_timestamp) FILTER (WHERE post_id = 1)"
    assert await fetchval(database.url, f"{newest} FROM posts")


async def test_facts_are_those_of_the_tables_and_new_rows_get_later_ids(
    database: Database,
) -> None:
    await seed(database.url, **SIZES)
    newest = await fetchval(database.url, "SELECT max(publish_timestamp) FROM posts")
    facts = await read_facts(database.url)
    inserted = await fetchval(
        database.url,
        "INSERT INTO users (signup_date, user_segment) VALUES (now(), 'free') RETURNING user_id",
    )

    assert len(facts.posts) == 2_000
    assert isinstance(newest, datetime)
    assert facts.posts[0].published_us == int(newest.timestamp()) * 1_000_000
    assert list(facts.user_ids) == list(range(1, 301))
    assert 40 < sum(post.is_promoted for post in facts.posts) < 180
    assert inserted == 301


async def test_tiny_catalogue_can_be_extended(database: Database) -> None:
    first = await seed(database.url, authors=1, posts=0, users=0)
    second = await seed(database.url, authors=1, posts=3, users=1)

    assert (first.authors, first.posts, first.users) == (1, 0, 0)
    assert (second.authors, second.posts, second.users) == (0, 3, 1)


async def test_published_post_gets_a_new_id_and_the_next_seed_changes_nothing(
    database: Database,
) -> None:
    result = await seed(database.url, **SIZES)
    newest = result.catalogue.anchor
    [draft, *_] = result.catalogue.published(newest, newest + timedelta(days=2))
    post = await publish(database.url, draft)

    assert post.post_id == SIZES["posts"] + 1
    assert (await read_facts(database.url)).posts[-1] == post
    assert (await seed(database.url, **SIZES)).is_unchanged
