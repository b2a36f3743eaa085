"""Connections of slow, malformed and too many clients."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.conftest import Kafka
from tests.ingesting import Ingest, event, ingesting
from tests.raw_http import connected
from tests.serving import new_key
from web.auth import Scope

PAGE = "https://www.example.com"
ARRIVAL_TIMEOUT_SECONDS = 1.0
CUT_OFF_SECONDS = 5.0
FILES = 160


@pytest.fixture
async def ingest(kafka: Kafka, topic: str, tmp_path: Path) -> AsyncIterator[Ingest]:
    async with ingesting(
        kafka,
        topic,
        tmp_path / "keys.json",
        arrival_timeout_seconds=ARRIVAL_TIMEOUT_SECONDS,
        cors_origins=PAGE,
    ) as running:
        yield running


def post(ingest: Ingest, *headers: str, body: bytes = b"", origin: str = PAGE) -> bytes:
    lines = [
        "POST /events HTTP/1.1",
        "Host: engage",
        f"Authorization: Bearer {ingest.key}",
        f"Origin: {origin}",
        "Content-Type: application/json",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def whole(ingest: Ingest, *headers: str) -> bytes:
    body = json.dumps(event()).encode()
    return post(ingest, f"Content-Length: {len(body)}", *headers, body=body)


GET = b"GET /healthz HTTP/1.1\r\nHost: engage\r\n"


async def test_page_can_read_the_rejection_of_its_request_and_others_cannot(
    ingest: Ingest,
) -> None:
    for origin, allowed in ((PAGE, PAGE), ("https://other.example", None)):
        async with connected(ingest.url) as raw:
            await raw.send(post(ingest, "Transfer-Encoding: chunked", body=b"zz", origin=origin))
            [(status, answered, _)] = await raw.answers()
        assert status == 400
        assert answered.get("access-control-allow-origin") == allowed
        assert answered["vary"] == "origin"


@pytest.mark.parametrize("malformed", [b"no HTTP\r\n\r\n", None], ids=["head", "chunk"])
async def test_requests_in_one_packet_are_served_up_to_the_first_malformed_one(
    ingest: Ingest, malformed: bytes | None
) -> None:
    malformed = malformed or post(ingest, "Transfer-Encoding: chunked", body=b"zz\r\n")
    async with connected(ingest.url) as raw:
        await raw.send(whole(ingest) + whole(ingest) + malformed + whole(ingest))
        answers = await raw.answers()

    assert [status for status, *_ in answers] == [202, 202]
    assert len(await ingest.records()) == 2


async def test_connection_stays_open_after_a_rejected_event_and_after_large_batches(
    ingest: Ingest,
) -> None:
    rejected = post(ingest, "Content-Length: 2", body=b"{}")
    body = json.dumps([event() for _ in range(1000)]).encode()
    assert len(body) > 100_000
    batch = post(ingest, f"Content-Length: {len(body)}", body=body).replace(
        b"/events ", b"/events/batch ", 1
    )
    async with connected(ingest.url) as raw:
        await raw.send(rejected + batch + batch + whole(ingest, "Connection: close"))
        answers = await raw.answers()

    assert [status for status, *_ in answers] == [422, 202, 202, 202]


@pytest.mark.parametrize(
    ("start", "drip"),
    [
        pytest.param(b"", b"", id="silence"),
        pytest.param(b"POST /events HTTP/1.1\r\nX-A: ", b"a", id="head"),
        pytest.param(None, b" ", id="body"),
        pytest.param(None, b"", id="body one byte short"),
    ],
)
async def test_slow_clients_are_cut_off_while_others_are_served(
    ingest: Ingest, start: bytes | None, drip: bytes
) -> None:
    opening = post(ingest, "Content-Length: 500", body=b"{") if start is None else start

    async def send_slowly() -> tuple[float, list[int]]:
        began = time.monotonic()
        async with connected(ingest.url) as raw:
            await raw.send(opening)
            answering = asyncio.create_task(raw.answers())
            while not answering.done():
                if drip and not raw.writer.is_closing():
                    raw.writer.write(drip)
                await asyncio.wait([answering], timeout=0.2)
            statuses = [status for status, *_ in await answering]
        return time.monotonic() - began, statuses

    slow = [asyncio.create_task(send_slowly()) for _ in range(100)]
    latencies = []
    while not all(task.done() for task in slow):
        latencies.append(await request_seconds(ingest))

    assert len(latencies) > 5
    # The maximum depends on the machine.
    assert sorted(latencies)[int(len(latencies) * 0.9)] < 1.0
    for seconds, statuses in await asyncio.gather(*slow):
        assert ARRIVAL_TIMEOUT_SECONDS <= seconds < CUT_OFF_SECONDS
        assert statuses == [408]
    assert len(await ingest.records()) == len(latencies)


async def request_seconds(ingest: Ingest) -> float:
    began = time.monotonic()
    status, *_ = await ingest.post("/events", event())
    assert status == 202
    return time.monotonic() - began


async def test_requests_of_clients_that_disconnect_are_discarded(ingest: Ingest) -> None:
    for _ in range(50):
        async with connected(ingest.url) as raw:
            await raw.send(post(ingest, "Content-Length: 500", body=b"{"))

    assert (await ingest.post("/events", event()))[0] == 202
    assert len(await ingest.records()) == 1


@asynccontextmanager
async def process(
    kafka: Kafka, topic: str, keys: Path, files: int = FILES, **settings: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run the service as a process; yield it and its URL."""
    given = {
        "ENGAGE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "ENGAGE_TOPIC": topic,
        "ENGAGE_API_KEYS_FILE": str(keys),
    }
    with socket.create_server(("127.0.0.1", 0)) as listener:
        given["ENGAGE_LISTEN_FD"] = str(listener.fileno())
        service = await asyncio.create_subprocess_exec(
            *("sh", "-c", f'ulimit -n {files}; exec "$0" -m ingest_service', sys.executable),
            env=os.environ | given | settings,
            pass_fds=[listener.fileno()],
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield service, url
    finally:
        if service.returncode is None:
            service.kill()
            await service.wait()


async def test_service_keeps_files_for_itself_when_too_many_clients_connect(
    kafka: Kafka, topic: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    key = new_key(keys, Scope.INGEST)
    async with process(kafka, topic, keys) as (_, url), AsyncExitStack() as held:
        ingest = Ingest(None, url, kafka, topic, keys, key)  # type: ignore[arg-type]
        first = await held.enter_async_context(connected(url))
        await first.send(GET + b"\r\n")
        await first.reader.readuntil(b"\r\n\r\n")
        crowd = [await held.enter_async_context(connected(url)) for _ in range(200)]
        async with asyncio.timeout(20):
            assert await crowd[-1].head() == b""  # closed immediately
        await first.send(whole(ingest))
        async with asyncio.timeout(20):
            assert b" 202 " in await first.reader.readuntil(b"\r\n")


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
async def test_unfinished_bodies_take_bounded_memory_and_others_are_served(
    kafka: Kafka, topic: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    key = new_key(keys, Scope.INGEST)
    settings = {"files": 600, "ENGAGE_MAX_BUFFERED_BODY_BYTES": str(2**25)}
    async with process(kafka, topic, keys, **settings) as (service, url), AsyncExitStack() as held:  # type: ignore[arg-type]
        ingest = Ingest(None, url, kafka, topic, keys, key)  # type: ignore[arg-type]
        good = await held.enter_async_context(connected(url))
        await good.send(whole(ingest))
        assert b" 202 " in await good.head()
        await good.reader.readuntil(b"}")
        before = resident_bytes(service.pid)
        body = b"[" + b" " * (2**20 - 2)
        unfinished = post(ingest, f"Content-Length: {2**20}", body=body).replace(
            b"/events ", b"/events/batch ", 1
        )
        crowd = [await held.enter_async_context(connected(url)) for _ in range(300)]
        await asyncio.gather(*(each.send(unfinished) for each in crowd))
        await asyncio.sleep(2)  # until the service has read what it accepts
        await good.send(whole(ingest, "Connection: close"))
        assert b" 202 " in (await good.head())[:20]
        grown = resident_bytes(service.pid) - before
        answers = await asyncio.gather(*(each.answers() for each in crowd))

    assert grown < 80_000_000
    statuses = {status for answer in answers for status, *_ in answer}
    assert statuses == {408, 503}
    assert any(headers.get("retry-after") for answer in answers for _, headers, _ in answer)


async def test_shutdown_does_not_wait_for_an_incomplete_body(
    kafka: Kafka, topic: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    key = new_key(keys, Scope.INGEST)
    async with process(kafka, topic, keys, ENGAGE_SHUTDOWN_TIMEOUT_SECONDS="6") as (service, url):
        ingest = Ingest(None, url, kafka, topic, keys, key)  # type: ignore[arg-type]
        async with connected(url) as half, connected(url) as good, asyncio.timeout(60):
            await half.send(post(ingest, "Content-Length: 500", body=b"{"))
            # After its response, the incomplete body has been read, too.
            await good.send(GET + b"\r\n")
            await good.reader.readuntil(b"\r\n\r\n")
            began = time.monotonic()
            service.send_signal(signal.SIGTERM)
            assert await service.wait() == 0

    assert time.monotonic() - began < 6
