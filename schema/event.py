"""The event: its limits and its structs.

schema.event_model has the same as OpenAPI and JSON Schema publish it, tests hold the two
together; msgspec is several times faster. schema.wire reads and writes it, schema.admission has
the rules of id and time.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec

MAX_ID: Final = 2**63 - 1
MAX_EXTERNAL_ID: Final = 200
_NO_CONTROL: Final = r"[^\x00-\x1f\x7f]+"
TEXT_PATTERN: Final = f"^{_NO_CONTROL}$"
"""A text on one line, as pydantic and JSON Schema read a pattern."""
MAX_EVENT_BYTES: Final = 64 * 1024
MAX_BATCH_EVENTS: Final = 1_000
MAX_BATCH_BYTES: Final = 1024 * 1024


class EngagementType(StrEnum):
    """What a reader did."""

    VIEW = "view"
    LIKE = "like"
    COMMENT = "comment"
    SHARE = "share"


TYPES: Final = tuple(t.value for t in EngagementType)


_Id = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
_Name = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=MAX_EXTERNAL_ID, pattern=rf"^{_NO_CONTROL}\Z"),
]
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]
# Where a text comes from JSON as Python reads it, halves of characters are in it, too.
_is_name: Final = re.compile(_NO_CONTROL.replace("]", r"\ud800-\udfff]")).fullmatch


def is_external_id(text: str) -> bool:
    """Tell whether a text may be the external id of an author, a post or a user."""
    return len(text) <= MAX_EXTERNAL_ID and _is_name(text) is not None


class Draft(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What a client sent, before ids and times are completed."""

    type: Literal["view", "like", "comment", "share"]
    post_id: _Id | None = None
    event_id: UUID | None = None
    user_id: _Id | None = None
    engaged_timestamp: _Instant | None = None
    post: _Name | None = None
    user: _Name | None = None


class Record(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """What stands in Kafka: complete, and stamped with the time of receipt.

    A post or a user is named by its number, or by the external_id it has in the catalogue.
    """

    event_id: UUID
    type: Literal["view", "like", "comment", "share"]
    engaged_timestamp: _Instant
    post_id: _Id | None = None
    user_id: _Id | None = None
    received_timestamp: _Instant | None = None
    post: _Name | None = None
    user: _Name | None = None


class Retraction(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """What takes an event back, as it stands in Kafka, in the partition of the event.

    It names the event by its identity and by its post, as the event itself did.
    """

    retracted_event_id: UUID
    engaged_timestamp: _Instant
    post_id: _Id | None = None
    post: _Name | None = None
    received_timestamp: _Instant | None = None
