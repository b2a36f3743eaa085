"""Request bodies: memory they may use, size limits, gzip and media types.

Bodies must arrive in time, too: web.connection closes connections whose requests do not.
"""

import re
import zlib
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from typing import Final

from prometheus_client import Gauge

from web.asgi import ASGIScope, Receive
from web.problems import Problem

HOLD_EXTENSION: Final = "engage.hold_body_bytes"
"""ASGI extension: a function that counts more bytes of a request, such as inflated ones."""
JSON: Final = b"application/json"
NDJSON: Final = b"application/x-ndjson"
TEXT: Final = b"text/plain"

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
_GZIP_NAMES: Final = frozenset({b"gzip", b"x-gzip"})
_ALIASES: Final = dict.fromkeys(
    (
        b"application/ndjson",
        b"application/jsonl",
        b"application/x-jsonl",
        b"application/jsonlines",
        b"application/x-jsonlines",
        b"application/json-lines",
        b"application/x-json-lines",
        b"application/x-json-stream",
    ),
    NDJSON,
)
"""Other names of media types. A page of another site can send none of them without a preflight."""
_CHARSETS: Final = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii"})
_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9a-z-]+"
_TYPE: Final = re.compile(rb"\s*(%b/%b)\s*" % (_TOKEN, _TOKEN))
_PARAMETER: Final = re.compile(
    rb';\s*(?:(%b)=(%b|"(?:[^"\\]|\\.)*"))?\s*' % (_TOKEN, _TOKEN), re.DOTALL
)
_MAX_CACHED_BYTES: Final = 256
_LINE: Final = re.compile(rb"[^ \t\r\n][^\n]*")


class ClientDisconnected(Exception):  # noqa: N818
    """The connection closed before the body was complete."""


class BodyMemory:
    """Counts the bytes of request bodies until their requests are answered.

    Unfinished bodies may take half of the limit, so that slow clients cannot block requests
    whose bodies are complete.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0

    @property
    def is_closed_to_unfinished(self) -> bool:
        """Whether bodies that are still arriving must be rejected."""
        return self.held_bytes * 2 > self.limit_bytes

    def has_room_for(self, size_bytes: int) -> bool:
        return self.held_bytes + size_bytes <= self.limit_bytes


BODIES: Final = BodyMemory(limit_bytes=64 * 1024 * 1024)
"""The bodies of this process; web.service sets the limit from the settings."""

BODY_BYTES: Final = Gauge("engage_request_body_bytes", "Bytes of request bodies held in memory.")
BODY_BYTES.set_function(lambda: BODIES.held_bytes)


async def read_body(receive: Receive, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        Problem: 413, the body is larger than *limit* bytes.
        ClientDisconnected: the connection closed before the body was complete.
    """
    message = await receive()
    body: bytes | bytearray = message.get("body", b"")
    while message.get("more_body"):
        if len(body) > limit:
            raise too_large(limit)
        if not isinstance(body, bytearray):
            body = bytearray(body)
        message = await receive()
        body += message.get("body", b"")
    if message["type"] == "http.disconnect":
        raise ClientDisconnected
    if len(body) > limit:
        raise too_large(limit)
    return bytes(body)


async def read_encoded_body(scope: ASGIScope, receive: Receive, limit: int) -> bytes:
    """Return the whole body, decompressed. *limit* holds before and after decompression.

    Raises:
        Problem: 400 (damaged gzip), 413 or 415 (another Content-Encoding).
        ClientDisconnected: the connection closed before the body was complete.
    """
    codings, declared = [], b"0"
    for name, value in scope["headers"]:
        if name == b"content-encoding":
            codings.append(value)
        elif name == b"content-length":
            declared = value
    is_gzip = bool(codings) and _is_gzip(b",".join(codings))
    if not declared.isdigit() or int(declared) > limit:
        raise too_large(limit)
    body = await read_body(receive, limit)
    if not is_gzip:
        return body
    plain = _inflate(body, limit)
    hold: Callable[[int], None] | None = scope.get("extensions", {}).get(HOLD_EXTENSION)
    if hold is not None:
        hold(len(plain))
    return plain


def require_media_type(content_type: bytes, *accepted: bytes) -> bytes:
    """Return a body's media type. Raises Problem 415 unless it is accepted and in UTF-8."""
    kind = parse_media_type(content_type)
    if kind is None or kind not in accepted:
        names = " or ".join(name.decode() for name in accepted)
        detail = f"expected Content-Type: {names}"
        raise Problem(415, "unsupported_media_type", detail, headers={"Accept": names})
    return kind


def parse_media_type(content_type: bytes) -> bytes | None:
    """Return the canonical media type of a Content-Type; None: malformed, or not UTF-8.

    Parameters but ``charset`` are ignored (RFC 9110, section 8.3.1).
    """
    # Only short values are cached, because clients may send any.
    return _parse(content_type.lower()) if len(content_type) <= _MAX_CACHED_BYTES else None


@lru_cache(maxsize=64)
def _parse(text: bytes) -> bytes | None:
    found = _TYPE.match(text)
    if found is None:
        return None
    position = found.end()
    while position < len(text):
        parameter = _PARAMETER.match(text, position)
        if parameter is None:
            return None
        name, value = parameter.groups()
        if name == b"charset" and value.strip(b'"') not in _CHARSETS:
            return None
        position = parameter.end()
    kind: bytes = found[1]
    return _ALIASES.get(kind, kind)


def ndjson_lines(body: bytes, limit: int) -> list[bytes] | None:
    """Return the lines of NDJSON that are not blank; None: there are more than *limit*."""
    found = [match[0] for match in islice(_LINE.finditer(body), limit + 1)]
    return found if len(found) <= limit else None


def _is_gzip(content_encoding: bytes) -> bool:
    named = (coding.strip() for coding in content_encoding.lower().split(b","))
    codings = [coding for coding in named if coding not in (b"", b"identity")]
    if not codings:
        return False
    if len(codings) > 1 or codings[0] not in _GZIP_NAMES:
        detail = "the only supported Content-Encoding is gzip"
        raise Problem(415, "unsupported_encoding", detail, headers={"Accept-Encoding": "gzip"})
    return True


def _inflate(body: bytes, limit: int) -> bytes:
    """Decompress a body that is exactly one gzip member."""
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise Problem(400, "malformed_gzip", "the body is not gzip") from None
    if len(plain) > limit:
        raise too_large(limit)
    if not inflater.eof or inflater.unused_data:
        raise Problem(400, "malformed_gzip", "the body is not one complete gzip member")
    return plain


def too_large(limit: int) -> Problem:
    """Return the 413 of a body of more than *limit* bytes. The connection closes after it."""
    detail = f"the body, after decompression, may have at most {limit} bytes"
    return Problem(413, "body_too_large", detail, headers={"Connection": "close"})
