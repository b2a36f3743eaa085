"""Files are served whole: they are small, and parts of them would have errors of their own."""

from schema.edge import Application, ASGIScope, Receive, Send

_ABOUT_PARTS = (b"range", b"if-range")


def whole_files(app: Application) -> Application:
    """Return *app* as one that never learns that parts of an answer were asked for."""

    async def without_ranges(scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in _ABOUT_PARTS]
        await app(scope, receive, send)

    return without_ranges
