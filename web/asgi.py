"""ASGI without a framework: types, headers and plain responses, for code of the hot path."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from web.problems import CONTENT_TYPE, Problem

ASGIScope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[ASGIScope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]
"""Name in lower case, and value, as ASGI has them."""


def header(headers: Iterable[Header], wanted: bytes) -> bytes | None:
    """Return the first value of a header."""
    for name, value in headers:
        if name == wanted:
            return value
    return None


async def send_response(
    send: Send, status: int, content_type: bytes, body: bytes, headers: Iterable[Header] = ()
) -> None:
    """Send a complete response."""
    start = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


async def send_problem(send: Send, problem: Problem) -> None:
    """Send a problem document."""
    headers = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    await send_response(send, problem.status, CONTENT_TYPE.encode(), problem.body, headers)
