"""The catalogue service over HTTP, on a real database."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from pydantic import SecretStr
from yarl import URL

import sql
from catalogue_service.app import create_app
from catalogue_service.settings import CatalogueSettings
from consumer.ids import ExternalIds
from consumer.rows import Row, microseconds
from tests.conftest import Database
from tests.databases import store_events
from tests.external_ids import EXTERNAL_IDS
from tests.factories import record
from tests.serving import client, new_key, served
from tests.waiting import until
from web.auth import Scope

AUTHOR = {"name": "Ann", "author_category": "Tech", "joined_date": "2020-01-31"}
POST = {
    "author_id": 7,
    "category": "Tech",
    "title": "A title",
    "publish_timestamp": "2026-01-01T09:00:00+01:00",
    "tags": ["ai", "open source"],
    "is_promoted": True,
}


WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
 WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
"""


def named_row(post: int | str, user: int | str | None = None) -> Row:
    now = microseconds(datetime.now(UTC))
    return (now, record().event_id.bytes, post, user, "view", now)


@dataclass
class Catalogue:
    session: aiohttp.ClientSession
    connection: Any
    url: str

    async def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.session.request(method, f"/catalogue/{path}", json=body) as answer:
            return answer.status, await answer.json()

    async def batch(self, *lines: Any, query: str = "") -> tuple[int, Any]:
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        headers = {"Content-Type": "application/x-ndjson"}
        path = "/catalogue/batch" + query
        async with self.session.post(path, data=text, headers=headers) as answer:
            return answer.status, await answer.json()

    async def version(self) -> int:
        return int(await self.connection.fetchval("SELECT version FROM catalogue_version"))

    async def engage(self, post: int | str, user: int | str | None = None) -> int:
        """Store a view as a consumer does; the post's number."""
        async with self.connection.transaction():
            rows = await ExternalIds().resolve(self.connection, [named_row(post, user)])
            await store_events(self.connection, rows)
        return int(rows[0][2])


@pytest.fixture
async def catalogue(
    connection: Any, database: Database, tmp_path: Path
) -> AsyncIterator[Catalogue]:
    keys = tmp_path / "keys.json"
    settings = CatalogueSettings(
        database_url=SecretStr(database.url),
        database_role="engage_editor",
        api_keys_file=str(keys),
    )
    key = new_key(keys, Scope.ADMIN)
    app, _ = create_app(settings)
    async with served(app) as url, client(url, key) as session:
        yield Catalogue(session, connection, url)


async def test_changes_succeed_after_the_type_of_a_column_changed(
    catalogue: Catalogue,
) -> None:
    async def put_all() -> list[int]:
        body = {"signup_date": "2026-01-01", "country": "AT", "user_segment": "Free"}
        answers = [catalogue.send("PUT", f"users/{number}", body) for number in range(1, 21)]
        answers += [catalogue.send("GET", f"users/{number}") for number in range(1, 3)]
        return [status for status, _ in await asyncio.gather(*answers)]

    await put_all()
    await catalogue.connection.execute("ALTER TABLE users ALTER COLUMN country TYPE varchar(300)")

    assert await put_all() == [200] * 22


async def test_repeated_put_changes_nothing(catalogue: Catalogue) -> None:
    assert (await catalogue.send("PUT", "authors/7", AUTHOR))[0] == 201
    status, first = await catalogue.send("PUT", "posts/42", POST)
    version = await catalogue.version()
    again_status, again = await catalogue.send("PUT", "posts/42", POST)

    assert (status, first["outcome"], first["id"]) == (201, "created", 42)
    assert (again_status, again["outcome"]) == (200, "unchanged")
    assert await catalogue.version() == version
    tags = await catalogue.connection.fetchval("SELECT tags FROM post_metadata")
    assert tags == POST["tags"]


async def test_get_finds_by_number_and_by_external_id(
    catalogue: Catalogue,
) -> None:
    await catalogue.send("PUT", "authors/7", AUTHOR | {"external_id": "ann/lee"})
    user = {"signup_date": "2024-02-29", "user_segment": "reader"}
    number = (await catalogue.send("PUT", "users/r1", user))[1]["id"]
    await catalogue.send("PUT", "posts/42", POST)

    author = {"id": 7, "external_id": "ann/lee"} | AUTHOR
    for identifier in ("7", "ann%2Flee", "ann/lee"):
        assert await catalogue.send("GET", f"authors/{identifier}") == (200, author)
    reader = {"id": number, "external_id": "r1", "country": None} | user
    assert await catalogue.send("GET", f"users/{number}") == (200, reader)
    assert await catalogue.send("GET", "posts/42") == (
        200,
        {"id": 42, "external_id": None, "author": "ann/lee", "content_length": 0}
        | {"has_media": False, "language": "en"}
        | POST
        | {"publish_timestamp": "2026-01-01T08:00:00Z"},
    )


async def test_get_responds_404_with_the_kind_when_nothing_is_found(catalogue: Catalogue) -> None:
    await catalogue.send("PUT", "authors/ann", AUTHOR)
    for path, code in (
        ("authors/1", "unknown_author"),
        ("posts/ann", "unknown_post"),  # that is an author
        ("users/nobody", "unknown_user"),
    ):
        status, problem = await catalogue.send("GET", path)
        assert (status, problem["code"]) == (404, code)
    assert (await catalogue.send("GET", "posts/0\x7f"))[1]["code"] == "invalid_id"
    assert (await catalogue.send("GET", "tags"))[0] == 422


async def test_list_has_pages_in_the_order_of_numbers(catalogue: Catalogue) -> None:
    await catalogue.batch(
        *({"kind": "author", "id": number, **AUTHOR} for number in range(1, 8)),
        {"kind": "author", "id": "ann", **AUTHOR},
        {"kind": "post", "id": 1, **POST},
    )
    pages, target = [], "/catalogue/authors?limit=3"
    while target:
        async with catalogue.session.get(target) as answer:
            assert answer.status == 200
            pages.append([author["external_id"] or author["id"] for author in await answer.json()])
            target = str(answer.links["next"]["url"]) if answer.links else ""

    assert pages == [[1, 2, 3], [4, 5, 6], [7, "ann"]]
    assert await catalogue.send("GET", "users") == (200, [])
    assert (await catalogue.send("GET", "posts?limit=1"))[1][0]["author_id"] == 7
    # SQL can insert posts without metadata.
    insert = "INSERT INTO posts VALUES (5, 7, 'Tech', now(), 'a title', 1, false)"
    await catalogue.connection.execute(insert)
    assert (await catalogue.send("GET", "posts/5"))[1]["tags"] is None
    assert (await catalogue.send("GET", "posts?limit=1001"))[1]["code"] == "invalid_parameter"
    assert (await catalogue.send("GET", "posts?page=2"))[1]["code"] == "unknown_parameter"


async def test_put_replaces_all_fields(catalogue: Catalogue) -> None:
    await catalogue.send("PUT", "authors/7", AUTHOR)
    await catalogue.send("PUT", "posts/42", POST)
    status, changed = await catalogue.send(
        "PUT", "posts/42", {k: v for k, v in POST.items() if k != "tags"} | {"title": "Other"}
    )

    assert (status, changed["outcome"]) == (200, "updated")
    row = await catalogue.connection.fetchrow(
        "SELECT * FROM posts JOIN post_metadata USING (post_id)"
    )
    assert (row["title"], row["tags"], row["is_promoted"]) == ("Other", [], True)


async def test_deleted_post_keeps_its_engagements_and_can_be_restored(
    catalogue: Catalogue,
) -> None:
    await catalogue.send("PUT", "authors/7", AUTHOR)
    await catalogue.send("PUT", "posts/42", POST)
    await catalogue.engage(42)
    status, gone = await catalogue.send("DELETE", "posts/42")

    assert (status, gone["outcome"]) == (200, "deleted")
    assert (await catalogue.send("DELETE", "posts/42"))[0] == 404
    assert await catalogue.connection.fetch(sql.load("orphans").text) == []
    assert await catalogue.connection.fetchval("SELECT views FROM post_totals") == 1
    assert (await catalogue.send("PUT", "posts/42", POST))[1]["outcome"] == "created"
    assert await catalogue.connection.fetchval("SELECT count(*) FROM deleted_posts") == 0


async def test_author_with_posts_cannot_be_deleted(catalogue: Catalogue) -> None:
    await catalogue.send("PUT", "authors/7", AUTHOR)
    await catalogue.send("PUT", "posts/42", POST)

    assert (await catalogue.send("DELETE", "authors/7"))[1]["code"] == "author_has_posts"
    await catalogue.send("DELETE", "posts/42")
    assert (await catalogue.send("DELETE", "authors/7"))[0] == 200


async def test_post_gets_the_number_that_its_events_already_have(catalogue: Catalogue) -> None:
    number = await catalogue.engage("my-first-post", "reader@home")
    orphans = await catalogue.connection.fetch(sql.load("orphans").text)
    await catalogue.send("PUT", "authors/ann", AUTHOR)
    status, made = await catalogue.send(
        "PUT", "posts/my-first-post", {**POST, "author_id": None, "author": "ann"}
    )

    assert [(row["post_id"], row["external_id"]) for row in orphans] == [(number, "my-first-post")]
    assert (status, made["id"], made["external_id"]) == (201, number, "my-first-post")
    assert await catalogue.engage("my-first-post") == number


async def test_number_takes_over_the_events_of_its_external_id(catalogue: Catalogue) -> None:
    old = await catalogue.engage("slug")
    await catalogue.engage(42)
    await catalogue.send("PUT", "authors/7", AUTHOR)
    await catalogue.send("PUT", "posts/42", POST)
    version = await catalogue.version()
    status, _ = await catalogue.send("PUT", "posts/42", {**POST, "external_id": "slug"})
    rows = await catalogue.connection.fetch("SELECT post_id, views FROM post_totals")

    assert status == 200
    assert await catalogue.version() > version
    assert old != 42
    assert [tuple(row) for row in rows] == [(42, 2)]
    assert (
        await catalogue.connection.fetchval("SELECT count(*) FROM engagements WHERE post_id = 42")
        == 2
    )
    assert await catalogue.engage("slug") == 42


async def test_external_id_belongs_to_one_row(catalogue: Catalogue) -> None:
    await catalogue.send("PUT", "authors/7", {**AUTHOR, "external_id": "ann"})
    status, refused = await catalogue.send("PUT", "authors/8", {**AUTHOR, "external_id": "ann"})

    assert (status, refused["code"]) == (409, "external_id_taken")
    assert (await catalogue.send("PUT", "posts/9", {**POST, "external_id": "ann"}))[0] == 201
    status, found = await catalogue.batch(
        {"kind": "author", "id": 9, "external_id": "bob", **AUTHOR},
        {"kind": "author", "id": 10, "external_id": "bob", **AUTHOR},
    )
    assert (status, found["created"]) == (207, 1)
    assert [(e["index"], e["error"]) for e in found["errors"]] == [(1, "external_id_taken")]


async def test_batch_and_consumer_do_not_deadlock_when_they_need_the_same_external_id(
    catalogue: Catalogue,
) -> None:
    await catalogue.engage("old")
    await catalogue.send("PUT", "authors/7", AUTHOR)
    async with catalogue.connection.transaction():
        await ExternalIds().resolve(catalogue.connection, [named_row("another")])
        batch = asyncio.create_task(
            catalogue.batch(
                {"kind": "post", "id": "new", **POST},
                {"kind": "post", "id": 5, "external_id": "old", **POST},
            )
        )
        await until(lambda: catalogue.connection.fetchval(WAITING))
        assert not batch.done()
        await ExternalIds().resolve(catalogue.connection, [named_row("new")])

    status, found = await batch
    assert (status, found["created"]) == (200, 2)


async def test_batch_reports_the_result_of_each_line(catalogue: Catalogue) -> None:
    status, found = await catalogue.batch(
        {"kind": "post", "id": "p1", **POST, "author_id": 7},
        {"kind": "author", "id": 7, **AUTHOR},
        "{",
        {"kind": "post", "id": 5, **POST, "author_id": 99},
        {"kind": "post", "id": 6, "title": 7},
        {"kind": "user", "id": "u", "signup_date": "2026-01-01", "user_segment": "free"},
        {"kind": "tag", "id": 1},
        {"kind": "user", "id": 12345, "delete": True},
        {"kind": "post", "id": "", "author": "ann", "colour": "red", "publish_timestamp": "now"},
    )

    assert (status, found["received"], found["created"]) == (207, 9, 3)
    assert {e["index"]: e["error"] for e in found["errors"]} == {
        2: "malformed_json",
        3: "unknown_author",
        4: "invalid_content",
        6: "invalid_kind",
        7: "unknown_user",
        8: "invalid_id",
    }
    details = {e["index"]: e["detail"] for e in found["errors"]}
    assert all(name in details[4] for name in ("title", "category", "publish_timestamp"))
    for part in ("id: expected", "title: required", "publish_timestamp: expected", "known are"):
        assert part in details[8]
    assert "colour" not in details[8]


async def test_dry_run_reports_the_results_and_changes_nothing(
    catalogue: Catalogue,
) -> None:
    await catalogue.engage("old")
    await catalogue.send("PUT", "authors/7", AUTHOR)
    changes: list[Any] = [
        {"kind": "author", "id": "ann", **AUTHOR},
        {"kind": "author", "id": 7, **AUTHOR, "name": "Other"},
        {"kind": "post", "id": 5, **POST, "external_id": "old"},
        {"kind": "post", "id": 6, **POST, "author_id": 99},
        {"kind": "post", "id": 6},
    ]
    before = await everything(catalogue)
    predicted = await catalogue.batch(*changes, query="?dry_run=1")

    assert await everything(catalogue) == before
    assert predicted == await catalogue.batch(*changes)
    assert await everything(catalogue) != before


async def everything(catalogue: Catalogue) -> list[Any]:
    tables = ("authors", "posts", "external_ids", "post_totals", "catalogue_version")
    return [await catalogue.connection.fetch(f"SELECT * FROM {table}") for table in tables]


async def test_requests_with_a_mistake_are_rejected_and_change_nothing(
    catalogue: Catalogue,
) -> None:
    author, line = json.dumps(AUTHOR), json.dumps({"kind": "author", "id": 7, **AUTHOR})
    as_json, ndjson, text = "application/json", "application/x-ndjson", "text/plain"
    for method, path, body, kind, status, code in (
        ("PUT", "authors/7?dry_run=1", author, as_json, 422, "unknown_parameter"),
        ("POST", "batch?dryrun=1", line, ndjson, 422, "unknown_parameter"),
        ("POST", "batch?dry_run=2", line, ndjson, 422, "invalid_parameter"),
        ("PUT", "authors/7", author, text, 415, "unsupported_media_type"),
        ("POST", "batch", line, text, 415, "unsupported_media_type"),
    ):
        headers = {"Content-Type": kind}
        async with catalogue.session.request(
            method, f"/catalogue/{path}", data=body, headers=headers
        ) as answer:
            assert (answer.status, (await answer.json())["code"]) == (status, code), path
    assert await catalogue.connection.fetchval("SELECT count(*) FROM authors") == 0


async def test_response_to_an_invalid_batch_is_short_and_without_input(
    catalogue: Catalogue,
) -> None:
    wrong = {"kind": "post", "id": 6, "nonsense": 1, "tags": [1] * 100}
    status, found = await catalogue.batch(*[wrong] * 1000)

    assert (status, len(found["errors"])) == (207, 1000)
    text = json.dumps(found)
    assert len(text) < 128 * 1024
    assert "nonsense" not in text


INVALID: tuple[tuple[str, Any, str], ...] = (
    ("posts/1", {**POST, "author_id": 99}, "unknown_author"),
    ("posts/1", {**POST, "external_id": "\ud83d"}, "invalid_body"),
    ("posts/1", {**POST, "content_length": "5"}, "invalid_body"),
    ("authors/1", {**AUTHOR, "joined_date": "20200131"}, "invalid_body"),
    ("posts/1", {**POST, "nonsense": 1}, "invalid_body"),
    ("posts/1", {**POST, "publish_timestamp": "0001-01-01T00:00:00+14:00"}, "invalid_body"),
    ("posts/a%00b", POST, "invalid_id"),
    ("authors/0", [], "invalid_body"),
)


async def test_invalid_authors_posts_and_paths_are_rejected(catalogue: Catalogue) -> None:
    for path, body, code in INVALID:
        status, problem = await catalogue.send("PUT", path, body)
        assert (status, problem["code"]) == (422, code), (path, body)
    for path in ("posts/a%FF", "posts/%ED%A0%BD", "users/%C3"):
        target = URL(f"{catalogue.url}/catalogue/{path}", encoded=True)
        async with catalogue.session.put(target, json=POST) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, "malformed_request")


async def test_external_ids_are_preserved_in_paths_and_lines(catalogue: Catalogue) -> None:
    texts = [text for text in EXTERNAL_IDS if text != "42"]
    for text in texts:
        target = URL(f"{catalogue.url}/catalogue/authors/{quote(text, safe='')}", encoded=True)
        async with catalogue.session.put(target, json=AUTHOR) as answer:
            assert (answer.status, (await answer.json())["external_id"]) == (201, text)
        status, made = await catalogue.batch(
            {"kind": "post", "id": text, **POST, "author_id": None, "author": text},
            {"kind": "author", "id": text, **AUTHOR},
        )
        assert (status, made["created"], made["unchanged"]) == (200, 1, 1), text
        async with catalogue.session.get(target) as answer:
            assert (await answer.json())["external_id"] == text
    stored = await catalogue.connection.fetch("SELECT external_id FROM external_ids")

    assert sorted(row[0] for row in stored) == sorted(texts * 2)


async def test_texts_are_normalised_with_notes(catalogue: Catalogue) -> None:
    await catalogue.send("PUT", "authors/7", AUTHOR)
    untidy = {"title": " a\tb\n", "tags": ["go", "go", "ai"]}
    _, made = await catalogue.send("PUT", "posts/5", POST | untidy)
    status, found = await catalogue.batch(
        {"kind": "post", "id": 6, **POST, "title": ""},
        {"kind": "post", "id": 7, **POST},
        {"kind": "post", "id": 5, **POST, **untidy},
    )
    rows = await catalogue.connection.fetch(
        "SELECT title, tags FROM posts JOIN post_metadata USING (post_id) ORDER BY post_id"
    )

    assert made["notes"] == ["title_normalised", "tags_normalised"]
    assert (status, found["created"], found["unchanged"]) == (200, 2, 1)
    assert found["notes"] == [
        {"index": 0, "notes": ["title_empty"]},
        {"index": 2, "notes": ["title_normalised", "tags_normalised"]},
    ]
    assert [row["title"] for row in rows] == ["a b", "(untitled)", "A title"]
    assert rows[0]["tags"] == ["go", "ai"]


async def test_erased_user_cannot_be_created_again(catalogue: Catalogue) -> None:
    user = {"signup_date": "2024-02-29", "user_segment": "reader", "country": None}
    await catalogue.send("PUT", "users/42", user | {"external_id": "ann"})
    for erased in (42, None), (None, "bob"):
        [work] = await catalogue.connection.fetch(
            "SELECT erasure_id FROM begin_erasure($1, $2, 'a test', NULL)", *erased
        )
        await catalogue.connection.execute("SELECT finish_erasure($1)", work["erasure_id"])

    assert (await catalogue.send("PUT", "users/42", user))[0] == 409
    assert (await catalogue.send("PUT", "users/ann", user))[1]["code"] == "user_erased"
    line = {"kind": "user", "external_id": "bob"} | user
    status, answer = await catalogue.batch(line | {"id": 7}, line | {"id": 8, "external_id": "cy"})
    assert (status, [error["error"] for error in answer["errors"]]) == (207, ["user_erased"])
    users = await catalogue.connection.fetch("SELECT user_id FROM users")
    names = await catalogue.connection.fetch("SELECT external_id FROM external_ids")
    assert [row[0] for row in users] == [8]
    assert [row[0] for row in names] == ["cy"]
