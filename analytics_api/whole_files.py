"""Files are served whole: they are small, and parts of them would have errors of their own."""

from typing import Final

from schema.http.edge import Application, ASGIScope, Receive, Send

_ABOUT_PARTS: Final = (b"range", b"if-range")


class WholeFiles:
    """Keeps from *app* that parts of an answer were asked for."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI wants it."""
        if scope["type"] == "http":
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in _ABOUT_PARTS]
        await self._app(scope, receive, send)
