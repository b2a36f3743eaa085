"""What clients are told about their events."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from ingest_service.intake import Intake

MAX_LISTED_ERRORS: Final = 500
"""Most errors a reply lists in full; further ones carry their tag alone, to stay in 128 KiB."""

_UNAVAILABLE_DETAIL: Final = "not acknowledged in time; send it again with the same id"


class EventError(msgspec.Struct, omit_defaults=True):
    """What is wrong with one event of a batch."""

    index: int
    error: str
    detail: str = ""


class BatchReply(msgspec.Struct, omit_defaults=True):
    """The outcome of a batch; ``event_ids`` runs along with what was sent.

    ``dropped``: events of a browser that were right and are not counted, left out when none.
    """

    received: int
    accepted: int
    rejected: int
    event_ids: list[UUID | None]
    errors: list[EventError]
    dropped: int = 0


def event_reply(event_id: UUID) -> bytes:
    """Return the body of a 202 for a single event."""
    return b'{"event_id":"%b"}' % str(event_id).encode()


def batch_reply(intake: Intake, acknowledged: Sequence[bool]) -> BatchReply:
    """Add up a batch: refused events, and those that Kafka did not acknowledge in time."""
    event_ids: list[UUID | None] = [None] * intake.received
    errors = [EventError(index, error.code, error.detail) for index, error in intake.refused]
    for record, index, is_stored in zip(intake.records, intake.indexes, acknowledged, strict=True):
        if is_stored:
            event_ids[index] = record.event_id
        else:
            errors.append(EventError(index, "unavailable", _UNAVAILABLE_DETAIL))
    errors.sort(key=lambda error: error.index)
    for error in errors[MAX_LISTED_ERRORS:]:
        error.detail = ""
    accepted, dropped = sum(acknowledged), len(intake.dropped)
    rejected = intake.received - accepted - dropped
    return BatchReply(intake.received, accepted, rejected, event_ids, errors, dropped)
