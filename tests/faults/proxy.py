"""A network that can be made bad: a TCP proxy on loopback, in a thread of its own."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

_CHUNK: Final = 65_536
_LOOK_SECONDS: Final = 0.02
_END_SECONDS: Final = 20.0
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Mode(StrEnum):
    """What becomes of the bytes."""

    PASS = "pass"
    BLACKHOLE = "blackhole"
    """Connections stand and open, but nothing comes through until the mode changes."""
    REFUSE = "refuse"
    """New connections are reset."""


class Spring(StrEnum):
    """What a trap does to the message that it waits for."""

    BEFORE = "before"
    """The server gets nothing of it; both connections are reset."""
    AFTER = "after"
    """The server gets it and answers, which the client never learns: it is reset instead."""
    BESIDE = "beside"
    """The server gets it a little later, and the client the answer."""


@dataclass
class Trap:
    """Springs when a client sends *pattern*.

    Args:
        then: called in a thread; the message, or the reset, waits until it returns.
        left: how many times it springs.
        every: only each so-manieth match counts.
    """

    pattern: bytes
    spring: Spring
    then: Callable[[], None] = lambda: None
    left: int = 1
    every: int = 1
    sprung: int = 0
    _seen: int = 0

    def springs(self, data: bytes) -> bool:
        if not self.left or self.pattern not in data:
            return False
        self._seen += 1
        if self._seen % self.every:
            return False
        self.left -= 1
        self.sprung += 1
        return True


@dataclass(eq=False)
class _Pair:
    """One client's connection and the one to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_cut: Trap | None = None

    def reset(self) -> None:
        for writer in (self.client, self.server):
            _reset(writer)


@dataclass
class Counts:
    """Proof that something was done to the traffic."""

    connections: int = 0
    resets: int = 0
    held_chunks: int = 0
    delayed_chunks: int = 0


@dataclass
class Proxy:
    """Passes bytes to *upstream*; its attributes may be changed at any time, from any thread."""

    upstream_port: int
    mode: Mode = Mode.PASS
    delay_seconds: float = 0.0
    bytes_per_second: float | None = None
    trap: Trap | None = None
    counts: Counts = field(default_factory=Counts)
    port: int = 0

    def __enter__(self) -> Self:
        self._pairs: set[_Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def heal(self) -> None:
        """Be a good network again."""
        self.mode, self.delay_seconds, self.bytes_per_second = Mode.PASS, 0.0, None
        self.trap = None

    def reset_all(self) -> None:
        """Reset every connection there is."""
        self._loop.call_soon_threadsafe(self._reset_all)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_END_SECONDS)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        self._reset_all()
        mine = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not mine]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _reset_all(self) -> None:
        for pair in list(self._pairs):
            self.counts.resets += 1
            pair.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.counts.connections += 1
        if self.mode is Mode.REFUSE:
            _reset(writer)
            return
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        except OSError:
            _reset(writer)
            return
        pair = _Pair(writer, to_server)
        self._pairs.add(pair)
        pumps = [
            asyncio.create_task(self._upwards(reader, pair)),
            asyncio.create_task(self._downwards(from_server, pair)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._pairs.discard(pair)
            pair.client.close()
            pair.server.close()

    async def _upwards(self, reader: asyncio.StreamReader, pair: _Pair) -> None:
        while data := await reader.read(_CHUNK):
            await self._hold_up(data)
            trap = self.trap
            if trap is not None and trap.springs(data):
                if trap.spring is Spring.AFTER:
                    pair.is_cut = trap
                else:
                    await asyncio.to_thread(trap.then)
                if trap.spring is Spring.BEFORE:
                    self._cut(pair)
                    return
            pair.server.write(data)
            await pair.server.drain()

    async def _downwards(self, reader: asyncio.StreamReader, pair: _Pair) -> None:
        while data := await reader.read(_CHUNK):
            await self._hold_up(data)
            if pair.is_cut is not None:
                await asyncio.to_thread(pair.is_cut.then)
                self._cut(pair)
                return
            pair.client.write(data)
            await pair.client.drain()

    def _cut(self, pair: _Pair) -> None:
        self.counts.resets += 1
        pair.reset()

    async def _hold_up(self, data: bytes) -> None:
        if self.mode is Mode.BLACKHOLE:
            self.counts.held_chunks += 1
        while self.mode is Mode.BLACKHOLE:  # noqa: ASYNC110  (set from other threads)
            await asyncio.sleep(_LOOK_SECONDS)
        if self.delay_seconds or self.bytes_per_second:
            self.counts.delayed_chunks += 1
            await asyncio.sleep(self.delay_seconds + len(data) / (self.bytes_per_second or 1e12))


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
