"""A request asked once more, by the process itself."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request
from starlette.types import Message

_MARK: Final = "engage.again"
_KEPT: Final = (
    "type", "asgi", "http_version", "method", "scheme", "server", "client",
    "path", "raw_path", "root_path", "query_string",
)  # fmt: skip
"""What a question consists of; all else is of the one time that it was asked."""
_HEADERS: Final = {b"host", b"accept"}


def again_of(request: Request) -> Callable[[], Coroutine[Any, Any, None]] | None:
    """Return what asks the application the same question anew; None: this is such a request.

    Conditions of the first request are left out, and nobody is told the answer.
    """
    if _MARK in request.scope:
        return None
    app = request.app
    scope = {name: request.scope[name] for name in _KEPT if name in request.scope}
    scope["headers"] = [each for each in request.scope["headers"] if each[0] in _HEADERS]

    async def ask() -> None:
        await app({**scope, _MARK: True}, _receive, _send)

    return ask


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(_message: Message) -> None:
    pass
