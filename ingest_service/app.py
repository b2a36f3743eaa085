"""The application: FastAPI for everything but the hot path, the edge around both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from ingest_service.browser import add_browser_routes
from ingest_service.event_routes import BatchOutcome, add_event_routes
from ingest_service.hot import BEACON, HOT_PATHS, PIXEL, RETRACTIONS, HotPath
from ingest_service.publisher import Publisher
from ingest_service.schema_routes import add_schema_routes
from ingest_service.settings import IngestSettings
from schema.http.docs_page import add_docs
from schema.http.edge import Application
from schema.http.head_as_get import HeadAsGet
from schema.http.keys import Scope
from schema.http.service import guarded, new_app
from schema.http.service_routes import add_service_routes
from schema.http.side_port import Readiness
from schema.http.traced import traced


def create_app(settings: IngestSettings) -> tuple[Application, Readiness]:
    """Build the service. Nothing is opened until its lifespan starts."""
    publisher = Publisher(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        publisher.start()
        # It listens from here on: a proxy that cannot ask /readyz would pass events on too early.
        await publisher.until_connected()
        yield
        await publisher.stop()

    app = new_app(
        "Engagement ingest",
        "Accepts views, likes, comments and shares. A 202 means that the event is in Kafka,"
        " acknowledged by all in-sync replicas.",
        lifespan,
    )
    add_event_routes(app)
    add_browser_routes(app, BatchOutcome)
    add_schema_routes(app)
    _add_root(app)
    add_service_routes(app, publisher.not_ready)
    add_docs(app)
    behind = HeadAsGet(app, changing={PIXEL})
    hot = traced(HotPath(behind, publisher, settings), HOT_PATHS)
    return guarded(hot, Scope.INGEST, settings, {BEACON, PIXEL}), publisher.not_ready


def _add_root(app: FastAPI) -> None:
    @app.get("/", tags=["service"])
    async def root() -> dict[str, Any]:
        """Tell what this is and where things are."""
        return {
            "name": "engagement-analytics ingest",
            "version": app.version,
            "endpoints": [
                "POST /events",
                "POST /events/batch",
                f"POST {BEACON}",
                f"POST {RETRACTIONS}",
                f"GET {PIXEL}",
                "GET /tracker.js",
                "GET /schemas/",
            ],
            "docs": "/docs",
        }
