"""Access of web pages to the API, and its own files, over a socket."""

import gzip
import json
import re
from pathlib import Path

import pytest

from analytics_api.app import create_app
from tests.conftest import Database, Kafka
from tests.integration.api.conftest import Api
from tests.serving import api_settings, client, new_key, served
from web.auth import Scope

PAGE = "https://www.example.com"


async def test_only_listed_origins_may_read_reports(
    database: Database, kafka: Kafka, topic: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    key = new_key(keys, Scope.READ)
    app, _ = create_app(
        api_settings(database, kafka, topic, keys, cors_origins=PAGE, client_rate_per_second=100.0)
    )
    async with served(app) as url, client(url, key) as session:
        from_page = {"Origin": PAGE}
        async with session.get("/categories/top", headers=from_page) as answer:
            assert answer.status == 200
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
            assert "Data-As-Of" in answer.headers["Access-Control-Expose-Headers"]
            assert answer.headers["RateLimit-Policy"] == '"client";q=200;w=2'
            known = from_page | {"If-None-Match": answer.headers["ETag"]}
        async with session.get("/categories/top", headers=known) as answer:
            assert answer.status == 304
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
            assert "Origin" in answer.headers.getall("Vary")
        async with session.get("/categories/top?x=1", headers=from_page) as answer:
            assert answer.status == 422
            assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        foreign = {"Origin": "https://other.example"}
        async with session.get("/categories/top", headers=foreign) as answer:
            assert answer.status == 200
            assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("ranges", ["bytes=abc", "bytes=99999999-", "bytes=" + "0-0," * 2000])
async def test_files_are_served_whole_for_any_range(api: Api, ranges: str) -> None:
    page = await (await api.get("/dashboard")).text()
    for path in ("/dashboard", *re.findall(r'"(/static/[^"]+)"', page)):
        async with api.session.get(path) as answer:
            whole = await answer.read()
        async with api.session.get(path, headers={"Range": ranges}) as answer:
            assert (answer.status, await answer.read()) == (200, whole)


async def test_reports_are_compressed_for_clients_that_accept_it(api: Api) -> None:
    path = "/reports/when-to-post"
    sizes = {}
    for accepted in ("gzip", "identity"):
        async with api.session.get(
            path, headers={"Accept-Encoding": accepted}, auto_decompress=False
        ) as answer:
            body = await answer.read()
            sizes[accepted] = len(body)
            assert "Accept-Encoding" in answer.headers["Vary"]
            assert answer.headers.get("Content-Encoding") == (
                "gzip" if accepted == "gzip" else None
            )
            assert len(json.loads(gzip.decompress(body) if accepted == "gzip" else body)) == 168

    assert sizes["gzip"] < sizes["identity"] / 4
