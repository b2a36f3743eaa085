"""An HTTP client that costs as little as one can: the machine should serve, not ask.

Requests are bytes made before the clock starts; an answer is read no further than its status and
its length.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


def posts(url: str, bodies: Sequence[bytes], key: str) -> list[bytes]:
    """Return the requests that POST these JSON bodies to *url*."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode()
    return [b"%b%d\r\n\r\n%b" % (head, len(body), body) for body in bodies]


async def send_all(url: str, requests: Sequence[bytes], connections: int) -> float:
    """Send all requests, the next one on a connection once the last is answered.

    Returns:
        The seconds from the first request to the last answer.

    Raises:
        RuntimeError: an answer was not 202.
    """
    parts = urlsplit(url)
    loop, host = asyncio.get_running_loop(), parts.hostname or ""
    waiting = iter(requests)
    clients = [
        (await loop.create_connection(lambda: _Client(waiting), host, parts.port or 80))[1]
        for _ in range(connections)
    ]
    began = time.perf_counter()
    for client in clients:
        client.send()
    await asyncio.gather(*(client.done for client in clients))
    return time.perf_counter() - began


class _Client(asyncio.Protocol):
    def __init__(self, waiting: Iterator[bytes]) -> None:
        self._waiting = waiting
        self._answer = b""
        self._transport: asyncio.Transport
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (for the type checker)
        self._transport = transport

    def send(self) -> None:
        """Send the next request; close when there is none."""
        request = next(self._waiting, None)
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
            self._fail(RuntimeError(f"answered {head[:40]!r} {body[:200]!r}"))
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
        raise RuntimeError(f"an answer without a length: {head!r}")
    return int(head[start:].partition(b"\r\n")[0])
