"""Routes for operators: the ledger, and the state of one event."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

import sql
from analytics_api.ledger import Ledger, active_alerts, balance, read_counts
from analytics_api.responses import LIVE, Representation
from analytics_api.routing import new_router
from analytics_api.state import state_of
from schema.uuid7 import is_uuid7, time_of
from web.parameters import InstantParameter
from web.problems import Problem

router = new_router()


@router.get("/ops/ledger", response_model=Ledger, tags=["operations"])
async def ledger(request: Request) -> Response:
    """What became of each record of the topic, and do the counts add up?"""
    state = state_of(request)
    # Of the primary: each server counts deleted rows by itself.
    async with state.primary.pool.acquire() as connection:
        counts = await read_counts(connection, state.topic, state.row_counts)
        alerts = await active_alerts(connection)
    # After the offsets: records produced in between are in flight, never negative.
    ends = await state.end_offsets.read()
    found = balance(counts, state.topic, ends).model_copy(update={"alerts": alerts})
    version = state.primary.poller.live
    representation = Representation(request, version, LIVE, found.model_dump_json())
    return representation.not_modified() or representation.response(found)


# A client may create the ID a moment before or after the timestamp.
_TOLERANCE: Final = timedelta(seconds=5)

State = Literal["stored", "retracted", "dead_lettered", "not_seen"]
_MEANINGS: Final[dict[str, str]] = {
    "stored": "It is in engagements and in every rollup.",
    "retracted": "A retraction removed it, before or after it arrived.",
    "dead_lettered": "It could not be stored; `engage dead-letters show` has its bytes.",
    "not_seen": "Nothing with this id and time was stored by the time of Data-As-Of. If it was"
    " accepted before that, look it up with the engaged_timestamp that it was sent with.",
}


class FoundEvent(BaseModel):
    """State of an event, without its user."""

    event_id: UUID
    state: State
    meaning: str
    engaged_timestamp: datetime | None = None
    received_timestamp: datetime | None = None
    post_id: int | None = None
    type: str | None = None
    dead_letter_id: int | None = None
    dead_lettered_timestamp: datetime | None = None
    reason: str | None = None
    detail: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    replay_outcome: str | None = Field(
        default=None, description="Of a replayed dead letter: stored, duplicate or retracted."
    )


@router.get("/events/{event_id}", response_model=FoundEvent, tags=["operations"])
async def event(
    request: Request,
    event_id: UUID,
    engaged_timestamp: Annotated[
        InstantParameter | None,
        Query(
            description="Timestamp of the event. Optional if it was sent without one, or derives"
            " from a version 7 ID."
        ),
    ] = None,
) -> Response:
    """Is this event stored, retracted, a dead letter, or not seen?"""
    state = state_of(request)
    earliest, latest = _between(event_id, engaged_timestamp)
    # Of the primary: a lagging replica would return "not_seen" for a stored event.
    answer = Representation(request, state.primary.poller.live, LIVE, event_id, earliest, latest)
    span = {"from": earliest, "to": latest}
    row = await sql.load("find_event").fetchrow(state.primary.pool, event_id=event_id, **span)
    facts = {"state": "not_seen"} if row is None else dict(row)
    found = FoundEvent(event_id=event_id, meaning=_MEANINGS[facts["state"]], **facts)
    return answer.response(found)


def _between(event_id: UUID, engaged: datetime | None) -> tuple[datetime, datetime]:
    """Return the earliest and the latest time that the event may have. Raises Problem 422."""
    if engaged is not None:
        return _utc(engaged), _utc(engaged)
    if not is_uuid7(event_id):
        detail = "engaged_timestamp: required, as this id carries no time"
        raise Problem(422, "timestamp_required", detail)
    try:
        inside = time_of(event_id)
        return inside - _TOLERANCE, inside + _TOLERANCE
    except OverflowError:
        raise Problem(422, "invalid_parameter", "event_id: its time is out of range") from None


def _utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise Problem(422, "invalid_parameter", "engaged_timestamp: out of range") from None
