"""Clients that do not read their response are disconnected; slow ones are not."""

import asyncio
import socket
import time
from typing import Any

from tests.serving import served
from web.asgi import ASGIScope, Receive, Send
from web.settings import HttpSettings

ASKING = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNK = b"x" * 65_536
DEADLINE_SECONDS = 1.0
PATIENCE_SECONDS = 15.0


class Endless:
    """An application whose answer has no end; ``ended`` is set when it notices that it may stop."""

    def __init__(self) -> None:
        self.sent = 0
        self.ended = asyncio.Event()

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        leaving = asyncio.ensure_future(_left(receive))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not leaving.done():
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
            self.sent += len(CHUNK)
            await asyncio.sleep(0)
        self.ended.set()


async def _live(receive: Receive, send: Send) -> None:
    for _ in range(2):
        message = await receive()
        await send({"type": f"{message['type']}.complete"})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def connect(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").partition(":")
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((host, int(port)))
    client.setblocking(False)
    return client


async def test_client_that_does_not_read_is_cut_off() -> None:
    app = Endless()
    settings = HttpSettings(arrival_timeout_seconds=DEADLINE_SECONDS)
    async with served(app, settings) as url:
        with connect(url) as client:
            await asyncio.get_running_loop().sock_sendall(client, ASKING)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await app.ended.wait()


async def test_client_that_reads_slowly_is_not() -> None:
    app = Endless()
    settings = HttpSettings(arrival_timeout_seconds=DEADLINE_SECONDS)
    async with served(app, settings) as url:
        with connect(url) as client:
            await asyncio.get_running_loop().sock_sendall(client, ASKING)
            until = time.monotonic() + 3 * DEADLINE_SECONDS
            while time.monotonic() < until:
                await _read(client, 4 * len(CHUNK))
                await asyncio.sleep(DEADLINE_SECONDS / 10)
            assert not app.ended.is_set()


async def _read(client: Any, most: int) -> None:
    taken = 0
    while taken < most:
        taken += len(await asyncio.get_running_loop().sock_recv(client, 65_536))
