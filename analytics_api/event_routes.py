"""Where is my event? By the id that ingest answered with."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Query, Request
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import Response

import sql
from analytics_api.answering.answers import LIVE, Answer
from analytics_api.answering.requests import new_router, state_of
from schema.http.problems import Problem

router = new_router()

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION_7: Final = 7
# Clients may stamp the id a moment before or after the time.
_AROUND: Final = timedelta(seconds=5)

State = Literal["stored", "retracted", "dead_lettered", "not_seen"]
_MEANINGS: Final[dict[str, str]] = {
    "stored": "It is in engagements and in every rollup.",
    "retracted": "It was taken back, before or after it came.",
    "dead_lettered": "It could not be stored; `engage dead-letters show` has its bytes.",
    "not_seen": "Nothing with this id and time was stored by the time of Data-As-Of. If it was"
    " accepted before that, look it up with the engaged_timestamp that it was sent with.",
}


class FoundEvent(BaseModel):
    """Where an event is. No user is told."""

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
        default=None, description="Of a dead letter: stored, duplicate or retracted since."
    )


@router.get("/events/{event_id}", response_model=FoundEvent, tags=["operations"])
async def event(
    request: Request,
    event_id: UUID,
    engaged_timestamp: Annotated[
        AwareDatetime | None,
        Query(description="As it was sent. May be left out if the id is version 7 and it was not."),
    ] = None,
) -> Response:
    """Where is this event: stored, taken back, a dead letter, or not seen?"""
    state = state_of(request)
    earliest, latest = _between(event_id, engaged_timestamp)
    # A replica that is behind would say "not seen" of what is stored.
    answer = Answer(request, state.primary.follower.live, LIVE, event_id, earliest, latest)
    query = sql.load("find_event")
    values = query.bind(event_id=event_id, **{"from": earliest, "to": latest})
    row = await state.primary.pool.fetchrow(query.text, *values)
    facts = {"state": "not_seen"} if row is None else dict(row)
    found = FoundEvent(event_id=event_id, meaning=_MEANINGS[facts["state"]], **facts)
    return answer.of(found)


def _between(event_id: UUID, engaged: datetime | None) -> tuple[datetime, datetime]:
    """Return the earliest and the latest time that the event may have. Raises Problem 422."""
    if engaged is not None:
        return _utc(engaged), _utc(engaged)
    if event_id.version != _VERSION_7:
        detail = "engaged_timestamp: required, as this id carries no time"
        raise Problem(422, "timestamp_required", detail)
    try:
        inside = _EPOCH + timedelta(milliseconds=event_id.int >> 80)
        return inside - _AROUND, inside + _AROUND
    except OverflowError:
        raise Problem(422, "invalid_parameter", "event_id: its time is out of range") from None


def _utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise Problem(422, "invalid_parameter", "engaged_timestamp: out of range") from None
