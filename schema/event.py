"""The event: its limits and its msgspec structs, which decode several times faster than pydantic.

schema.event_model is the published twin (OpenAPI, JSON Schema); a test compares the two.
schema.wire reads and writes events, schema.validation has the rules for ID and time.
"""

import re
from datetime import datetime
from typing import Annotated, Final, Literal, get_args
from uuid import UUID

import msgspec

MAX_ID: Final = 2**63 - 1
MAX_EXTERNAL_ID: Final = 200
_NO_CONTROL: Final = r"[^\x00-\x1f\x7f]+"
TEXT_PATTERN: Final = f"^{_NO_CONTROL}$"
"""A string without control characters, as a pattern of pydantic and JSON Schema."""
MAX_EVENT_BYTES: Final = 64 * 1024
MAX_BATCH_EVENTS: Final = 1_000
MAX_BATCH_BYTES: Final = 1024 * 1024


EventType = Literal["view", "like", "comment", "share"]
TYPES: Final[tuple[str, ...]] = get_args(EventType)

_Id = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
_ExternalId = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=MAX_EXTERNAL_ID, pattern=rf"^{_NO_CONTROL}\Z"),
]
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]
# Python's JSON decoder lets unpaired surrogates through.
_is_external_id: Final = re.compile(_NO_CONTROL.replace("]", r"\ud800-\udfff]")).fullmatch


def is_external_id(text: str) -> bool:
    """Return whether a string can be the external ID of an author, a post or a user."""
    return len(text) <= MAX_EXTERNAL_ID and _is_external_id(text) is not None


class Draft(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An event as the client sent it: ID and time may be missing."""

    type: EventType
    post_id: _Id | None = None
    event_id: UUID | None = None
    user_id: _Id | None = None
    engaged_timestamp: _Instant | None = None
    post: _ExternalId | None = None
    user: _ExternalId | None = None


class Record(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """An event in Kafka: complete, with the time of receipt.

    Post and user are given by number or by external ID.
    """

    event_id: UUID
    type: EventType
    engaged_timestamp: _Instant
    post_id: _Id | None = None
    user_id: _Id | None = None
    received_timestamp: _Instant | None = None
    post: _ExternalId | None = None
    user: _ExternalId | None = None


class Retraction(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A retraction in Kafka, in the partition of its event.

    It has the identity and the post of the event.
    """

    retracted_event_id: UUID
    engaged_timestamp: _Instant
    post_id: _Id | None = None
    post: _ExternalId | None = None
    received_timestamp: _Instant | None = None
