"""Liveness, readiness and metrics on a port of any process; web.service has them as routes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from runtime.settings import ProcessSettings
from web.asgi import Application, ASGIScope, Receive, Send, send_response
from web.body import JSON
from web.connection import Connection
from web.server import SECURITY_HEADERS, Server, uvicorn_config

READY: Final = Gauge("engage_ready", "1 while /readyz reports ready, else 0.")
NEEDS_OPERATOR: Final = "needs-operator"
"""Parameter of /readyz's Content-Type: a restart of the process cannot help."""
MAX_CONNECTIONS: Final = 64
_ARRIVAL_TIMEOUT_SECONDS: Final = 10.0
_TEXT: Final = "text/plain; charset=utf-8"

Readiness = Callable[[], str | None]
"""Returns None when ready, else the reason in a few words."""


class OperatorNeeded(str):
    """A reason that only an operator can remove. The process itself works."""

    __slots__ = ()


@asynccontextmanager
async def metrics_server(
    settings: ProcessSettings,
    not_ready: Readiness,
    arrival_timeout_seconds: float = _ARRIVAL_TIMEOUT_SECONDS,
) -> AsyncIterator[None]:
    """Serve /healthz, /readyz and /metrics on the metrics port while the block runs.

    Nothing is served when the port is 0.
    """
    if settings.metrics_port == 0:
        yield
        return
    READY.set_function(lambda: not_ready() is None)
    config = uvicorn_config(
        _application(not_ready),
        _MetricsConnection,
        host=settings.metrics_host,
        port=settings.metrics_port,
        lifespan="off",
        headers=list(SECURITY_HEADERS),
        timeout_graceful_shutdown=1,
    )
    server = Server(config, arrival_timeout_seconds)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    ticking = asyncio.create_task(server.main_loop())
    try:
        yield
    finally:
        server.should_exit = True
        await ticking
        await server.shutdown()


class _MetricsConnection(Connection):
    max_connections = MAX_CONNECTIONS


def _application(not_ready: Readiness) -> Application:
    async def application(scope: ASGIScope, _: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send_response(send, *_respond(scope["path"], not_ready))

    return application


def _respond(path: str, not_ready: Readiness) -> tuple[int, bytes, bytes]:
    if path == "/healthz":
        return 200, JSON, b'{"status":"alive"}'
    if path == "/metrics":
        return 200, CONTENT_TYPE_LATEST.encode(), generate_latest()
    if path != "/readyz":
        return 404, _TEXT.encode(), b"not found"
    reason = not_ready()
    if reason is None:
        return 200, JSON, b'{"status":"ready"}'
    parameter = f"; {NEEDS_OPERATOR}=true" if isinstance(reason, OperatorNeeded) else ""
    return 503, (_TEXT + parameter).encode(), reason.encode()
