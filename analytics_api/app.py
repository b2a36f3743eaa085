"""The application: reports, the dashboard and health."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response

import sql
from analytics_api.chart_library import ChartLibrary
from analytics_api.live.routes import router as live
from analytics_api.operations import router as operations
from analytics_api.page_files import PageFiles
from analytics_api.periods import zone_named
from analytics_api.report_routes import report_router
from analytics_api.routing import observe_response
from analytics_api.settings import ApiSettings
from analytics_api.state import State, open_state
from runtime.logging import get_logger
from sql.pool import OUTAGES
from web import problems
from web.asgi import Application
from web.auth import Scope
from web.error_handlers import response_of
from web.health import Readiness
from web.server import END_STREAMS
from web.service import new_app, with_middleware

# By the statement timeout; on a replica also by conflicts with changes of the primary.
_CANCELLED = (asyncpg.QueryCanceledError, asyncpg.TransactionRollbackError)

logger = get_logger("api")


def create_app(settings: ApiSettings) -> tuple[Application, Readiness]:
    """Build the service. Nothing is opened until its lifespan starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with open_state(settings) as state:
            app.state.reports = state
            yield {END_STREAMS: state.live_poller.broadcast.close}

    def not_ready() -> str | None:
        state: State | None = getattr(app.state, "reports", None)
        return "starting" if state is None else state.not_ready()

    app = new_app(
        "Engagement analytics",
        "Reports of the engagement with posts. Data-As-Of says when their data were true.",
        not_ready,
        lifespan,
    )

    for outage in OUTAGES:
        app.add_exception_handler(outage, _unavailable)
    # Other errors of PostgreSQL, such as those during a migration.
    app.add_exception_handler(asyncpg.PostgresError, _unavailable)
    for cancelled in _CANCELLED:
        app.add_exception_handler(cancelled, _cancelled)
    for missing in (asyncpg.ObjectNotInPrerequisiteStateError, asyncpg.UndefinedTableError):
        app.add_exception_handler(missing, _not_filled)
    app.add_exception_handler(asyncpg.InvalidParameterValueError, _unknown_zone(settings.time_zone))
    for router in (report_router(), operations, live):
        app.include_router(router)
    _add_own_routes(app, settings)
    _add_pages(app, settings)
    middleware = with_middleware(app, Scope.READ, settings, observe=observe_response)
    return middleware, not_ready


def _unavailable(request: Request, error: Exception) -> Response:
    logger.warning("report failed", path=request.url.path, error=type(error).__name__)
    return response_of(problems.database_unavailable("PostgreSQL does not answer in time"))


def _cancelled(request: Request, error: Exception) -> Response:
    logger.warning("report cancelled", path=request.url.path, error=type(error).__name__)
    detail = "the report's query was cancelled before it ended"
    headers = {"Retry-After": "1"}
    return response_of(problems.Problem(503, "report_timeout", detail, headers=headers))


def _not_filled(request: Request, error: Exception) -> Response:
    """Answer for a new database: not migrated, or restored without the rows of the stats view."""
    logger.warning("report failed", path=request.url.path, error=type(error).__name__)
    detail = "the stats view has not been refreshed yet"
    headers = {"Retry-After": "1"}
    return response_of(problems.Problem(503, "stats_view_empty", detail, headers=headers))


def _unknown_zone(reporting_zone: str) -> Callable[[Request, Exception], Response]:
    """Return the handler for time zones that PostgreSQL's older data do not have."""

    def answer(request: Request, error: Exception) -> Response:
        name = zone_named(request.query_params.get("tz", reporting_zone)).key
        # PostgreSQL quotes the name in every language.
        if name not in str(error):
            raise error
        logger.warning("time zone unknown to PostgreSQL", time_zone=name)
        detail = "the time zone data of PostgreSQL do not have this zone: choose another one by tz"
        return response_of(problems.Problem(422, "unknown_time_zone", detail))

    return answer


def _add_pages(app: FastAPI, settings: ApiSettings) -> None:
    attributes = {
        "zone": settings.time_zone,
        "ingest": settings.ingest_url or "",
        "catalogue": settings.catalogue_url or "",
        "post-url": settings.post_url or "",
    }
    files = PageFiles(ChartLibrary(settings.chart_library), attributes)

    @app.get("/dashboard", include_in_schema=False)
    async def dashboard(request: Request) -> Response:
        return files.page(request)

    @app.get("/static/{name}", include_in_schema=False)
    async def static_file(request: Request, name: str) -> Response:
        if (response := files.response(request, name)) is None:
            raise problems.Problem(404, "not_found", "there is no such file")
        return response


def _add_own_routes(app: FastAPI, settings: ApiSettings) -> None:
    @app.get("/", tags=["service"])
    async def root() -> dict[str, Any]:
        """Name, version and endpoints of the service."""
        return {
            "name": "engagement-analytics",
            "version": app.version,
            "health": "/readyz",
            "endpoints": [path for path in app.openapi()["paths"] if path != "/"],
            "dashboard": "/dashboard",
            "docs": "/docs",
            "time_zone": settings.time_zone,
        }

    @app.get(
        "/sql/{name}",
        tags=["service"],
        response_class=PlainTextResponse,
        responses=problems.responses([*problems.BEHIND_A_KEY, 404]),
    )
    async def query(name: str) -> PlainTextResponse:
        """The SQL file of a report, which also runs in psql."""
        if name not in sql.names():
            raise problems.Problem(404, "unknown_query", "there is no SQL file of this name")
        return PlainTextResponse(sql.source(name))
