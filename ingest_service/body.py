"""Request bodies: read within caps, inflated within the same caps.

The connection sees to it that they arrive in time.
"""

import zlib
from typing import Final

from schema.http.edge import ASGIScope, Receive
from schema.http.problems import Problem

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
JSON: Final = b"application/json"
TEXT: Final = b"text/plain"
NDJSON: Final = b"application/x-ndjson"


class ClientGoneError(Exception):
    """The client closed the connection before its body was complete."""


async def read(scope: ASGIScope, receive: Receive, limit: int) -> bytes:
    """Return the body, inflated.

    Args:
        scope: of the request.
        receive: of the request.
        limit: most bytes, on the wire and inflated.

    Raises:
        Problem: 400, 413 or 415.
        ClientGoneError: nobody is there to be answered.
    """
    headers = dict(scope["headers"])
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"identity", b"gzip"):
        raise Problem(
            415,
            "unsupported_encoding",
            "Content-Encoding: gzip alone is understood",
            headers={"Accept-Encoding": "gzip"},
        )
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > limit:
        raise _too_large(limit)
    body = await _collect(receive, limit)
    return _inflate(body, limit) if encoding == b"gzip" else body


async def _collect(receive: Receive, limit: int) -> bytes:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if len(body) > limit:
            raise _too_large(limit)
        return body
    chunks, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise _too_large(limit)
    return b"".join(chunks)


def _inflate(body: bytes, limit: int) -> bytes:
    """Inflate one gzip member that makes up the whole body."""
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise Problem(400, "malformed_gzip", "the body is not gzip") from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not inflater.eof or inflater.unused_data:
        raise Problem(400, "malformed_gzip", "the body is not one whole gzip member")
    return plain


def media_type(scope: ASGIScope, *accepted: bytes) -> bytes:
    """Return the body's media type. Raises Problem 415 unless it is accepted and in UTF-8."""
    content_type = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = value.lower()
    kind, _, parameters = content_type.partition(b";")
    charset = parameters.strip().removeprefix(b"charset=").strip(b'"')
    if kind.strip() not in accepted or charset not in (b"", b"utf-8"):
        names = " or ".join(name.decode() for name in accepted)
        raise Problem(
            415,
            "unsupported_media_type",
            f"expected Content-Type: {names}",
            headers={"Accept": names},
        )
    return kind.strip()


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        "body_too_large",
        f"the body, inflated, may have {limit} bytes at most",
        headers={"Connection": "close"},
    )
