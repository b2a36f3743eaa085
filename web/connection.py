"""One HTTP connection: limits that a request must meet before the application gets it.

uvicorn limits neither the time and memory of a request's head nor the time of its body. Here a
request must arrive within a timeout and its head within a size, and input that is not HTTP gets a
problem document like any other error. This subclasses a class of uvicorn that is not public; the
lock file pins it, and tests/unit/web/test_connection.py and tests/integration/ingest cover it.
"""

import asyncio
import re
import sys
from collections.abc import Iterable
from typing import Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from web.body import BODIES, HOLD_EXTENSION
from web.middleware import ServiceMiddleware
from web.problems import CONTENT_TYPE, Problem, unavailable

MAX_HEAD_BYTES: Final = 64 * 1024
"""Maximum bytes of a head, or of trailers. The middleware has a lower limit for complete heads."""
MAX_FIELDS: Final = 100
"""Maximum header fields of a request."""
MAX_URL_BYTES: Final = 16 * 1024
"""Maximum bytes of a target. The middleware has a lower limit for complete ones."""
_HEAD_START: Final = b"HTTP/1.1 "
_HEAD_END: Final = b"\r\n\r\n"
_LINGER_SECONDS: Final = 2.0
_RESERVED_FILES: Final = 64
_FRAMING_HEADERS: Final = (b"content-length", b"transfer-encoding")
_HOST: Final = re.compile(
    rb"(\[[0-9A-Za-z:.%~_-]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(:[0-9]*)?", re.ASCII
)


def _max_connections() -> int:
    """Return the maximum of open files, less a reserve for the process's own connections."""
    try:
        import resource  # noqa: PLC0415  (absent on Windows)
    except ImportError:
        return sys.maxsize
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if files == resource.RLIM_INFINITY else max(1, files - _RESERVED_FILES)


class ResponseBuffer:
    """A transport that sends the head of a response together with the start of its body.

    uvicorn writes them one by one. Each write is a system call and wakes the client, which for a
    single event costs more than all other work. A head waits until the loop's next iteration.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        """Write data, a head with a delay."""
        is_head = data.startswith(_HEAD_START) and data.endswith(_HEAD_END)
        if is_head and not self._head:
            self._head = data
            self._loop.call_soon(self._flush)
            return
        head, self._head = self._head, b""
        self._transport.write(head + data)

    def close(self) -> None:
        """Close the transport when everything is written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self._transport.is_closing():
            self._transport.write(head)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Connection(HttpToolsProtocol):
    """One client's connection. Connections beyond the maximum are closed immediately."""

    max_connections = _max_connections()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # None while no request is arriving.
        self._began_at: float | None = self.loop.time()
        self._is_between = True
        self._is_in_head = True
        # Bytes received since a head was complete or a part of a body came.
        self._unparsed_bytes = 0
        self._parsed_parts = 0
        self._held_body_bytes = 0
        self._is_rejected = False
        self._previous: RequestResponseCycle | None = None
        # None while the client reads its responses.
        self._stalled_at: float | None = None

    def data_received(self, data: bytes) -> None:
        """Parse data, unless the connection was rejected."""
        if self._is_rejected:
            return
        self._unset_keepalive_if_required()
        parsed_parts = self._parsed_parts
        self._parse(_with_spaces_for_del(data) if self._is_between else data)
        if self._parsed_parts != parsed_parts:
            self._unparsed_bytes = 0
        else:
            self._unparsed_bytes += len(data)
            if self._unparsed_bytes > MAX_HEAD_BYTES:
                self._reject(Problem(431, "headers_too_large", "the headers are too large"))
        is_unfinished = not self._is_in_head and self._held_body_bytes > 0
        if is_unfinished and BODIES.is_closed_to_unfinished:
            self._reject(_bodies_full())

    def _parse(self, data: bytes) -> None:
        """Parse a packet. Ignore offers to upgrade by parsing such a head again without them.

        Clients that support HTTP/2 make the offer with every request, and the parser would not
        read a body after it.
        """
        rest = memoryview(data)
        try:
            while rest:
                try:
                    self.parser.feed_data(rest)
                except HttpParserUpgrade as upgrade:
                    rest = rest[upgrade.args[0] :]
                    head = self._head_without_upgrade()
                    self.parser = HttpRequestParser(self)
                    self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                    self.parser.feed_data(head)
                else:
                    return
        except HttpParserError:
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("")

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        start = self.parser.get_method() + b" " + self.url + b" HTTP/" + version
        fields = (b"%b: %b" % field for field in self.headers if field[0] != b"upgrade")
        return b"\r\n".join((start, *fields, b"", b""))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Buffer heads of responses, and close a connection beyond the maximum."""
        super().connection_made(ResponseBuffer(transport, self.loop))  # type: ignore[arg-type]
        if len(self.connections) > self.max_connections:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the memory of the bodies."""
        super().connection_lost(exc)
        self._release_bodies()

    def on_message_begin(self) -> None:
        """Start the timeout of a request."""
        super().on_message_begin()
        self.scope["extensions"] = {HOLD_EXTENSION: self._hold_body_bytes}  # type: ignore[dict-item]
        self._is_between = False
        self._began_at = self.loop.time()

    def on_url(self, url: bytes) -> None:
        """Append a part of the target."""
        super().on_url(url)
        if len(self.url) > MAX_URL_BYTES:
            self._reject(Problem(414, "target_too_long", "the request target is too long"))
            raise ValueError  # stops the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        """Append a field of the head; trailers are ignored."""
        if not self._is_in_head:
            return
        if len(self.headers) >= MAX_FIELDS:
            self._reject(Problem(431, "headers_too_large", f"over {MAX_FIELDS} header fields"))
            raise ValueError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the application; the body may still be arriving."""
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise ValueError
            return
        if not self._has_valid_host():
            raise ValueError
        self._is_in_head = False
        self._parsed_parts += 1
        self._previous = self.cycle
        super().on_headers_complete()

    def _has_valid_host(self) -> bool:
        """Return whether the head names one host (RFC 9112, section 3.2)."""
        hosts = [value for name, value in self.headers if name == b"host"]
        if not hosts:
            return self.parser.get_http_version() in ("0.9", "1.0")
        return len(hosts) == 1 and _HOST.fullmatch(hosts[0]) is not None

    def on_body(self, body: bytes) -> None:
        """Count a part of a body, unless the response is complete."""
        self._parsed_parts += 1
        if not self.cycle.response_complete:
            self._held_body_bytes += len(body)
            BODIES.held_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the timeout of the request."""
        if self._is_in_head:
            return  # an offer to upgrade: the head is parsed again without it
        super().on_message_complete()
        self._began_at = None
        self._is_between = True
        self._is_in_head = True

    def on_response_complete(self) -> None:
        """Release the memory of bodies when the last request received has its response."""
        super().on_response_complete()
        if self.cycle.response_complete:
            self._release_bodies()

    def _hold_body_bytes(self, size_bytes: int) -> None:
        """Count bytes that the application decompressed. Raises Problem 503."""
        if not BODIES.has_room_for(size_bytes):
            raise _bodies_full()
        self._held_body_bytes += size_bytes
        BODIES.held_bytes += size_bytes

    def _release_bodies(self) -> None:
        BODIES.held_bytes -= self._held_body_bytes
        self._held_body_bytes = 0

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  (uvicorn's signature)
        """Reject input that is not HTTP."""
        if self._is_rejected:
            return
        self._reject(Problem(400, "malformed_request", "the request is not valid HTTP"))

    def pause_writing(self) -> None:
        """Start the timeout of a response that the client does not read."""
        super().pause_writing()
        self._stalled_at = self.loop.time()

    def resume_writing(self) -> None:
        """Stop the timeout of a response."""
        super().resume_writing()
        self._stalled_at = None

    def expire(self, began_before: float) -> None:
        """Close a connection that has been waiting for its client since before this moment.

        An incomplete request gets a 408. A response that is not read is cut off.
        """
        if self._stalled_at is not None and self._stalled_at < began_before:
            self.transport.abort()
            return
        if self._began_at is not None and self._began_at < began_before:
            self._began_at = None
            self._reject(Problem(408, "request_too_slow", "the request did not arrive in time"))

    def _reject(self, problem: Problem) -> None:
        """Close the connection, after a response with the problem if one is due.

        Complete requests before the rejected one still get their own responses, which are then
        the last of the connection.
        """
        if self._is_rejected:
            return
        self._is_rejected = True
        last: RequestResponseCycle | None = self.cycle
        if self.pipeline and self.cycle.more_body:
            self.pipeline.popleft()
            last = self.pipeline[0][0] if self.pipeline else self._previous
        if last is not None and not last.response_complete and not last.more_body:
            last.keep_alive = False
            return
        has_response = last is not None and last.more_body and last.response_started
        if not has_response and not self.transport.is_closing():
            self.transport.write(self._response(problem))
        self._close_gracefully()

    def _close_gracefully(self) -> None:
        """Close the connection, but read and discard for a while first.

        Closing it with unread bytes would reset it, and the client would lose the response
        (RFC 9112, section 9.6).
        """
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.body.clear()
            self.cycle.message_event.set()
        self._release_bodies()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    def _response(self, problem: Problem) -> bytes:
        body = problem.body
        headers = [
            *self.server_state.default_headers,
            *self._cors_headers(),
            (b"content-type", CONTENT_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            *((name.encode(), value.encode()) for name, value in problem.headers.items()),
        ]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        return STATUS_LINE[problem.status] + lines + b"\r\n" + body

    def _cors_headers(self) -> Iterable[tuple[bytes, bytes]]:
        """Let a page read the problem, as far as its request could be parsed."""
        app = self.config.app
        return app.cors_headers(self.headers or ()) if isinstance(app, ServiceMiddleware) else ()


def _bodies_full() -> Problem:
    return unavailable(
        "too_many_bodies", "the process holds too many request bodies; retry the request"
    )


def _with_spaces_for_del(data: bytes) -> bytes:
    """Replace DEL in a head that ends in this packet with a space, which the parser accepts.

    RFC 9110, section 5.5, allows that. Heads that frame a body are left alone.
    """
    if b"\x7f" not in data:
        return data
    end = data.find(b"\r\n\r\n")
    head = data[: max(end, 0)]
    if b"\x7f" not in head or any(name in head.lower() for name in _FRAMING_HEADERS):
        return data
    return head.replace(b"\x7f", b" ") + data[end:]
