"""ingest: how many events a second does one worker accept, acks=all, keys on?

Floors, with the same client: for batches a bare aiokafka producer sending the same events,
encoded before, with send_batch; for single events a bare ASGI app on the same server that reads
the body and answers 202.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bench.servers import Servers, environment
from bench.table import Result
from bench.traffic import encoded, produce, records
from engage.embedded import ports
from schema.event import Record
from schema.keys import Scope, add, mint

_READY_SECONDS = 20.0
_CONNECTIONS = {1: 128, 100: 16, 1_000: 8}
_SHARE = {1: 10, 100: 1, 1_000: 1}
"""By what the number of events is divided, so that each size takes about as long."""


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Read the body and answer 202: what the server costs without any service."""
    if scope["type"] != "http":
        return
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    await send({"type": "http.response.start", "status": 202, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
    """Measure each size and its floor, interleaved."""
    sample = records(events, 30)
    seen: dict[str, list[float]] = {}
    for _ in range(rounds):
        for size in _CONNECTIONS:
            part = sample[: events // _SHARE[size]]
            seen.setdefault(f"batches of {size:,}", []).append(await _ingest(servers, part, size))
        seen.setdefault("bare producer", []).append(await _bare_producer(servers, sample))
        seen.setdefault("bare ASGI app", []).append(await _bare_app(sample[: events // 10]))
    singles = seen.pop("batches of 1")
    app, producer = seen["bare ASGI app"], seen["bare producer"]
    return [
        Result("bare producer, send_batch", "events/s", producer, producer),
        *(
            Result(f"batches of {n:,}", "events/s", seen[f"batches of {n:,}"], producer)
            for n in (1_000, 100)
        ),
        Result("bare ASGI app, 128 connections", "requests/s", app, app),
        Result("single events, 128 connections", "events/s", singles, app),
    ]


async def _ingest(servers: Servers, sample: Sequence[Record], size: int) -> float:
    port = ports.pick()
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.json"
        minted = mint(Scope.INGEST)
        add(keys, minted.entry)
        settings = environment(
            kafka_bootstrap_servers=servers.bootstrap_servers,
            topic=await servers.topic(),
            port=str(port),
            api_keys_file=str(keys),
            log_level="WARNING",
        )
        async with _process("-m", "ingest_service", env=settings):
            url = f"http://127.0.0.1:{port}"
            await _ready(url)
            return await _send(url, sample, size, minted.plaintext)


async def _bare_app(sample: Sequence[Record]) -> float:
    port = ports.pick()
    options = ("--port", str(port), "--no-access-log", "--log-level", "warning")
    async with _process("-m", "uvicorn", "bench.ingest:bare", *options, env=environment()):
        url = f"http://127.0.0.1:{port}"
        await _ready(url)
        return await _send(url, sample, 1, "none")


async def _bare_producer(servers: Servers, sample: Sequence[Record]) -> float:
    topic = await servers.topic()
    seconds = await produce(servers.bootstrap_servers, topic, encoded(sample))
    return len(sample) / seconds


@asynccontextmanager
async def _process(*arguments: str, env: dict[str, str]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=env)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def _ready(url: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(_READY_SECONDS):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with session.get(f"{url}/readyz") as answer:
                    if answer.status in (200, 202):
                        return
            await asyncio.sleep(0.05)


async def _send(url: str, sample: Sequence[Record], size: int, key: str) -> float:
    """Return events a second, from the first request to the last answer."""
    path, bodies = _bodies(sample, size)
    waiting = iter(bodies)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=0)

    async def client(session: aiohttp.ClientSession) -> None:
        for body in waiting:
            async with session.post(url + path, data=body) as answer:
                await answer.read()
                if answer.status != 202:
                    raise RuntimeError(f"ingest answered {answer.status}")

    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        began = time.perf_counter()
        await asyncio.gather(*(client(session) for _ in range(_CONNECTIONS[size])))
        return len(sample) / (time.perf_counter() - began)


def _bodies(sample: Sequence[Record], size: int) -> tuple[str, list[bytes]]:
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
        return "/events", [json.dumps(event).encode() for event in events]
    parts = (events[start : start + size] for start in range(0, len(events), size))
    return "/events/batch", [json.dumps(part).encode() for part in parts]
