"""A TCP proxy on loopback, in a thread, that delays, resets or drops traffic."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

_CHUNK_BYTES: Final = 65_536
_POLL_SECONDS: Final = 0.02
_CLOSE_TIMEOUT_SECONDS: Final = 20.0
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Mode(StrEnum):
    PASS = "pass"
    BLACKHOLE = "blackhole"
    """Connections stay open, but no byte is forwarded until the mode changes."""
    REFUSE = "refuse"
    """New connections are reset."""


class Action(StrEnum):
    """The treatment of a message that an interception matches."""

    RESET_BEFORE = "reset before"
    """The server does not get it; both connections are reset."""
    RESET_AFTER = "reset after"
    """The server gets it and responds; the client gets a reset in place of the response."""
    DELAY = "delay"
    """The server gets it once the callback has returned, and the client the response."""


@dataclass
class Interception:
    """Acts when a client sends *pattern*.

    Args:
        callback: called in a thread; the message, or the reset, waits until it returns.
        remaining: how many more times it acts.
        every_nth: acts on each nth match only.
        count: how many times it has acted.
    """

    pattern: bytes
    action: Action
    callback: Callable[[], None] = lambda: None
    remaining: int = 1
    every_nth: int = 1
    count: int = 0
    _matches: int = 0

    def applies_to(self, data: bytes) -> bool:
        if not self.remaining or self.pattern not in data:
            return False
        self._matches += 1
        if self._matches % self.every_nth:
            return False
        self.remaining -= 1
        self.count += 1
        return True


@dataclass(eq=False)
class _Connection:
    """A client's connection and its connection to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    reset_after: Interception | None = None


@dataclass
class Proxy:
    """Forwards bytes to a port. Attributes may be changed at any time, from any thread.

    Args:
        delay_seconds: before each chunk, in both directions.
        resets, blocked_chunks, delayed_chunks: how often traffic was disturbed.
    """

    upstream_port: int
    mode: Mode = Mode.PASS
    delay_seconds: float = 0.0
    bytes_per_second: float | None = None
    interception: Interception | None = None
    port: int = 0
    resets: int = 0
    blocked_chunks: int = 0
    delayed_chunks: int = 0

    def __enter__(self) -> Self:
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def restore(self) -> None:
        """Forward everything without delay."""
        self.mode, self.delay_seconds, self.bytes_per_second = Mode.PASS, 0.0, None
        self.interception = None

    def reset_all(self) -> None:
        """Reset every connection."""
        self._loop.call_soon_threadsafe(self._reset_all)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_CLOSE_TIMEOUT_SECONDS)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        self._reset_all()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _reset_all(self) -> None:
        for connection in list(self._connections):
            self._reset(connection)

    def _reset(self, connection: _Connection) -> None:
        self.resets += 1
        for writer in (connection.client, connection.server):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.mode is Mode.REFUSE:
                raise ConnectionRefusedError
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        except OSError:
            _reset(writer)
            return
        connection = _Connection(writer, to_server)
        self._connections.add(connection)
        directions = [
            asyncio.create_task(self._forward_to_server(reader, connection)),
            asyncio.create_task(self._forward_to_client(from_server, connection)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            self._connections.discard(connection)
            connection.client.close()
            connection.server.close()

    async def _forward_to_server(
        self, reader: asyncio.StreamReader, connection: _Connection
    ) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            await self._delay(data)
            found = self.interception
            if found is not None and found.applies_to(data):
                if found.action is Action.RESET_AFTER:
                    connection.reset_after = found
                else:
                    await asyncio.to_thread(found.callback)
                if found.action is Action.RESET_BEFORE:
                    self._reset(connection)
                    return
            connection.server.write(data)
            await connection.server.drain()

    async def _forward_to_client(
        self, reader: asyncio.StreamReader, connection: _Connection
    ) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            await self._delay(data)
            if connection.reset_after is not None:
                await asyncio.to_thread(connection.reset_after.callback)
                self._reset(connection)
                return
            connection.client.write(data)
            await connection.client.drain()

    async def _delay(self, data: bytes) -> None:
        if self.mode is Mode.BLACKHOLE:
            self.blocked_chunks += 1
        while self.mode is Mode.BLACKHOLE:  # noqa: ASYNC110  (set from other threads)
            await asyncio.sleep(_POLL_SECONDS)
        if self.delay_seconds or self.bytes_per_second:
            self.delayed_chunks += 1
            await asyncio.sleep(self.delay_seconds + len(data) / (self.bytes_per_second or 1e12))


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
