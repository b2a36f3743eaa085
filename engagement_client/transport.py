"""One kept-alive HTTP connection, and a whole answer within a deadline or none."""

import contextlib
import encodings.idna  # noqa: F401  (loaded by the first look-up else: a fork then would lose it)
import gzip
import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from engagement_client.buffer import Batch
from engagement_client.replies import Reply

_MAX_REPLY_BYTES: Final = 1024 * 1024
_WORTH_PACKING_BYTES: Final = 1024


class UnansweredError(Exception):
    """Nobody knows whether the service got it; the message names no input and no key."""


class Transport:
    """Posts batches.

    Args:
        url: of the service, http or https; a path is put in front of the routes.
        key: sent as bearer token; None: the service asks for none.
        request_seconds: the deadline of one request.
        ssl_context: for https; None: Python's default, which verifies.

    Raises:
        ValueError: the URL is none of these.
    """

    def __init__(
        self, url: str, key: str | None, request_seconds: float, ssl_context: ssl.SSLContext | None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url: expected http://host or https://host")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("url: expected neither user, query nor fragment")
        if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
            raise ValueError("key: expected printable ASCII without spaces")
        self._request_seconds = request_seconds
        if parts.scheme == "https":
            ssl_context = ssl_context or ssl.create_default_context()
        self._prefix = parts.path.rstrip("/")
        self._headers = {"Content-Type": "application/json", "User-Agent": "engagement-client"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._open = partial(_connection, parts.scheme, parts.hostname, parts.port, ssl_context)
        self._connection = self._open()

    def post(self, batch: Batch) -> Reply:
        """Send a batch, all of it for one route. Raises UnansweredError."""
        path = self._prefix + batch[0].path
        body, headers = pack(batch)
        headers |= self._headers
        deadline = time.monotonic() + self._request_seconds
        is_reused = self._connection.sock is not None
        try:
            try:
                return self._exchange(path, body, headers, deadline)
            except (ConnectionError, http.client.BadStatusLine):
                # Servers close connections that were idle; that is no failure of theirs.
                self.disconnect()
                if not is_reused:
                    raise
                return self._exchange(path, body, headers, deadline)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            self.disconnect()
            raise UnansweredError(type(error).__name__) from error

    def disconnect(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def forget(self) -> None:
        """Leave the connection to the process that this one was forked from."""
        # Closing it could wait for a lock that a thread of that process held.
        self._connection = self._open()

    def interrupt(self) -> None:
        """Make a request that is under way in another thread fail."""
        if (sock := self._connection.sock) is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _exchange(self, path: str, body: bytes, headers: dict[str, str], deadline: float) -> Reply:
        connection = self._connection
        remaining = max(deadline - time.monotonic(), 0.001)
        if connection.sock is None:
            connection.timeout = remaining
            connection.connect()
        connection.sock.settimeout(remaining)
        connection.response_class = _answering_by(deadline)  # type: ignore[assignment]
        # A service may refuse a body before it has read it all; its answer tells why.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", path, body, headers)
        response = connection.getresponse()
        found = _whole(response)
        headers_found = response.headers
        return Reply(response.status, found, headers_found["Retry-After"], headers_found["Date"])


def pack(batch: Batch) -> tuple[bytes, dict[str, str]]:
    """Return a batch as a body, with the headers that say how it is packed."""
    body = b"[" + b",".join(entry.raw for entry in batch) + b"]"
    if len(body) < _WORTH_PACKING_BYTES:
        return body, {}
    return gzip.compress(body, mtime=0), {"Content-Encoding": "gzip"}


def _whole(response: http.client.HTTPResponse) -> bytes:
    """Return the body. Raises IncompleteRead where nothing shows that the answer is whole.

    The standard library takes a connection that broke within the headers for their end.
    """
    found = response.read(_MAX_REPLY_BYTES)
    is_framed = response.length is not None or response.chunked
    if not is_framed or response.length or not response.isclosed():
        raise http.client.IncompleteRead(found)
    return found


def _connection(
    scheme: str, host: str, port: int | None, context: ssl.SSLContext | None
) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port)
    return http.client.HTTPSConnection(host, port, context=context)


def _answering_by(deadline: float) -> Callable[..., http.client.HTTPResponse]:
    def response(sock: socket.socket, **options: Any) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_Hurried(sock, deadline), **options)  # type: ignore[arg-type]

    return response


class _Hurried(io.RawIOBase):
    """What a socket receives until a deadline. Its own timeout starts anew with each byte."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Stand in for a socket, which is all that a response asks of it."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._sock.settimeout(remaining)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
