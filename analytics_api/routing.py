"""Routes of the read API: bounded in time, cancelled with their client, and measured."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from prometheus_client import Histogram
from starlette.responses import Response

from analytics_api.fair_pool import current_key
from web.auth import REQUEST_KEY
from web.parameters import known_parameters
from web.problems import BEHIND_A_KEY, database_unavailable, responses

RESPONSE_SECONDS: Final = Histogram(
    "engage_api_response_seconds",
    "Seconds until the response began, by route and status.",
    ["route", "status"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
TIMEOUT_SECONDS: Final = 8.0
# Most responses are there before it is worth watching whether the client is still connected.
_QUICK_SECONDS: Final = 0.05
_CLIENT_CLOSED_REQUEST: Final = 499
"""nginx's status, for logs and metrics: no client gets it."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BoundedRoute(APIRoute):
    """Answers 503 for a handler that takes too long, and cancels it when its client disconnects.

    The handler runs in a task of its own: cancelling a query on a connection whose server went
    silent takes long, and the response must not wait for that.
    """

    def get_route_handler(self) -> Handler:
        """Return the route's handler, bounded."""
        handler = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            key = request.scope.get(REQUEST_KEY)
            current_key.set(key and key.key_id)
            work = asyncio.create_task(handler(request))
            gone: asyncio.Task[None] | None = None
            try:
                await asyncio.wait({work}, timeout=_QUICK_SECONDS)
                if not work.done():
                    gone = asyncio.create_task(_disconnected(request))
                    await asyncio.wait(
                        {work, gone}, timeout=TIMEOUT_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                if work.done():
                    return work.result()
                if gone is not None and gone.done():
                    return Response(status_code=_CLIENT_CLOSED_REQUEST)
                raise database_unavailable("PostgreSQL does not answer in time")
            finally:
                work.cancel()
                work.add_done_callback(lambda task: task.cancelled() or task.exception())
                if gone is not None:
                    gone.cancel()

        return bounded


async def _disconnected(request: Request) -> None:
    """Return when the client has disconnected. Reads the rest of the request's body."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def new_router() -> APIRouter:
    """Return a router whose routes are bounded and refuse query parameters they do not have."""
    return APIRouter(
        route_class=BoundedRoute,
        dependencies=[Depends(known_parameters("format"))],
        responses=responses([*BEHIND_A_KEY, 422, 503]),
    )


def observe_response(route: str, status: int, seconds: float) -> None:
    """Record the time until a response began."""
    RESPONSE_SECONDS.labels(route, status).observe(seconds)
