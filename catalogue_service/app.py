"""The catalogue application: middleware -> body limit -> FastAPI."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from fastapi import FastAPI, Request
from starlette.responses import Response

from catalogue_service import routes
from catalogue_service.settings import CatalogueSettings
from runtime.logging import get_logger
from sql.pool import OUTAGES, open_pool
from web import problems
from web.asgi import Application, ASGIScope, Message, Receive, Send
from web.auth import Scope
from web.body import ClientDisconnected, read_body
from web.error_handlers import response_of
from web.health import Readiness
from web.service import new_app, with_middleware

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
_CONNECTIONS: Final = 4
_CHECK_SECONDS: Final = 1.0
_CHECK_TIMEOUT_SECONDS: Final = 2.0
_CLOSE_SECONDS: Final = 2.0

logger = get_logger("catalogue")


def create_app(settings: CatalogueSettings) -> tuple[Application, Readiness]:
    """Build the service. Nothing is opened until its lifespan starts."""
    health = _Health()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = await open_pool(settings, "engage-catalogue", max_size=_CONNECTIONS)
        app.state.pool = pool
        checking = asyncio.create_task(health.run(pool))
        try:
            yield
        finally:
            checking.cancel()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await pool.close()
            pool.terminate()

    app = new_app(
        "Engagement analytics: catalogue",
        "Authors, posts and users, managed with a key of scope admin.",
        health.not_ready,
        lifespan,
    )
    for outage in (*OUTAGES, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError):
        app.add_exception_handler(outage, _unavailable)
    app.include_router(routes.router)
    _add_root(app)
    return with_middleware(_LimitedBodies(app), Scope.ADMIN, settings), health.not_ready


class _Health:
    """Whether PostgreSQL responds, checked every second."""

    def __init__(self) -> None:
        self._problem: str | None = "starting"

    def not_ready(self) -> str | None:
        return self._problem

    async def run(self, pool: Any) -> None:
        while True:
            try:
                async with asyncio.timeout(_CHECK_TIMEOUT_SECONDS):
                    await pool.fetchval("SELECT 1")
                self._problem = None
            except (*OUTAGES, asyncpg.PostgresError):
                self._problem = "PostgreSQL does not answer"
            await asyncio.sleep(_CHECK_SECONDS)


class _LimitedBodies:
    """Receives the whole body of a request before FastAPI does, and rejects large ones."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(receive, MAX_BODY_BYTES)
        except ClientDisconnected:
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, replay, send)


def _unavailable(request: Request, error: Exception) -> Response:
    # The route, because the path may contain user data.
    route = getattr(request.scope.get("route"), "path", "")
    logger.warning("request failed", route=route, error=type(error).__name__)
    return response_of(problems.database_unavailable("PostgreSQL does not answer in time"))


def _add_root(app: FastAPI) -> None:
    @app.get("/", tags=["service"])
    async def root() -> dict[str, Any]:
        """Name the service and its endpoints."""
        return {
            "name": "engagement-analytics catalogue",
            "version": app.version,
            "health": "/readyz",
            "endpoints": [
                "GET /catalogue/authors, /catalogue/posts, /catalogue/users",
                "GET, PUT, DELETE /catalogue/authors/{id}",
                "GET, PUT, DELETE /catalogue/posts/{id}",
                "GET, PUT, DELETE /catalogue/users/{id}",
                "POST /catalogue/batch",
            ],
            "docs": "/docs",
        }
