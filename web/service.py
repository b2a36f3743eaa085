"""An HTTP service as a process: its FastAPI application, its middleware, and its server."""

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeVar

import uvicorn
from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from runtime import garbage_collection, tracing
from runtime.logging import configure_logging
from schema.errors import SetupError
from web import error_handlers, problems
from web.asgi import Application
from web.auth import KeyRing, Scope
from web.body import BODIES
from web.connection import Connection
from web.cors import LOOPBACK_HOSTS
from web.docs_page import add_docs
from web.health import Readiness, metrics_server
from web.middleware import ServiceMiddleware
from web.server import SECURITY_HEADERS, Server, uvicorn_config
from web.settings import HttpSettings

_BACKLOG: Final = 2048
# Part of the shutdown timeout that remains for the lifespan, which closes connections.
_LIFESPAN_SECONDS: Final = 5.0

_Settings = TypeVar("_Settings", bound=HttpSettings)


def new_app(
    title: str,
    description: str,
    not_ready: Readiness,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[Any]],
) -> FastAPI:
    """Return an application with /docs and the health routes, whose errors are problems.

    Nothing is opened until its lifespan starts.
    """
    app = FastAPI(
        title=title,
        redirect_slashes=False,
        version=version("engagement-analytics"),
        description=description,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=None,
        responses=problems.responses(problems.ANYWHERE),
    )
    error_handlers.install(app)
    _add_health_routes(app, not_ready)
    add_docs(app)
    return app


def _add_health_routes(app: FastAPI, not_ready: Readiness) -> None:
    """Add /healthz, /readyz and /metrics."""

    @app.get("/healthz", tags=["service"])
    async def healthz() -> dict[str, str]:
        """Return 200 while the process runs."""
        return {"status": "alive"}

    @app.get("/readyz", tags=["service"], responses=problems.responses([503]))
    async def readyz() -> Response:
        """Return 200 while the service can do its work, else 503 with the reason."""
        if reason := not_ready():
            raise problems.unavailable("not_ready", reason)
        return JSONResponse({"status": "ready"})

    @app.get(
        "/metrics",
        tags=["service"],
        response_class=PlainTextResponse,
        responses=problems.responses(problems.BEHIND_A_KEY),
    )
    async def metrics() -> Response:
        """Return the Prometheus metrics of this process."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def with_middleware(
    app: Application, scope: Scope, settings: HttpSettings, **options: Any
) -> ServiceMiddleware:
    """Put the middleware in front of an application.

    Args:
        app: the application.
        scope: of the keys that it accepts.
        settings: of the service.
        options: of ServiceMiddleware.

    Raises:
        SetupError: there is no key file, and the service would be reachable from other machines.
    """
    keys = _load_keys(settings)
    is_loopback_only = keys is None and not settings.allow_anonymous
    return ServiceMiddleware(
        app, scope, keys, settings, is_loopback_only=is_loopback_only, **options
    )


def _load_keys(settings: HttpSettings) -> KeyRing | None:
    if settings.api_keys_file is not None:
        return KeyRing(Path(settings.api_keys_file))
    if settings.allow_anonymous or settings.host in LOOPBACK_HOSTS:
        return None
    raise SetupError(
        f"cannot listen on {settings.host} without API keys: set ENGAGE_API_KEYS_FILE to a file"
        " that `engage keys create` made, or ENGAGE_ALLOW_ANONYMOUS=true"
    )


def main(
    service: str,
    kind: type[_Settings],
    create_app: Callable[[_Settings], tuple[Application, Readiness]],
) -> int:
    """Run a service until SIGTERM and return its exit code.

    Args:
        service: its name in the logs.
        kind: its settings, which are read from the environment.
        create_app: builds it from them; may raise SetupError.
    """
    try:
        settings = kind.load()
        configure_logging(service, settings.log_level)
        if settings.tracing:
            tracing.start(service)
        app, not_ready = create_app(settings)
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    garbage_collection.settle()
    config = server_config(app, settings)

    async def serve() -> None:
        async with metrics_server(settings, not_ready):
            server = Server(config, settings.arrival_timeout_seconds)
            await server.serve(sockets=_inherited_sockets(settings))

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve())
    return 0


def server_config(app: Application, settings: HttpSettings) -> uvicorn.Config:
    """Return the configuration of a service's server, and set the limit of body memory."""
    BODIES.limit_bytes = settings.max_buffered_body_bytes
    return uvicorn_config(
        app,
        Connection,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        headers=_headers(settings.hsts_seconds),
        backlog=_BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=max(
            1, int(settings.shutdown_timeout_seconds - _LIFESPAN_SECONDS)
        ),
    )


def _headers(hsts_seconds: int) -> list[tuple[str, str]]:
    """Return the security headers; HSTS may only be sent behind TLS (RFC 6797)."""
    hsts = ("strict-transport-security", f"max-age={hsts_seconds}")
    return [*SECURITY_HEADERS, hsts] if hsts_seconds else list(SECURITY_HEADERS)


def _inherited_sockets(settings: HttpSettings) -> list[socket.socket] | None:
    if settings.listen_fd is None:
        return None
    return [socket.socket(fileno=settings.listen_fd)]
