"""One HTTP connection: what must hold before a request reaches the application.

uvicorn gives a client all the time and memory it wants for its headers, and all the time for
its body. Here a request has to arrive whole within a deadline, its head within a size, and
what cannot be parsed is answered with a problem document like any other error.
"""

import asyncio
import re
import sys
from collections.abc import Iterable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from schema.http.edge import Edge
from schema.http.problems import CONTENT_TYPE, Problem
from schema.http.whole_answers import WholeAnswers

MAX_HEAD_BYTES: Final = 64 * 1024
"""Most bytes of a head that is not complete; the edge judges complete ones more strictly."""


MAX_URL_BYTES: Final = 16 * 1024
"""Most bytes of a target; the edge judges shorter ones more strictly."""
_OWN_FILES: Final = 64
_FRAMING: Final = (b"content-length", b"transfer-encoding")
_UPGRADE: Final = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)


def _most_connections() -> int:
    """Return how many clients may be connected: as many as there may be open files, but a few."""
    try:
        import resource  # noqa: PLC0415  (absent on Windows)
    except ImportError:
        return sys.maxsize
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if files == resource.RLIM_INFINITY else max(1, files - _OWN_FILES)


MOST_CONNECTIONS: Final = _most_connections()
"""Further ones are closed at once, until some of these end or are cut off."""


class Connection(HttpToolsProtocol):
    """One client's connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # None while no request is on its way in.
        self._began_at: float | None = self.loop.time()
        self._is_between = True
        self._is_in_head = True
        self._head_bytes = 0
        self._heads = 0
        self._is_refused = False
        self._previous: RequestResponseCycle | None = None
        # None while the client takes what it is sent.
        self._stalled_at: float | None = None

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless the connection is given up already."""
        if self._is_refused:
            return
        was_in_head, heads = self._is_in_head, self._heads
        if self._is_between:
            data = _tolerated(data)
        super().data_received(data)
        if was_in_head and self._is_in_head and self._heads == heads:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(Problem(431, "headers_too_large", "the headers are too large"))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Close at once what would leave the process no files for its own connections."""
        super().connection_made(WholeAnswers(transport, self.loop))  # type: ignore[arg-type]
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()

    def on_message_begin(self) -> None:
        """Start a request's clock."""
        super().on_message_begin()
        self._is_between = False
        self._began_at = self.loop.time()

    def on_url(self, url: bytes) -> None:
        """Collect the target, which may come in pieces; the parser gives up on long ones."""
        super().on_url(url)
        if len(self.url) > MAX_URL_BYTES:
            self._refuse(Problem(414, "target_too_long", "the request target is too long"))
            raise ValueError  # ends the parsing

    def on_headers_complete(self) -> None:
        """Hand the request over; its body may still be on the way."""
        self._is_in_head = False
        self._head_bytes = 0
        self._heads += 1
        self._previous = self.cycle
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the request's clock."""
        super().on_message_complete()
        self._began_at = None
        self._is_between = True
        self._is_in_head = True

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  (uvicorn's signature)
        """Answer what is not HTTP."""
        if self._is_refused:
            return
        self._refuse(Problem(400, "malformed_request", "this is not a valid HTTP request"))

    def pause_writing(self) -> None:
        """Note that the client does not take its answer."""
        super().pause_writing()
        self._stalled_at = self.loop.time()

    def resume_writing(self) -> None:
        """Note that it takes it again."""
        super().resume_writing()
        self._stalled_at = None

    def expire(self, began_before: float) -> None:
        """Give up a request, or an answer, that began to wait for the client before this moment.

        A request gets an answer that says so; of an answer that is not read nothing can be said.
        """
        if self._stalled_at is not None and self._stalled_at < began_before:
            self.transport.abort()
            return
        if self._began_at is not None and self._began_at < began_before:
            self._began_at = None
            self._refuse(Problem(408, "request_too_slow", "the request took too long to arrive"))

    def _refuse(self, problem: Problem) -> None:
        """Close the connection, with an answer where one is due.

        A fault after whole requests must not become their answer: their own still come, and
        are the last.
        """
        self._is_refused = True
        last: RequestResponseCycle | None = self.cycle
        if self.pipeline and self.cycle.more_body:
            self.pipeline.popleft()
            last = self.pipeline[0][0] if self.pipeline else self._previous
        if last is not None and not last.response_complete and not last.more_body:
            last.keep_alive = False
            return
        is_answered = last is not None and last.more_body and last.response_started
        if not is_answered and not self.transport.is_closing():
            self.transport.write(self._answer(problem))
        self.transport.close()

    def _answer(self, problem: Problem) -> bytes:
        body = problem.body
        headers = [
            *self.server_state.default_headers,
            *self._cors_headers(),
            (b"content-type", CONTENT_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        return STATUS_LINE[problem.status] + lines + b"\r\n" + body

    def _cors_headers(self) -> Iterable[tuple[bytes, bytes]]:
        """Let a page read why it was refused, as far as its request could be read."""
        edge = self.config.app
        return edge.cors_headers(self.headers or ()) if isinstance(edge, Edge) else ()


def _tolerated(data: bytes) -> bytes:
    """Change what the parser would stumble over in a head, where it ends in its first packet.

    An offer to upgrade is declined by leaving it out: with it the parser reads no body, and
    clients that would like HTTP/2 make it with every request. A DEL in a header's value is a
    space, which RFC 9110, section 5.5, allows, but not where a body's end depends on it.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return data
    head = tolerable = data[:end]
    if _UPGRADE.search(head):
        tolerable = _UPGRADE.sub(b"", head)
    if b"\x7f" in head and not any(name in head.lower() for name in _FRAMING):
        tolerable = tolerable.replace(b"\x7f", b" ")
    return data if tolerable is head else tolerable + data[end:]


def expire(connections: Iterable[Any], began_before: float) -> None:
    """Give up what waits for its client since before this moment of the loop's time."""
    for connection in list(connections):
        connection.expire(began_before)
