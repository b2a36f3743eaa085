"""freshness: time from a POST until /engagement/{id} counts the event, under load.

Floor, under the same load: write a record to Kafka, read it, and insert and commit a row.
"""

import asyncio
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.result import Result, at_most
from bench.servers import Servers, connection, p95, stack, start
from engage.stack.layout import StackFile

_GOALS = {500: at_most(100, 50), 2_000: at_most(200, 50)}
_PROBES = 100
_POLL_SECONDS = 0.002
_WARM_SECONDS = 5
_FLOOR_TOPIC = "bench.freshness"
_FIRST_POST = 10**9
_POSTS = 64
# Published in the future, so that the load does not choose them.
_PROBED_POSTS = """
INSERT INTO posts (post_id, author_id, category, publish_timestamp, title, content_length)
SELECT $1::bigint + n, (SELECT min(author_id) FROM authors), 'Tech', now() + interval '1 year',
       'probe', 1
  FROM generate_series(0, $2::int - 1) AS n"""
_FLOOR_TABLE = "CREATE TABLE bench_freshness (at timestamptz, id uuid PRIMARY KEY)"

Probe = Callable[[], Awaitable[None]]


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:  # noqa: ARG001
    results = []
    async with stack() as (folder, found), _probes(found) as (measured, floor):
        for rate, goal in _GOALS.items():
            async with _load(folder, rate, rounds):
                seen: dict[str, list[float]] = {"p50": [], "p95": [], "floor": []}
                for _ in range(rounds):
                    times = await _times(measured)
                    seen["p50"].append(statistics.median(times))
                    seen["p95"].append(p95(times))
                    seen["floor"].append(p95(await _times(floor)))
            case = f"{rate:,} events/s"
            results += [
                Result(f"p95 at {case}", "ms", seen["p95"], seen["floor"], goal),
                Result(f"median at {case}", "ms", seen["p50"], seen["floor"]),
            ]
    return results


async def _times(probe: Probe) -> list[float]:
    times = []
    for _ in range(_PROBES):
        began = time.perf_counter()
        await probe()
        times.append(1e3 * (time.perf_counter() - began))
    return times


@asynccontextmanager
async def _load(folder: str, rate: int, rounds: int) -> AsyncIterator[None]:
    """Send events in batches of 10, as many clients do, while the block runs."""
    events = rate * 60 * rounds
    options = ("--rate", str(rate), "--batch-events", "10", "--no-watch")
    process = await start("load", "--dir", folder, "--events", str(events), *options)
    try:
        await asyncio.sleep(_WARM_SECONDS)
        yield
        if process.returncode is not None:
            raise RuntimeError("the load ended before the measurement")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@asynccontextmanager
async def _probes(found: StackFile) -> AsyncIterator[tuple[Probe, Probe]]:
    async with (
        aiohttp.ClientSession() as session,
        connection(found.database_url) as database,
        _pipe(found.kafka_bootstrap_servers) as (producer, consumer),
    ):
        await database.execute(_FLOOR_TABLE)
        await database.execute(_PROBED_POSTS, _FIRST_POST, _POSTS)
        numbers = count()

        async def measured() -> None:
            times, place = divmod(next(numbers), _POSTS)
            await _until_counted(session, found, _FIRST_POST + place, times + 1)

        async def floor() -> None:
            await producer.send_and_wait(_FLOOR_TOPIC, b"{}")
            await consumer.getone()
            await database.execute("INSERT INTO bench_freshness VALUES (now(), $1)", uuid.uuid4())

        yield measured, floor


async def _until_counted(
    session: aiohttp.ClientSession, found: StackFile, post: int, expected: int
) -> None:
    """POST a post's next event; return when the report counts *expected*."""
    event = {
        "event_id": str(uuid.uuid4()),
        "post_id": post,
        "type": "view",
        "engaged_timestamp": datetime.now(UTC).isoformat(),
    }
    keys = {"Authorization": f"Bearer {found.ingest_key}"}
    async with session.post(f"{found.ingest_url}/events", json=event, headers=keys) as answer:
        answer.raise_for_status()
    keys = {"Authorization": f"Bearer {found.read_key}"}
    while True:
        async with session.get(f"{found.api_url}/engagement/{post}", headers=keys) as answer:
            answer.raise_for_status()
            if (await answer.json())["total_engagements"] == expected:
                return
        await asyncio.sleep(_POLL_SECONDS)


@asynccontextmanager
async def _pipe(bootstrap: str) -> AsyncIterator[tuple[AIOKafkaProducer, AIOKafkaConsumer]]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    consumer = AIOKafkaConsumer(
        _FLOOR_TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest"
    )
    await Servers(bootstrap, "").topic(_FLOOR_TOPIC)
    await producer.start()
    await consumer.start()
    try:
        yield producer, consumer
    finally:
        await consumer.stop()
        await producer.stop()
