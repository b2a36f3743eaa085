"""ingest: how many events a second does one worker accept, acks=all, keys on?

Floors, with the same client: for batches a bare aiokafka producer sending the same events,
encoded before, with send_batch; for single events a bare ASGI app on the same server that reads
the body and answers 202.
"""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from bench.processes import running
from bench.result import Result, at_least
from bench.servers import Servers
from bench.traffic import encoded, produce, records
from bench.wire import posts, send_all
from engage.embedded import ports
from schema.event import Record
from schema.http.keys import Scope, add, mint

_READY_SECONDS = 20.0
_CONNECTIONS = {1: 128, 100: 16, 1_000: 8}
_SINGLE_SHARE = 5
"""Single events are fewer, so that each size takes about as long."""


class Worker(NamedTuple):
    """A running ingest worker."""

    url: str
    key: str
    pid: int
    topic: str


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Read the body and answer 202: what the server costs without any service."""
    if scope["type"] != "http":
        return
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    """Measure each size and its floor, interleaved."""
    sample = records(events, 30)
    fewer = sample[: events // _SINGLE_SHARE]
    bodies = {size: bodies_of(sample if size > 1 else fewer, size) for size in _CONNECTIONS}
    entries = encoded(sample)
    seen: dict[int, list[float]] = {size: [] for size in _CONNECTIONS}
    producer: list[float] = []
    app: list[float] = []
    for _ in range(rounds):
        for size in _CONNECTIONS:
            seen[size].append(await _ingest(servers, bodies[size], size))
        topic = await servers.topic()
        seconds = await produce(servers.bootstrap_servers, topic, entries)
        producer.append(len(sample) / seconds)
        app.append(await _bare_app(bodies[1]))
    return [
        Result("bare producer, send_batch", "events/s", producer, producer),
        Result("batches of 1,000", "events/s", seen[1_000], producer, at_least(0.25, 0.3)),
        Result("batches of 100", "events/s", seen[100], producer, at_least(0.12, 0.15)),
        Result("bare ASGI app, 128 connections", "requests/s", app, app),
        Result("single events, 128 connections", "events/s", seen[1], app, at_least(0.3, 0.4)),
    ]


async def _ingest(servers: Servers, bodies: Sequence[bytes], size: int) -> float:
    async with worker(servers) as running_worker:
        return await accepted(running_worker, bodies, size)


async def accepted(to: Worker, bodies: Sequence[bytes], size: int) -> float:
    """Return the events a second that a worker accepts in bodies of *size* events."""
    path = "/events" if size == 1 else "/events/batch"
    requests = posts(to.url + path, bodies, to.key)
    return len(bodies) * size / await send_all(to.url, requests, _CONNECTIONS[size])


async def _bare_app(bodies: Sequence[bytes]) -> float:
    port = ports.pick()
    options = ("--port", str(port), "--no-access-log", "--log-level", "warning")
    async with running("-m", "uvicorn", "bench.ingest:bare", *options):
        url = f"http://127.0.0.1:{port}"
        await _ready(url)
        seconds = await send_all(url, posts(url + "/events", bodies, "none"), _CONNECTIONS[1])
        return len(bodies) / seconds


@asynccontextmanager
async def worker(servers: Servers) -> AsyncIterator[Worker]:
    """Run an ingest worker with a key and a topic of its own while the block runs."""
    port = ports.pick()
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.json"
        minted = mint(Scope.INGEST)
        add(keys, minted.entry)
        topic = await servers.topic()
        settings = {
            "kafka_bootstrap_servers": servers.bootstrap_servers,
            "topic": topic,
            "port": str(port),
            "api_keys_file": str(keys),
            "log_level": "WARNING",
        }
        async with running("-m", "ingest_service", **settings) as pid:
            url = f"http://127.0.0.1:{port}"
            await _ready(url)
            yield Worker(url, minted.plaintext, pid, topic)


async def _ready(url: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(_READY_SECONDS):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with session.get(f"{url}/readyz") as answer:
                    if answer.status in (200, 202):
                        return
            await asyncio.sleep(0.05)


def bodies_of(sample: Sequence[Record], size: int) -> list[bytes]:
    """Return the events as clients send them: bodies of *size* events, one each for size 1."""
    events = [
        {
            "event_id": str(record.event_id),
            "post_id": record.post_id,
            "type": record.type,
            "engaged_timestamp": record.engaged_timestamp.isoformat(),
            "user_id": record.user_id,
        }
        for record in sample
    ]
    if size == 1:
        return [json.dumps(event).encode() for event in events]
    whole = len(events) // size * size
    parts = (events[start : start + size] for start in range(0, whole, size))
    return [json.dumps(part).encode() for part in parts]
