"""What would become of events, without storing any: all that is wrong with each of them. Pure.

The service's own path decides; the published model then tells what else is wrong.
"""

from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Final
from urllib.parse import parse_qs

import msgspec
from pydantic import ValidationError

from ingest_service.cloudevents import Fault, Read
from ingest_service.intake import Clerk
from ingest_service.replies import MAX_LISTED_ERRORS
from schema.admission import admit
from schema.errors import InvalidEvent
from schema.event import Record
from schema.event_model import Event
from schema.faults import invalid_field, missing_field, unknown_field
from schema.http.problems import Problem
from schema.wire import decode_draft

_NULL: Final = b"null"
_FIELDS: Final = {
    "invalid_event_id": "event_id",
    "missing_field": "post_id",
    "ambiguous_post": "post",
    "ambiguous_user": "user",
}
_NAMED: Final = {
    "post_id": msgspec.Raw(b"1"),
    "post": msgspec.Raw(b'"x"'),
    "user_id": msgspec.Raw(b"1"),
    "user": msgspec.Raw(b'"x"'),
}
_REQUIRED: Final = {"post_id": msgspec.Raw(b"1"), "type": msgspec.Raw(b'"view"')}
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class EventFault(msgspec.Struct):
    """One thing that is wrong with one event; ``field`` null: with the event as a whole."""

    index: int
    field: str | None
    error: str
    detail: str


class Preview(msgspec.Struct):
    """What would become of a batch; ``events`` runs along with what was sent."""

    received: int
    would_accept: int
    would_reject: int
    events: list[Record | None]
    errors: list[EventFault]


def is_asked(query_string: bytes) -> bool:
    """Tell whether the query asks for a dry run. Raises Problem 422 where that is unclear."""
    if b"dry_run" not in query_string:
        return False
    # As text: of bytes, it takes no escapes beyond ASCII.
    query = parse_qs(query_string.decode("latin-1"), keep_blank_values=True)
    given = query.get("dry_run", ["0"])
    if given not in (["0"], ["1"]):
        raise Problem(422, "invalid_dry_run", "dry_run: expected 1, or 0")
    return given == ["1"]


def rehearse(
    raws: list[bytes], clerk: Clerk, change: Callable[[Record], Record], read: Read | None = None
) -> Preview:
    """Judge events as the service does, and say everything that is wrong with them.

    Args:
        raws: the events as they were sent.
        clerk: who would admit them.
        change: what would be done to an admitted event; may raise InvalidEvent.
        read: how their envelopes are read, where they have any.
    """
    events: list[Record | None] = []
    errors: list[EventFault] = []
    for index, raw in enumerate(raws):
        try:
            events.append(change(clerk.one(raw)))
        except InvalidEvent as error:
            events.append(None)
            errors += [EventFault(index, *fault) for fault in _all_faults(raw, error, clerk, read)]
    for fault in errors[MAX_LISTED_ERRORS:]:
        fault.detail = ""
    refused = events.count(None)
    return Preview(len(raws), len(raws) - refused, refused, events, errors)


def _all_faults(raw: bytes, error: InvalidEvent, clerk: Clerk, read: Read | None) -> list[Fault]:
    decisive = Fault(None, error.code, error.detail)
    if error.code == "event_too_large":
        return [decisive]
    if read is None:
        found = event_faults(raw, clerk)
    else:
        fields, found = read(raw)
        told = {fault.code for fault in found} | {"missing_field"}
        if fields:
            judged = event_faults(msgspec.json.encode(fields), clerk)
            found = [*found, *(fault for fault in judged if fault.code not in told)]
    # Such as a name given twice, of which the model sees the last alone.
    return found if error.code in {fault.code for fault in found} else [decisive, *found]


def event_faults(raw: bytes, clerk: Clerk) -> list[Fault]:
    """Return all that is wrong with the fields of an event; nothing where *raw* is no object."""
    try:
        members = _members(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    found = list(dict.fromkeys(_model_faults(raw)))
    faulty = {fault.attribute for fault in found}
    identity = {
        name: None if bytes(members.get(name, _NULL)) == _NULL else members[name]
        for name in ("event_id", "engaged_timestamp")
        if name not in faulty
    }
    named = [name for name in _NAMED if bytes(members.get(name, _NULL)) != _NULL]
    found += [*_naming_faults(named, clerk), *_identity_faults(identity, clerk)]
    return list(dict.fromkeys(found))


def _model_faults(raw: bytes) -> Iterator[Fault]:
    try:
        Event.model_validate_json(raw)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            if not fault["loc"]:
                continue
            name = str(fault["loc"][0])
            if fault["type"] == "extra_forbidden":
                yield _fault(None, unknown_field())
            elif fault["type"] == "missing":
                yield _fault(name, missing_field(name))
            else:
                yield _fault(name, invalid_field(name))


def _naming_faults(named: list[str], clerk: Clerk) -> Iterator[Fault]:
    """Judge which of the names of post and user are given, whatever they are."""
    kind = {"type": _REQUIRED["type"]}
    posts = {name: _NAMED[name] for name in named if name.startswith("post")}
    users = {name: _NAMED[name] for name in named if name.startswith("user")}
    yield from _judged(kind | posts, clerk)
    yield from _judged(_REQUIRED | users, clerk)


def _identity_faults(identity: dict[str, msgspec.Raw | None], clerk: Clerk) -> Iterator[Fault]:
    """Judge id and time, each of them alone.

    Args:
        identity: what can be read of event_id and engaged_timestamp; None: not given.
        clerk: who would admit the event.
    """
    event_id, time = identity.get("event_id"), identity.get("engaged_timestamp")
    if event_id is not None:
        now = msgspec.json.encode(clerk.received.astimezone(UTC))
        at_receipt = {"event_id": event_id, "engaged_timestamp": msgspec.Raw(now)}
        yield from _judged(_REQUIRED | at_receipt, clerk)
    if time is not None:
        yield from _judged(_REQUIRED | {"engaged_timestamp": time}, clerk)
    elif event_id is not None and "engaged_timestamp" in identity:
        yield from _judged(_REQUIRED | {"event_id": event_id}, clerk)


def _judged(fields: dict[str, msgspec.Raw], clerk: Clerk) -> Iterator[Fault]:
    try:
        draft = decode_draft(msgspec.json.encode(fields))
        admit(draft, clerk.received, clerk.window, clerk.mint)
    except InvalidEvent as error:
        yield _fault(_FIELDS.get(error.code, "engaged_timestamp"), error)


def _fault(name: str | None, error: InvalidEvent) -> Fault:
    return Fault(name, error.code, error.detail)
