"""The metrics port with slow and malformed clients."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from engage.embedded import ports
from runtime.settings import ProcessSettings
from tests.raw_http import connected
from web.body import BODIES
from web.health import MAX_CONNECTIONS, metrics_server

GET = b"GET /healthz HTTP/1.1\r\nHost: engage\r\n"
POST = GET.replace(b"GET", b"POST")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    settings = ProcessSettings(metrics_port=ports.pick())
    async with metrics_server(settings, lambda: None, arrival_timeout_seconds=1.0):
        yield f"http://127.0.0.1:{settings.metrics_port}"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 408),
        (GET + b"X-A: a", 408),
        (POST, 408),
        (GET + b"X-A: b\r\n" * 200 + b"\r\n", 431),
        (GET + b"X-A: " + b"a" * 200_000, 431),
        (GET + b"Host: other\r\n\r\n", 400),
        (GET + b"Connection: close\r\n\r\n", 200),
    ],
)
async def test_metrics_port_closes_slow_and_malformed_connections(
    url: str, sent: bytes, status: int
) -> None:
    async with connected(url) as raw:
        await raw.send(sent)
        [(answered, *_)] = await raw.answers()

    assert answered == status


async def test_metrics_port_holds_no_bodies(url: str) -> None:
    async with connected(url) as raw:
        await raw.send(POST + b"Content-Length: 2000000\r\n\r\n")
        assert (await raw.head()).startswith(b"HTTP/1.1 200 ")
        await raw.send(b"a" * 1_000_000)
        assert BODIES.held_bytes == 0


async def test_metrics_port_limits_its_connections(url: str) -> None:
    async with AsyncExitStack() as held:
        first = await held.enter_async_context(connected(url))
        await first.send(GET + b"\r\n")
        assert (await first.head()).startswith(b"HTTP/1.1 200 ")
        crowd = [await held.enter_async_context(connected(url)) for _ in range(MAX_CONNECTIONS)]
        async with asyncio.timeout(15):
            assert await crowd[-1].head() == b""
