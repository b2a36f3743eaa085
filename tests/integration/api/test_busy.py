"""Slow reports of one API key leave everything else in order, and end with their clients."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.conftest import Database, Kafka
from tests.integration.api.conftest import Api, serving
from tests.serving import client, new_key
from tests.waiting import until
from web.auth import Scope

SLOW = "/reports/overview?period=365d&category=slow{}"
QUICK = "/reports/overview?period=7d&category={}"
_ACTIVE = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = 'engage-api'
   AND state = 'active' AND query LIKE '%matching_posts%'"""


async def slow_down(connection: Any) -> None:
    """Have reports about categories called slow... take ten minutes."""
    given, found = await connection.fetchrow(
        "SELECT pg_get_function_arguments(oid), pg_get_function_result(oid)"
        " FROM pg_proc WHERE proname = 'matching_posts'"
    )
    await connection.execute("ALTER FUNCTION matching_posts RENAME TO matching_posts_quickly")
    await connection.execute(
        f"CREATE FUNCTION matching_posts({given}) RETURNS {found} LANGUAGE plpgsql AS $$ BEGIN"
        " IF $1 LIKE 'slow%' THEN PERFORM pg_sleep(600); END IF;"
        " RETURN QUERY SELECT * FROM matching_posts_quickly($1, $2, $3, $4); END $$"
    )


class Busy:
    """A read API with slow reports, and two of its keys."""

    def __init__(self, api: Api, first: aiohttp.ClientSession, second: Any) -> None:
        self.api, self.first, self.second = api, first, second

    async def active(self) -> int:
        return int(await self.api.connection.fetchval(_ACTIVE))

    async def is_idle(self) -> bool:
        return await self.active() == 0

    def ask(self, number: int, session: Any = None) -> "asyncio.Task[tuple[int, Any, Any]]":
        return asyncio.create_task(get(session or self.first, SLOW.format(number)))


async def get(session: aiohttp.ClientSession, path: str) -> tuple[int, Any, Any]:
    async with session.get(path) as answer:
        return answer.status, answer.headers, await answer.json()


@pytest.fixture
async def busy(api: Api, database: Database, kafka: Kafka, topic: str) -> AsyncIterator[Busy]:
    await slow_down(api.connection)
    key = new_key(api.keys, Scope.READ)
    served = serving(api.connection, database, kafka, topic, api.keys, queries_per_key=10)
    async with served as first, client(first.url, key) as second:
        yield Busy(api, first.session, second)


async def test_reports_are_cancelled_in_postgresql_when_their_clients_disconnect(
    busy: Busy,
) -> None:
    asked = [busy.ask(number) for number in range(8)]
    await until(busy.active)
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)

    await until(busy.is_idle)
    # None of those that waited for a connection begins either.
    await asyncio.sleep(0.5)
    assert await busy.active() == 0


async def test_report_is_not_cancelled_while_another_client_waits(busy: Busy) -> None:
    asked = [busy.ask(1), busy.ask(1, busy.second)]
    await until(busy.active)
    asked[0].cancel()
    await asyncio.gather(asked[0], return_exceptions=True)
    await asyncio.sleep(0.5)

    assert await busy.active() == 1
    asked[1].cancel()
    await until(busy.is_idle)


async def test_slow_reports_of_one_key_do_not_affect_others(busy: Busy) -> None:
    assert (await get(busy.first, QUICK.format("Tech")))[0] == 200
    asked = [busy.ask(number) for number in range(30)]
    await until(busy.active)
    await until(lambda: sum(each.done() for each in asked) >= 20)
    refused = [found for each in asked if each.done() and (found := await each)[0] == 429]

    assert len(refused) == 20
    assert {body["code"] for _, _, body in refused} == {"too_many_reports"}
    assert all(int(headers["Retry-After"]) > 0 for _, headers, _ in refused)
    # The key's cached response, another key's report, live numbers and health.
    assert (await get(busy.first, QUICK.format("Tech")))[0] == 200
    for path in (QUICK.format("Health"), "/engagement/1", "/live", "/ops/ledger"):
        assert (await get(busy.second, path))[0] == 200, path
    async with busy.second.get("/readyz") as answer:
        assert answer.status == 200
    for each in asked:
        each.cancel()
    await until(busy.is_idle)


async def test_report_asks_to_retry_when_it_takes_too_long(busy: Busy) -> None:
    found = [await each for each in [busy.ask(1), busy.ask(2)]]

    codes = {(status, body["code"]) for status, _, body in found}
    assert codes <= {(503, "report_pending"), (503, "reports_busy")}
    assert all(int(headers["Retry-After"]) > 0 for _, headers, _ in found)
