"""TLS in front of PostgreSQL, as a server built with it does it: the wheel's is built without."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

_SSL_REQUEST_BYTES = 8
_CHUNK = 65_536


@asynccontextmanager
async def behind_tls(database_url: str, context: ssl.SSLContext) -> AsyncIterator[str]:
    """Yield the URL, without an sslmode, of the same database behind TLS alone."""
    parts = urlsplit(database_url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(_SSL_REQUEST_BYTES)
            writer.write(b"S")
            await writer.start_tls(context)
            server, to_server = await asyncio.open_connection(parts.hostname, parts.port)
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
            return
        pumps = [_pump(reader, to_server), _pump(server, writer)]
        await asyncio.gather(*pumps, return_exceptions=True)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield parts._replace(netloc=f"{parts.username}:{parts.password}@localhost:{port}").geturl()
    finally:
        listener.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
