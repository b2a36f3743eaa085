"""``GET /live`` on a real socket: streams, polls, and how streams end."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import asyncpg
import pytest

from analytics_api.live.broadcast import CLIENTS
from analytics_api.live.poller import READS
from tests.backends import Backend
from tests.conftest import Database, Kafka
from tests.integration.api.conftest import Api, row, serving
from tests.serving import client, new_key
from tests.waiting import until
from web.auth import Scope, read_keys
from web.key_file import revoke

STREAM = {"Accept": "text/event-stream"}
TIMEOUT_SECONDS = 30.0


@dataclass
class Listening:
    """An open stream."""

    answer: aiohttp.ClientResponse
    ids: list[str] = field(default_factory=list)

    async def block(self) -> str:
        """Return the next lines up to an empty one, heartbeats included; empty: it ended."""
        lines = []
        while (line := (await self.answer.content.readline()).decode()) not in ("\n", ""):
            lines.append(line)
        return "".join(lines)

    async def received(self, text: str) -> str:
        """Return the next block with *text* in it."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while text not in (block := await self.block()):
                assert block, "the stream ended"
        return block

    async def ended(self) -> None:
        """Wait until the stream ends in order."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while await self.block():
                pass

    async def event(self) -> Any:
        """Return the data of the next event named live."""
        block = await self.received("event: live")
        facts = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        self.ids.append(facts["id"])
        return json.loads(facts["data"])


@asynccontextmanager
async def listening(session: aiohttp.ClientSession, **headers: str) -> AsyncIterator[Listening]:
    async with session.get("/live", headers=STREAM | headers) as answer:
        assert answer.status == 200, await answer.text()
        yield Listening(answer)


async def test_event_shows_in_an_open_stream(api: Api) -> None:
    async with listening(api.session) as stream:
        assert stream.answer.content_type == "text/event-stream"
        assert (await stream.event())["top_posts"] == []
        await api.store([row(3), row(3, "like"), row(4)])
        found = await stream.event()
        while sum(found["seconds"]) < 3:
            found = await stream.event()

    assert [(p["post_id"], p["total_engagements"]) for p in found["top_posts"]] == [(3, 2), (4, 1)]
    assert found["top_posts"][0]["title"] == "Post 3"
    assert found["events_per_second"] == pytest.approx(0.3)
    assert found["pipeline"]["stored"] == 3
    assert len(found["seconds"]) == 60


async def test_head_of_a_stream_ends_without_a_subscriber(api: Api) -> None:
    for _ in range(2):  # on the same connection
        async with api.session.head("/live", headers=STREAM) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        assert answer.content_type == "text/event-stream"
    await until(lambda: not CLIENTS._value.get())


async def test_stream_resumes_after_the_last_message(api: Api) -> None:
    async with listening(api.session) as stream:
        await stream.event()
        await api.store([row(1)])
        await stream.event()
        first, last = stream.ids
        async with listening(api.session, **{"Last-Event-ID": first}) as other:
            await other.event()
            assert other.ids == [last]
        async with listening(api.session, **{"Last-Event-ID": last}) as third:
            await api.store([row(2)])
            await third.event()
            assert third.ids[0] not in (first, last)


async def test_live_state_can_be_polled_and_answers_304(api: Api) -> None:
    await api.store([row(5, "share")])
    answer = await api.get("/live")
    found = await answer.json()
    assert found["top_posts"][0]["shares"] == 1

    deadline = time.monotonic() + TIMEOUT_SECONDS
    etag = ""
    while answer.status == 200:  # while the seconds pass, something changes
        assert time.monotonic() < deadline
        etag = answer.headers["ETag"]
        answer = await api.get("/live", **{"If-None-Match": etag})
    assert (answer.status, answer.headers["ETag"]) == (304, etag)
    table = await (await api.get("/live?format=csv")).text()
    assert table.splitlines()[0].startswith("views,likes,comments,shares,total_engagements,post_id")


async def test_many_streams_share_one_query_per_second(api: Api) -> None:
    async with AsyncExitStack() as opened:
        streams = [await opened.enter_async_context(listening(api.session)) for _ in range(50)]
        before = READS._value.get()
        await api.store([row(7)])
        began_at = time.monotonic()
        for stream in streams:
            while not (await stream.event())["top_posts"]:
                pass
        took_seconds = time.monotonic() - began_at

    assert len({stream.ids[-1] for stream in streams}) == 1
    assert READS._value.get() - before <= took_seconds + 2


async def test_stream_ends_when_its_key_is_revoked(api: Api) -> None:
    key = new_key(api.keys, Scope.READ)
    [*_, entry] = read_keys(api.keys)
    async with client(api.url, key) as session:

        async def is_accepted() -> bool:
            async with session.get("/live") as answer:
                return answer.status == 200

        await until(is_accepted)
        async with listening(session) as stream, listening(api.session) as other:
            await stream.event()
            assert revoke(api.keys, entry.key_id)
            await stream.ended()
            assert await other.block()


async def test_streams_beyond_the_limit_are_rejected_and_polls_are_not(
    api: Api, database: Database, kafka: Kafka, topic: str
) -> None:
    serve = serving(api.connection, database, kafka, topic, api.keys, live_clients=1)
    async with serve as other:
        session = other.session
        async with listening(session):
            async with session.get("/live", headers=STREAM) as refused:
                problem = await refused.json()
                assert (refused.status, problem["code"]) == (503, "too_many_streams")
                assert refused.headers["Retry-After"] == "10"
            async with session.get("/live") as polled:
                assert polled.status == 200
        await until(lambda: not CLIENTS._value.get())
        async with listening(session) as stream:
            assert await stream.event()


async def test_open_streams_end_with_the_service(
    api: Api, database: Database, kafka: Kafka, topic: str
) -> None:
    async with (
        serving(api.connection, database, kafka, topic, api.keys) as other,
        listening(other.session) as stream,
    ):
        await stream.event()
        leaving_at = time.monotonic()
    took_seconds = time.monotonic() - leaving_at

    assert took_seconds < 8, "the shutdown's own deadline had to end the streams"


async def test_stream_and_poll_report_that_postgresql_is_unavailable(
    api: Api, servers: Backend
) -> None:
    name = await api.connection.fetchval("SELECT current_database()")
    operator = await asyncpg.connect(servers.database_url)
    async with listening(api.session) as stream:
        await stream.event()
        await operator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await operator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = $1 AND application_name = 'engage-api'",
            name,
        )
        await stream.received("event: away")
        assert (await api.get("/live")).status == 503
        await operator.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert await stream.event()
    await operator.close()
