"""ingest: events per second that one worker accepts, with acks=all and API keys.

Floor of batches: an aiokafka producer that sends the same events, encoded before, with send_batch.
Floor of single events: an ASGI app on the same server that reads the body and answers 202. The
client encodes its requests before the measurement, and parses only status and length of responses.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp

from bench.result import Result, at_least
from bench.servers import Servers, running, wait_ready
from bench.traffic import encoded, produce, records
from engage.embedded import ports
from schema.event import Record
from web.auth import Scope, create_key
from web.key_file import add

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
_CONNECTIONS = {1: 128, 100: 16, 1_000: 8}
_SINGLE_SHARE = 5
"""Single events are fewer, so that each size takes about the same time."""


class Worker(NamedTuple):
    """A running ingest worker."""

    url: str
    key: str
    pid: int
    topic: str


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Read the body and answer 202."""
    if scope["type"] != "http":
        return
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


async def run(servers: Servers, *, events: int, rounds: int) -> list[Result]:
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
    """Return the events per second that a worker accepts in bodies of *size* events."""
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


async def _ready(url: str) -> None:
    async with aiohttp.ClientSession(url) as session:
        await wait_ready(session)


@asynccontextmanager
async def worker(servers: Servers) -> AsyncIterator[Worker]:
    """Run an ingest worker with a new key and topic while the block runs."""
    port = ports.pick()
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.json"
        made = create_key(Scope.INGEST)
        add(keys, made.entry)
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
            yield Worker(url, made.plaintext, pid, topic)


def bodies_of(sample: Sequence[Record], size: int) -> list[bytes]:
    """Return request bodies of *size* events."""
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


def posts(url: str, bodies: Sequence[bytes], key: str) -> list[bytes]:
    """Return the requests that POST these JSON bodies to *url*."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode()
    return [b"%b%d\r\n\r\n%b" % (head, len(body), body) for body in bodies]


async def send_all(url: str, requests: Sequence[bytes], connections: int) -> float:
    """Send all requests, one at a time on each connection; return the seconds until all responded.

    Raises RuntimeError when a response is not 202.
    """
    parts = urlsplit(url)
    loop, host = asyncio.get_running_loop(), parts.hostname or ""
    pending = iter(requests)
    clients = [
        (await loop.create_connection(lambda: _Client(pending), host, parts.port or 80))[1]
        for _ in range(connections)
    ]
    began = time.perf_counter()
    for client in clients:
        client.send()
    await asyncio.gather(*(client.done for client in clients))
    return time.perf_counter() - began


class _Client(asyncio.Protocol):
    def __init__(self, pending: Iterator[bytes]) -> None:
        self._pending = pending
        self._answer = b""
        self._transport: asyncio.Transport
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (for the type checker)
        self._transport = transport

    def send(self) -> None:
        """Send the next request, or close the connection after the last one."""
        request = next(self._pending, None)
        if request is not None:
            self._transport.write(request)
            return
        self._transport.close()
        self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(_HEAD_END)
        if not end or len(body) < _length(head):
            return
        if not head.startswith(b"HTTP/1.1 202"):
            self._fail(RuntimeError(f"the response is {head[:40]!r} {body[:200]!r}"))
            return
        self._answer = b""
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or RuntimeError("the server closed the connection"))

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)
        self._transport.close()


def _length(head: bytes) -> int:
    start = head.lower().find(_LENGTH) + len(_LENGTH)
    if start < len(_LENGTH):
        raise RuntimeError(f"a response without Content-Length: {head!r}")
    return int(head[start:].partition(b"\r\n")[0])
