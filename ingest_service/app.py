"""The application: FastAPI for everything but the hot path, the edge around both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from ingest_service.browser import OnceParameter, add_browser_routes
from ingest_service.hot import BEACON, PIXEL, HotPath
from ingest_service.publisher import Publisher
from ingest_service.settings import IngestSettings
from schema import problems
from schema.docs_page import add_docs
from schema.edge import Application, Edge, key_ring
from schema.event import Event
from schema.keys import Scope

_ERRORS = (400, 401, 403, 408, 413, 415, 422, 429, 503)


class EventAccepted(BaseModel):
    """A single event was accepted."""

    event_id: str = Field(description="The event's id; send it again with every retry.")


class BatchError(BaseModel):
    """What is wrong with one event of a batch."""

    index: int = Field(description="Where the event stands in the batch, from 0.")
    error: str = Field(description="Stable snake_case tag.")
    detail: str = Field(default="", description="One sentence; left out beyond 500 errors.")


class BatchOutcome(BaseModel):
    """The outcome of a batch."""

    received: int
    accepted: int
    rejected: int
    dropped: int = Field(
        default=0, description="Right, and not counted: bots and such. Left out when none."
    )
    event_ids: list[str | None] = Field(description="Runs along with the input; null: rejected.")
    errors: list[BatchError]


def create_app(settings: IngestSettings) -> tuple[Application, Publisher]:
    """Build the service. Nothing is opened until its lifespan starts."""
    publisher = Publisher(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        publisher.start()
        yield
        await publisher.stop()

    app = FastAPI(
        title="Engagement ingest",
        version=version("engagement-analytics"),
        description="Accepts views, likes, comments and shares. A 202 means that the event is in"
        " Kafka, acknowledged by all in-sync replicas.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=None,
    )
    problems.install(app)
    _add_event_routes(app)
    add_browser_routes(app, BatchOutcome)
    _add_own_routes(app, publisher)
    add_docs(app)
    keys = key_ring(settings)
    is_loopback_only = keys is None and not settings.allow_anonymous
    hot = HotPath(app, publisher, settings)
    edge = Edge(
        hot,
        Scope.INGEST,
        keys,
        is_loopback_only=is_loopback_only,
        query_key_paths=frozenset({BEACON, PIXEL}),
    )
    return edge, publisher


def _add_event_routes(app: FastAPI) -> None:
    """Declare the hot path's routes: they are answered in front of FastAPI."""

    @app.post(
        "/events",
        status_code=202,
        response_model=EventAccepted,
        responses=problems.responses(_ERRORS),
        tags=["events"],
    )
    async def post_event(event: Event, once: OnceParameter = "") -> None:
        """Accept one event, at most 64 KiB. Content-Encoding gzip is understood."""

    @app.post(
        "/events/batch",
        status_code=202,
        response_model=BatchOutcome,
        responses={
            207: {"model": BatchOutcome, "description": "Some events were accepted, some not"},
            **problems.responses(_ERRORS),
        },
        tags=["events"],
    )
    async def post_batch(events: list[Event], once: OnceParameter = "") -> None:
        """Accept up to 1,000 events and 1 MiB: a JSON array, or NDJSON
        (application/x-ndjson). Each event is judged on its own.
        """


def _add_own_routes(app: FastAPI, publisher: Publisher) -> None:
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
                f"GET {PIXEL}",
                "GET /tracker.js",
            ],
            "docs": "/docs",
        }

    @app.get("/healthz", tags=["service"])
    async def healthz() -> dict[str, str]:
        """Tell that the process is alive."""
        return {"status": "alive"}

    @app.get("/readyz", tags=["service"], responses=problems.responses([503]))
    async def readyz(_: Request) -> Response:
        """Tell whether events can be accepted at this moment."""
        reason = publisher.not_ready()
        if reason is None:
            return JSONResponse({"status": "ready"})
        raise problems.unavailable(reason)

    @app.get("/metrics", tags=["service"])
    async def metrics() -> Response:
        """Prometheus metrics of this process."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
