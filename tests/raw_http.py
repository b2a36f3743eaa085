"""HTTP connections on which every byte counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Raw:
    """A connection on which every byte counts."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            await self.writer.drain()
        except (ConnectionResetError, BrokenPipeError):
            pass  # the server has rejected the request already

    async def answers(self) -> list[tuple[int, dict[str, str], bytes]]:
        """Return all responses until the server closes the connection; other bytes fail."""
        found = []
        async with asyncio.timeout(15):
            while response := await self.answer():
                found.append(response)
        return found

    async def answer(self, *, has_body: bool = True) -> tuple[int, dict[str, str], bytes] | None:
        """Return the next response, with its head in lower case; None: closed."""
        if not (head := await self.head()):
            return None
        first, *lines = head.decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        length = int(headers.get("content-length", 0)) if has_body else 0
        return int(first.split(" ")[1]), headers, await self.reader.readexactly(length)

    async def head(self) -> bytes:
        """Return a response's head, or nothing when the server has closed. Half a head fails."""
        try:
            return await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
        except ConnectionResetError:
            pass
        return b""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Raw]:
    """Connect to the server at *url* while the block runs."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Raw(reader, writer)
    finally:
        writer.transport.abort()
