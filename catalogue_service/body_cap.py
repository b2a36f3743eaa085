"""Bodies are read whole before anything looks at them, up to a size."""

from typing import Final

from schema.http.edge import Application, ASGIScope, Message, Receive, Send
from schema.http.problems import Problem

MAX_BODY_BYTES: Final = 4 * 1024 * 1024


class BodyCap:
    """Refuses bodies over MAX_BODY_BYTES with 413."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        chunks: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            more = message.get("more_body", False)
            if size > MAX_BODY_BYTES:
                raise Problem(
                    413,
                    "body_too_large",
                    f"the body may have {MAX_BODY_BYTES} bytes at most",
                    headers={"Connection": "close"},
                )
        waiting = [{"type": "http.request", "body": b"".join(chunks), "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, replay, send)
