"""How long answers take, by route."""

import time
from typing import Final

from prometheus_client import Histogram

from schema.http.edge import Application, ASGIScope, Message, Receive, Send

ANSWER_SECONDS: Final = Histogram(
    "engage_api_answer_seconds",
    "Seconds until an answer began, by route and status.",
    ["route", "status"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
_NO_ROUTE: Final = "none"


class Timed:
    """Measures *app* from a request's head to its answer's, so that streams count as well."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI wants it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                # A path may hold anything; routes are few.
                route = getattr(scope.get("route"), "path", _NO_ROUTE)
                seconds = time.perf_counter() - began
                ANSWER_SECONDS.labels(route, message["status"]).observe(seconds)
            await send(message)

        await self._app(scope, receive, pass_on)
