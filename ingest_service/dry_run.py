"""Validate events without storing them, and report all errors of each. Pure.

EventParser decides whether an event is accepted; the published model then finds further errors.
"""

from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from ingest_service.cloudevents import EnvelopeError, Reader
from ingest_service.parse import EventParser
from ingest_service.replies import DryRunError, DryRunReply, omit_details
from schema.errors import InvalidEvent
from schema.event import Record
from schema.event_model import Event
from schema.validation import complete, invalid_field, missing_field, unknown_field
from schema.wire import decode_draft
from web.problems import Problem

_NULL: Final = b"null"
_FIELD_OF_CODE: Final = {
    "invalid_event_id": "event_id",
    "missing_field": "post_id",
    "ambiguous_post": "post",
    "ambiguous_user": "user",
}
# Valid values, to test one field alone.
_NAMES: Final = {
    "post_id": msgspec.Raw(b"1"),
    "post": msgspec.Raw(b'"x"'),
    "user_id": msgspec.Raw(b"1"),
    "user": msgspec.Raw(b'"x"'),
}
_REQUIRED: Final = {"post_id": msgspec.Raw(b"1"), "type": msgspec.Raw(b'"view"')}
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def is_requested(query: dict[str, list[str]]) -> bool:
    """Return whether the query asks for a dry run. Raises Problem 422."""
    given = query.get("dry_run", ["0"])
    if given not in (["0"], ["1"]):
        raise Problem(422, "invalid_dry_run", "dry_run: expected 1 or 0")
    return given == ["1"]


def dry_run(
    raws: list[bytes],
    parser: EventParser,
    replace: Callable[[Record], Record] | None,
    reader: Reader | None = None,
) -> DryRunReply:
    """Validate events as for storing them.

    Args:
        raws: the events as they were sent.
        parser: parses them.
        replace: derives the identity of a valid event; may raise InvalidEvent.
        reader: of their envelopes, if they have any.
    """
    events: list[Any] = []
    errors: list[DryRunError] = []
    for index, raw in enumerate(raws):
        try:
            record = parser.parse_one(raw)
            events.append(replace(record) if replace else record)
        except InvalidEvent as error:
            events.append(None)
            found = _all_errors(raw, error, parser, reader)
            errors += [DryRunError(index, *each) for each in found]
    omit_details(errors)
    rejected = events.count(None)
    return DryRunReply(len(raws), len(raws) - rejected, rejected, events, errors)


def _all_errors(
    raw: bytes, error: InvalidEvent, parser: EventParser, reader: Reader | None
) -> list[EnvelopeError]:
    decisive = EnvelopeError(None, error.code, error.detail)
    if error.code == "event_too_large":
        return [decisive]
    if reader is None:
        found = event_errors(raw, parser)
    else:
        fields, found = reader(raw)
        known = {each.code for each in found} | {"missing_field"}
        if fields:
            of_event = event_errors(msgspec.json.encode(fields), parser)
            found = [*found, *(each for each in of_event if each.code not in known)]
    # The model may not see the decisive error, such as a repeated name.
    return found if error.code in {each.code for each in found} else [decisive, *found]


def event_errors(raw: bytes, parser: EventParser) -> list[EnvelopeError]:
    """Return all errors of the fields of an event; none if *raw* is not an object."""
    try:
        members = _members(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    found = list(dict.fromkeys(_model_errors(raw)))
    invalid = {error.attribute for error in found}
    identity = {
        name: None if bytes(members.get(name, _NULL)) == _NULL else members[name]
        for name in ("event_id", "engaged_timestamp")
        if name not in invalid
    }
    given = [name for name in _NAMES if bytes(members.get(name, _NULL)) != _NULL]
    found += [*_name_errors(given, parser), *_identity_errors(identity, parser)]
    return list(dict.fromkeys(found))


def _model_errors(raw: bytes) -> Iterator[EnvelopeError]:
    try:
        Event.model_validate_json(raw)
    except ValidationError as error:
        for each in error.errors(include_url=False, include_context=False, include_input=False):
            if not each["loc"]:
                continue
            name = str(each["loc"][0])
            if each["type"] == "extra_forbidden":
                yield _error(None, unknown_field())
            elif each["type"] == "missing":
                yield _error(name, missing_field(name))
            else:
                yield _error(name, invalid_field(name))


def _name_errors(given: list[str], parser: EventParser) -> Iterator[EnvelopeError]:
    """Check which of the fields for post and user are given, regardless of their values."""
    posts = {name: _NAMES[name] for name in given if name.startswith("post")}
    users = {name: _NAMES[name] for name in given if name.startswith("user")}
    yield from _parse_errors({"type": _REQUIRED["type"]} | posts, parser)
    yield from _parse_errors(_REQUIRED | users, parser)


def _identity_errors(
    identity: dict[str, msgspec.Raw | None], parser: EventParser
) -> Iterator[EnvelopeError]:
    """Check ID and time, each alone.

    Args:
        identity: event_id and engaged_timestamp, unless they are invalid; None: not given.
        parser: would parse the event.
    """
    event_id, time = identity.get("event_id"), identity.get("engaged_timestamp")
    if event_id is not None:
        now = msgspec.json.encode(parser.received.astimezone(UTC))
        at_receipt = {"event_id": event_id, "engaged_timestamp": msgspec.Raw(now)}
        yield from _parse_errors(_REQUIRED | at_receipt, parser)
    if time is not None:
        yield from _parse_errors(_REQUIRED | {"engaged_timestamp": time}, parser)
    elif event_id is not None and "engaged_timestamp" in identity:
        yield from _parse_errors(_REQUIRED | {"event_id": event_id}, parser)


def _parse_errors(fields: dict[str, msgspec.Raw], parser: EventParser) -> Iterator[EnvelopeError]:
    try:
        draft = decode_draft(msgspec.json.encode(fields))
        complete(draft, parser.received, parser.window, parser.new_id)
    except InvalidEvent as error:
        yield _error(_FIELD_OF_CODE.get(error.code, "engaged_timestamp"), error)


def _error(name: str | None, error: InvalidEvent) -> EnvelopeError:
    return EnvelopeError(name, error.code, error.detail)
