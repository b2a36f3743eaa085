"""HEAD wherever there is GET: the same answer without its body (RFC 9110, 9.3.2)."""

from collections.abc import Collection

from schema.http.edge import Application, ASGIScope, Message, Receive, Send


class HeadAsGet:
    """Asks *app* for what HEAD is about as if by GET; the server leaves the body out.

    Args:
        app: the service, which knows of no HEAD.
        changing: paths whose GET changes something, which no HEAD may.
    """

    def __init__(self, app: Application, changing: Collection[str] = ()) -> None:
        self._app = app
        self._changing = changing

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI wants it."""
        if scope["type"] != "http" or scope["path"] in self._changing:
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        is_head = method == "HEAD"
        is_answered = False

        async def pass_on(message: Message) -> None:
            nonlocal is_answered
            # The same dictionary tells the server whether a body follows.
            scope["method"] = method
            if message["type"] == "http.response.start":
                _allow_head(message)
            elif is_head:
                if is_answered:
                    return
                # At the first part already: a stream would never end.
                message = {"type": "http.response.body", "body": b"", "more_body": False}
                is_answered = True
            await send(message)

        if is_head:
            scope["method"] = "GET"
        try:
            await self._app(scope, receive, pass_on)
        finally:
            scope["method"] = method


def _allow_head(message: Message) -> None:
    """Name HEAD beside GET where an answer lists a path's methods."""
    if message["status"] == 405:
        message["headers"] = [
            (name, value.replace(b"GET", b"GET, HEAD") if _lacks_head(name, value) else value)
            for name, value in message["headers"]
        ]


def _lacks_head(name: bytes, value: bytes) -> bool:
    return name == b"allow" and b"HEAD" not in value
