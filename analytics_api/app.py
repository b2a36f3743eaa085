"""The application: reports, the dashboard, health, and the edge around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

import sql
from analytics_api.chart_library import ChartLibrary
from analytics_api.deadline import Deadline
from analytics_api.event_routes import router as events
from analytics_api.ledger.routes import router as ledger
from analytics_api.live.routes import router as live
from analytics_api.reports.fair.routes import router as fair
from analytics_api.reports.insight.routes import router as insight
from analytics_api.reports.movers.routes import router as movers
from analytics_api.reports.opportunity.routes import router as opportunity
from analytics_api.reports.plain.routes import router as plain
from analytics_api.reports.scoped.routes import router as scoped
from analytics_api.reports.timing.routes import router as timing
from analytics_api.settings import ApiSettings
from analytics_api.state import State, open_state
from analytics_api.timed import Timed
from analytics_api.whole_files import WholeFiles
from schema.http import problems
from schema.http.docs_page import add_docs
from schema.http.edge import Application
from schema.http.head_as_get import HeadAsGet
from schema.http.keys import Scope
from schema.http.server import END_STREAMS
from schema.http.service import guarded, new_app
from schema.http.service_routes import add_service_routes
from schema.http.side_port import Readiness
from schema.http.traced import traced
from schema.telemetry import get_logger
from sql.pool import OUTAGES

_ROUTERS = (
    plain, scoped, insight, fair, opportunity, timing, movers, ledger, events, live,
)  # fmt: skip
_ANSWER_SECONDS = 8.0
# By the time a statement may take; on a replica also by what the primary has dropped or vacuumed.
_CANCELLED = (asyncpg.QueryCanceledError, asyncpg.TransactionRollbackError)
_STATIC = Path(__file__).with_name("static")

logger = get_logger("api")


def create_app(settings: ApiSettings) -> tuple[Application, Readiness]:
    """Build the service. Nothing is opened until its lifespan starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with open_state(settings) as state:
            app.state.reports = state
            yield {END_STREAMS: state.board.fan_out.close}

    app = new_app(
        "Engagement analytics",
        "Reports of how posts are engaged with. Each tells, in Data-As-Of, when the data it shows"
        " was true.",
        lifespan,
    )

    def not_ready() -> str | None:
        state: State | None = getattr(app.state, "reports", None)
        return "starting" if state is None else state.not_ready()

    for outage in (*OUTAGES, *_CANCELLED):
        app.add_exception_handler(outage, _away)
    for lack in (asyncpg.ObjectNotInPrerequisiteStateError, asyncpg.UndefinedTableError):
        app.add_exception_handler(lack, _not_filled)
    for router in _ROUTERS:
        app.include_router(router)
    _add_own_routes(app, settings)
    add_service_routes(app, not_ready)
    add_docs(app)
    _add_pages(app, ChartLibrary(settings.chart_library))
    bounded = traced(Timed(Deadline(WholeFiles(HeadAsGet(app)), _ANSWER_SECONDS)))
    return guarded(bounded, Scope.READ, settings), not_ready


def _away(request: Request, error: Exception) -> Response:
    logger.warning("report failed", path=request.url.path, error=type(error).__name__)
    return problems.unavailable("PostgreSQL does not answer in time").response()


def _not_filled(request: Request, error: Exception) -> Response:
    """Answer while the database is new: not migrated, or restored without the view's rows."""
    logger.warning("report failed", path=request.url.path, error=type(error).__name__)
    return problems.unavailable("the view has not been filled yet").response()


class _Files(StaticFiles):
    """The page's own files, which browsers ask for anew: they must be of one version."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _add_pages(app: FastAPI, charts: ChartLibrary) -> None:
    @app.get("/dashboard", include_in_schema=False)
    async def dashboard() -> FileResponse:
        return FileResponse(_STATIC / "dashboard.html", headers={"Cache-Control": "no-cache"})

    @app.get("/static/charts/{name}", include_in_schema=False)
    async def chart_file(name: str) -> Response:
        if (response := charts.response(name)) is None:
            raise problems.Problem(404, "not_found", "there is nothing here")
        return response

    app.mount("/static", _Files(directory=_STATIC), name="static")


def _add_own_routes(app: FastAPI, settings: ApiSettings) -> None:
    @app.get("/", tags=["service"])
    async def root() -> dict[str, Any]:
        """Tell what this is and where things are."""
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
    async def question(name: str) -> PlainTextResponse:
        """The SQL of a report: every number can be computed anew with psql."""
        if name not in sql.names():
            raise problems.Problem(404, "unknown_question", "see the repository's folder sql")
        return PlainTextResponse(sql.source(name))
