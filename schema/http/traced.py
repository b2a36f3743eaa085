"""A span around each request, while ENGAGE_TRACING is on."""

from collections.abc import Collection
from typing import Final

import structlog
from opentelemetry.trace import SpanKind, Tracer

from schema.http.edge import Application, ASGIScope, Message, Receive, Send
from schema.tracing import context_of, tracer

_HEADER: Final = b"traceparent"
_NO_ROUTE: Final = "none"


def traced(app: Application, paths: Collection[str] = ()) -> Application:
    """Return *app* with a span around each request, or as it is while nothing is traced.

    Args:
        app: the service.
        paths: those it answers without FastAPI's routes.
    """
    return app if (made := tracer()) is None else _Traced(app, made, paths)


class _Traced:
    """A span from a request's head to its answer's end, in the caller's trace if it has one."""

    def __init__(self, app: Application, tracer: Tracer, paths: Collection[str]) -> None:
        self._app = app
        self._tracer = tracer
        self._paths = paths

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI wants it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == _HEADER]
        with self._tracer.start_as_current_span(
            scope["method"], context_of(given[0] if given else b""), SpanKind.SERVER
        ) as span:
            trace_id = format(span.get_span_context().trace_id, "032x")
            structlog.contextvars.bind_contextvars(trace_id=trace_id)

            async def pass_on(message: Message) -> None:
                if message["type"] == "http.response.start":
                    # Any other path may hold anything.
                    path = scope["path"] if scope["path"] in self._paths else _NO_ROUTE
                    route = getattr(scope.get("route"), "path", path)
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attribute("http.request.method", scope["method"])
                    span.set_attribute("http.route", route)
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self._app(scope, receive, pass_on)
