"""The ingest application: middleware -> event routes -> FastAPI for everything else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from ingest_service.declaration import ROUTES
from ingest_service.documents import add_documents
from ingest_service.publish import Publisher
from ingest_service.routes import BEACON, PIXEL, EventRoutes
from ingest_service.settings import IngestSettings
from web.asgi import Application
from web.auth import Scope
from web.health import Readiness
from web.service import new_app, with_middleware


def create_app(settings: IngestSettings) -> tuple[Application, Readiness]:
    """Build the service. Nothing is opened until its lifespan starts."""
    publisher = Publisher(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        publisher.start()
        # The server listens from here on, and some proxies cannot ask /readyz.
        await publisher.until_connected()
        yield
        await publisher.stop()

    app = new_app(
        "Engagement ingest",
        "Accepts views, likes, comments and shares. A 202 means that the event is in Kafka,"
        " acknowledged by all in-sync replicas.",
        publisher.not_ready,
        lifespan,
    )
    routes = EventRoutes(app, publisher, settings)
    add_documents(app)
    _add_root(app)
    service = with_middleware(
        routes, Scope.INGEST, settings, query_key_paths={BEACON, PIXEL}, changing_paths={PIXEL}
    )
    return service, publisher.not_ready


def _add_root(app: FastAPI) -> None:
    @app.get("/", tags=["service"])
    async def root() -> dict[str, Any]:
        """Name the service and its endpoints."""
        events = [f"{route.method} {route.path}" for route in ROUTES]
        return {
            "name": "engagement-analytics ingest",
            "version": app.version,
            "endpoints": [*events, "GET /tracker.js", "GET /schemas/"],
            "docs": "/docs",
        }
