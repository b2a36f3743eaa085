"""Bodies of the responses to events. OpenAPI documents these dataclasses, msgspec encodes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field

from ingest_service.parse import ParsedBatch

MAX_DETAILS: Final = 300
"""Errors of a response that have a detail. More would exceed 128 KiB."""

_NOT_ACKNOWLEDGED: Final = "not acknowledged in time; retry with the same ID"


@dataclass
class EventAccepted:
    """A single event was accepted."""

    event_id: Annotated[str, Field(description="ID of the event. Send it with every retry.")]


@dataclass
class EventError:
    """The error of one event of a batch."""

    index: Annotated[int, Field(description="Index of the event in the batch, from 0.")]
    error: Annotated[str, Field(description="Stable snake_case tag.")]
    detail: Annotated[str, Field(description="One sentence. Empty after 300 errors.")]


@dataclass
class BatchReply:
    """The outcome of a batch."""

    received: int
    accepted: int
    rejected: int
    filtered: Annotated[int, Field(description="Valid events that are not counted: bots etc.")]
    event_ids: Annotated[
        list[UUID | None], Field(description="Parallel to the batch; null: not accepted.")
    ]
    errors: list[EventError]


@dataclass
class DryRunError:
    """One error of one event."""

    index: Annotated[int, Field(description="Index of the event, from 0.")]
    field: Annotated[
        str | None,
        Field(description="Field, or attribute of a CloudEvent; null: the event as a whole."),
    ]
    error: Annotated[str, Field(description="Stable snake_case tag.")]
    detail: Annotated[str, Field(description="One sentence. Empty after 300 errors.")]


@dataclass
class DryRunReply:
    """The predicted outcomes of events. Nothing was stored."""

    received: int
    would_accept: int
    would_reject: int
    events: Annotated[
        list[Any],
        Field(description="Parallel to the request: the event to store; null: rejected."),
    ]
    errors: list[DryRunError]


def encode_accepted(event_id: UUID) -> bytes:
    """Return the body of the response to an accepted event, an EventAccepted."""
    return b'{"event_id":"%b"}' % str(event_id).encode()


def batch_reply(batch: ParsedBatch, acknowledged: Sequence[bool]) -> BatchReply:
    """Return the outcome of a batch.

    Args:
        batch: the events of the request.
        acknowledged: for each of its records, whether Kafka acknowledged it in time.
    """
    event_ids: list[UUID | None] = [None] * batch.received
    errors = [EventError(index, error.code, error.detail) for index, error in batch.rejected]
    for record, index, is_stored in zip(batch.records, batch.indexes, acknowledged, strict=True):
        if is_stored:
            event_ids[index] = record.event_id
        else:
            errors.append(EventError(index, "unavailable", _NOT_ACKNOWLEDGED))
    errors.sort(key=lambda error: error.index)
    omit_details(errors)
    accepted, filtered = sum(acknowledged), len(batch.filtered)
    rejected = batch.received - accepted - filtered
    return BatchReply(batch.received, accepted, rejected, filtered, event_ids, errors)


def omit_details(errors: Sequence[EventError | DryRunError]) -> None:
    """Empty the details of errors beyond the maximum."""
    for error in errors[MAX_DETAILS:]:
        error.detail = ""
