"""The side port of every process: /healthz, /readyz and /metrics, beside its real work."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from schema.http.security_headers import SECURITY_HEADERS
from schema.settings import ProcessSettings

READY: Final = Gauge("engage_ready", "1 while /readyz says ready, else 0.")

Readiness = Callable[[], str | None]
"""Returns None when ready, else the reason in a few words."""

WAITS_FOR = "waits-for"
_TEXT = "text/plain; charset=utf-8"


class PersonNeeded(str):
    """A reason that no restart ends: the process does its work, and a person must decide."""

    __slots__ = ()


def _answer(path: str, not_ready: Readiness) -> tuple[int, str, bytes]:
    if path == "/healthz":
        return 200, "application/json", b'{"status":"alive"}'
    if path == "/metrics":
        return 200, CONTENT_TYPE_LATEST, generate_latest()
    if path != "/readyz":
        return 404, _TEXT, b"not found"
    reason = not_ready()
    if reason is None:
        return 200, "application/json", b'{"status":"ready"}'
    waits = f"; {WAITS_FOR}=person" if isinstance(reason, PersonNeeded) else ""
    return 503, _TEXT + waits, reason.encode()


def _application(not_ready: Readiness) -> Any:
    async def application(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        status, content_type, body = _answer(scope["path"], not_ready)
        headers = [
            (b"content-type", content_type.encode()),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


@asynccontextmanager
async def side_port(settings: ProcessSettings, not_ready: Readiness) -> AsyncIterator[None]:
    """Serve the side port while the block runs; nothing is served when its port is 0."""
    if settings.metrics_port == 0:
        yield
        return
    READY.set_function(lambda: not_ready() is None)
    config = uvicorn.Config(
        _application(not_ready),
        host=settings.metrics_host,
        port=settings.metrics_port,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        headers=list(SECURITY_HEADERS),
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
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
