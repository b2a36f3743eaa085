"""The application: the catalogue's routes, health, and the edge around them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from fastapi import FastAPI, Request
from starlette.responses import Response

from catalogue_service import routes
from catalogue_service.body_cap import BodyCap
from catalogue_service.settings import CatalogueSettings
from schema.http import problems
from schema.http.docs_page import add_docs
from schema.http.edge import Application
from schema.http.head_as_get import HeadAsGet
from schema.http.keys import Scope
from schema.http.service import guarded, new_app
from schema.http.service_routes import add_service_routes
from schema.http.side_port import Readiness
from schema.http.traced import traced
from schema.telemetry import get_logger
from sql.pool import OUTAGES, open_pool

_CONNECTIONS: Final = 4
_LOOK_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 2.0
_CLOSE_SECONDS: Final = 2.0

logger = get_logger("catalogue")


def create_app(settings: CatalogueSettings) -> tuple[Application, Readiness]:
    """Build the service. Nothing is opened until its lifespan starts."""
    health = _Health()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = await open_pool(settings, "engage-catalogue", max_size=_CONNECTIONS)
        app.state.pool = pool
        looking = asyncio.create_task(health.watch(pool))
        try:
            yield
        finally:
            looking.cancel()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await pool.close()
            pool.terminate()

    app = new_app(
        "Engagement analytics: catalogue",
        "Authors, posts and users, put in with a key of scope admin.",
        lifespan,
    )
    for outage in (*OUTAGES, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError):
        app.add_exception_handler(outage, _away)
    app.include_router(routes.router)
    _add_root(app)
    add_service_routes(app, health.not_ready)
    add_docs(app)
    return guarded(traced(BodyCap(HeadAsGet(app))), Scope.ADMIN, settings), health.not_ready


class _Health:
    """Whether PostgreSQL answers, as of the last look."""

    def __init__(self) -> None:
        self._problem: str | None = "starting"

    def not_ready(self) -> str | None:
        return self._problem

    async def watch(self, pool: Any) -> None:
        while True:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await pool.fetchval("SELECT 1")
                self._problem = None
            except (*OUTAGES, asyncpg.PostgresError):
                self._problem = "PostgreSQL does not answer"
            await asyncio.sleep(_LOOK_SECONDS)


def _away(request: Request, error: Exception) -> Response:
    # The route, not the path: that may hold what a user is called.
    route = getattr(request.scope.get("route"), "path", "")
    logger.warning("change failed", route=route, error=type(error).__name__)
    return problems.unavailable("PostgreSQL does not answer in time").response()


def _add_root(app: FastAPI) -> None:
    @app.get("/", tags=["service"])
    async def root() -> dict[str, Any]:
        """Tell what this is and where things are."""
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
