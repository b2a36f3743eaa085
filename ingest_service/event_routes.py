"""What OpenAPI says of the hot path's routes, and of what they answer."""

from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query
from pydantic import BaseModel, Field

from ingest_service import cloudevents
from ingest_service.browser import OnceParameter
from ingest_service.hot import RETRACTIONS
from ingest_service.retractions import RetractionRequest
from schema.event_model import Event
from schema.http import problems

_ERRORS = (*problems.BEHIND_A_KEY, 413, 415, 422, 503)


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


class EventFault(BaseModel):
    """One thing that is wrong with one event."""

    index: int = Field(description="Where the event stands, from 0.")
    field: str | None = Field(
        description="A field, or an attribute of a CloudEvent; null: the event as a whole."
    )
    error: str = Field(description="Stable snake_case tag.")
    detail: str = Field(description="One sentence; empty beyond 500 errors.")


class DryRun(BaseModel):
    """What would become of events; nothing was stored."""

    received: int
    would_accept: int
    would_reject: int
    events: list[dict[str, Any] | None] = Field(
        description="Runs along with the input: as it would be stored; null: rejected."
    )
    errors: list[EventFault]


_DRY_RUN: dict[int | str, dict[str, Any]] = {
    200: {"model": DryRun, "description": "A dry run; nothing was stored"}
}
_DryRunParameter = Annotated[
    Literal["0", "1"], Query(description="1: store nothing, tell all that is wrong.")
]


def _takes(kind: bytes, *, many: bool = False) -> dict[str, Any]:
    """Declare that a route takes CloudEvents, too."""
    envelope = {"type": "object", "description": "A CloudEvent 1.0; see docs/sandbox.md."}
    schema = {"type": "array", "items": envelope} if many else envelope
    return {"requestBody": {"content": {kind.decode(): {"schema": schema}}}}


def add_event_routes(app: FastAPI) -> None:
    """Declare the hot path's routes: they are answered in front of FastAPI."""
    _add_events(app)
    _add_retractions(app)


def _add_events(app: FastAPI) -> None:
    @app.post(
        "/events",
        status_code=202,
        response_model=EventAccepted,
        responses=_DRY_RUN | problems.responses(_ERRORS),
        openapi_extra=_takes(cloudevents.STRUCTURED),
        tags=["events"],
    )
    async def post_event(
        event: Event, once: OnceParameter = "", dry_run: _DryRunParameter = "0"
    ) -> None:
        """Accept one event, at most 64 KiB; also a CloudEvent, structured or binary.
        Content-Encoding gzip is understood.
        """

    @app.post(
        "/events/batch",
        status_code=202,
        response_model=BatchOutcome,
        responses={
            **_DRY_RUN,
            207: {"model": BatchOutcome, "description": "Some events were accepted, some not"},
            **problems.responses(_ERRORS),
        },
        openapi_extra=_takes(cloudevents.BATCHED, many=True),
        tags=["events"],
    )
    async def post_batch(
        events: list[Event], once: OnceParameter = "", dry_run: _DryRunParameter = "0"
    ) -> None:
        """Accept up to 1,000 events and 1 MiB: a JSON array, NDJSON (application/x-ndjson)
        or a batch of CloudEvents. Each event is judged on its own.
        """


def _add_retractions(app: FastAPI) -> None:
    @app.post(
        RETRACTIONS,
        status_code=202,
        response_model=BatchOutcome,
        responses={
            207: {"model": BatchOutcome, "description": "Some were accepted, some not"},
            **problems.responses(_ERRORS),
        },
        tags=["events"],
    )
    async def post_retractions(retractions: RetractionRequest | list[RetractionRequest]) -> None:
        """Take events back, one or up to 1,000: an unlike, or the deletion of a wrong event.

        Each names an event as it was sent. It may be sent again, and may even come before its
        event; the event stays taken back.
        """
