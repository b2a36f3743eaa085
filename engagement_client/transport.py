"""A persistent HTTP connection with a timeout for the whole response."""

import contextlib
import encodings.idna  # noqa: F401  (else the first look-up imports it, which a fork could interrupt)
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
_MIN_COMPRESSED_BYTES: Final = 1024


class UnansweredError(Exception):
    """It is unknown whether the service got the request. The message has no input and no key."""


class Transport:
    """Posts batches.

    Args:
        url: URL of the service, http or https; its path is prepended to the routes.
        key: the bearer token; None if the service requires none.
        request_seconds: the timeout of a request, its response included.
        ssl_context: for https. None: Python's default context, which verifies.

    Raises:
        ValueError: the URL or the key is invalid.
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
        body, headers = encode_body(batch)
        headers |= self._headers
        deadline = time.monotonic() + self._request_seconds
        is_reused = self._connection.sock is not None
        try:
            try:
                return self._exchange(path, body, headers, deadline)
            except (ConnectionError, http.client.BadStatusLine):
                # Servers close idle connections; that is not a failure.
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

    def reset_after_fork(self) -> None:
        """Replace the connection in a forked process, without closing the parent's."""
        # Closing it could wait for a lock that a thread of the parent held.
        self._connection = self._open()

    def interrupt(self) -> None:
        """Make a request in flight in another thread fail."""
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
        connection.response_class = _response_class(deadline)  # type: ignore[assignment]
        # A service may reject a body before it has read all of it.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", path, body, headers)
        response = connection.getresponse()
        body_received = _read_body(response)
        received = response.headers
        return Reply(response.status, body_received, received["Retry-After"], received["Date"])


def encode_body(batch: Batch) -> tuple[bytes, dict[str, str]]:
    """Return the body of a batch, compressed if it is large, and its headers."""
    body = b"[" + b",".join(entry.raw for entry in batch) + b"]"
    if len(body) < _MIN_COMPRESSED_BYTES:
        return body, {}
    return gzip.compress(body, mtime=0), {"Content-Encoding": "gzip"}


def _read_body(response: http.client.HTTPResponse) -> bytes:
    """Return the body. Raises IncompleteRead when the response may be incomplete.

    The standard library takes a connection that broke within the headers for their end.
    """
    body = response.read(_MAX_REPLY_BYTES)
    is_framed = response.length is not None or response.chunked
    if not is_framed or response.length or not response.isclosed():
        raise http.client.IncompleteRead(body)
    return body


def _connection(
    scheme: str, host: str, port: int | None, context: ssl.SSLContext | None
) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port)
    return http.client.HTTPSConnection(host, port, context=context)


def _response_class(deadline: float) -> Callable[..., http.client.HTTPResponse]:
    def response(sock: socket.socket, **options: Any) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_ResponseReader(sock, deadline), **options)  # type: ignore[arg-type]

    return response


class _ResponseReader(io.RawIOBase):
    """Reads a socket until a deadline. The socket's own timeout restarts with each byte."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a buffered reader: HTTPResponse calls this method of a socket."""
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
