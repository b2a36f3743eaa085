"""A connection's way out, on which an answer leaves whole.

uvicorn writes an answer's head and its body one by one. Each write is a system call and wakes
the client; for a single event that costs more than all else that is done to it.
"""

import asyncio
from typing import Any, Final

_STATUS_LINE: Final = b"HTTP/1.1 "
_HEAD_END: Final = b"\r\n\r\n"


class WholeAnswers:
    """A transport that keeps a head until what follows it, or until the loop's next round."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        """Write a head with what comes next, and all else at once."""
        is_head = data.startswith(_STATUS_LINE) and data.endswith(_HEAD_END)
        if is_head and not self._head:
            self._head = data
            self._loop.call_soon(self._flush)
            return
        head, self._head = self._head, b""
        self._transport.write(head + data)

    def close(self) -> None:
        """Close once all is written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
