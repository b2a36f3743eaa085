"""Taking events back: what a client names, and the records it becomes. Pure."""

from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ingest_service.intake import Clerk, Intake, count, elements
from schema.admission import admit
from schema.errors import InvalidEvent
from schema.event import MAX_ID, Record, Retraction
from schema.wire import decode_draft

_KNOWN: Final = frozenset({"event_id", "engaged_timestamp", "post_id", "post"})
_ANY_TYPE: Final = msgspec.Raw(b'"view"')
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class RetractionRequest(BaseModel):
    """Names an event to take back, as it was sent."""

    model_config = ConfigDict(extra="forbid")

    event_id: UUID = Field(description="The event's id.")
    engaged_timestamp: AwareDatetime | None = Field(
        default=None, description="The event's time; absent: the time inside a version-7 event_id."
    )
    post_id: Annotated[int, Field(ge=1, le=MAX_ID)] | None = Field(
        default=None, description="The event's post as the event named it, or post."
    )
    post: str | None = Field(default=None, description="Its external_id.")


def read(body: bytes, clerk: Clerk) -> Intake:
    """Read one object or an array of them; each becomes a Retraction or an error.

    Raises:
        Problem: 400 not JSON, 413 too many, 422 neither.
    """
    raws = [body] if body.lstrip()[:1] == b"{" else elements(body)
    count(len(raws))
    intake = Intake(len(raws))
    for index, raw in enumerate(raws):
        try:
            record = _admit(raw, clerk)
        except InvalidEvent as error:
            intake.refused.append((index, error))
        else:
            intake.records.append(record)
            intake.indexes.append(index)
    return intake


def as_sent(record: Record) -> Retraction:
    """Return what stands in Kafka for an admitted retraction."""
    return Retraction(
        record.event_id,
        record.engaged_timestamp,
        record.post_id,
        record.post,
        record.received_timestamp,
    )


def _admit(raw: bytes, clerk: Clerk) -> Record:
    """Judge a retraction by the rules of the event that it names."""
    try:
        members: dict[str, Any] = _members(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidEvent("not_an_object", "expected a JSON object") from None
    if not members.keys() <= _KNOWN:
        known = ", ".join(sorted(_KNOWN))
        raise InvalidEvent("unknown_field", f"an unknown field; known are {known}")
    if bytes(members.get("event_id", b"null")) == b"null":
        raise InvalidEvent("missing_field", "event_id: required")
    draft = decode_draft(msgspec.json.encode(members | {"type": _ANY_TYPE}))
    return admit(draft, clerk.received, clerk.window, clerk.mint)
