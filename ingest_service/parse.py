"""From the bytes of a body to records, and an error for each event that is rejected. Pure.

A body is first split into events, so that each is validated on its own: bytes that are not UTF-8
and half surrogate pairs are errors of one event, because such bytes are never JSON structure.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NoReturn
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from schema.errors import InvalidEvent
from schema.event import MAX_BATCH_EVENTS, MAX_EVENT_BYTES, Record, Retraction
from schema.validation import Window, complete, invalid_json
from schema.wire import decode_draft, decode_drafts
from web.body import ndjson_lines
from web.problems import Problem

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_STRING_OR_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]+|[\]}]', re.DOTALL)
_array: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_RETRACTION_FIELDS: Final = frozenset({"event_id", "engaged_timestamp", "post_id", "post"})
_ANY_TYPE: Final = msgspec.Raw(b'"view"')


@dataclass
class ParsedBatch:
    """The events of a request: records to publish, with their indexes, and the others.

    Attributes:
        received: number of events in the request.
        records: events to publish.
        indexes: index of each record in the request.
        rejected: index and error of invalid events.
        filtered: index and reason of valid events that are not counted.
    """

    received: int
    records: list[Record] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    rejected: list[tuple[int, InvalidEvent]] = field(default_factory=list)
    filtered: list[tuple[int, str]] = field(default_factory=list)

    def add(self, index: int, record: Record) -> None:
        self.indexes.append(index)
        self.records.append(record)

    def replace_each(self, replace: Callable[[Record], Record]) -> None:
        """Replace each record. Records for which *replace* raises InvalidEvent are rejected."""
        for index, record in self._pop_all():
            try:
                self.add(index, replace(record))
            except InvalidEvent as error:
                self.rejected.append((index, error))

    def filter(self, reason_to_filter: Callable[[Record], str | None]) -> None:
        """Filter the records for which there is a reason."""
        for index, record in self._pop_all():
            if (reason := reason_to_filter(record)) is None:
                self.add(index, record)
            else:
                self.filtered.append((index, reason))

    def _pop_all(self) -> list[tuple[int, Record]]:
        popped = list(zip(self.indexes, self.records, strict=True))
        self.indexes, self.records = [], []
        return popped


def new_event_id(received: datetime) -> UUID:
    """Return a new UUIDv7 of this time."""
    return uuid7(nanoseconds=int(received.timestamp() * 1e6) * 1000)


@dataclass(frozen=True)
class EventParser:
    """Parses and validates the events of one request.

    Args:
        received: the time of receipt, UTC.
        window: which event times are accepted.
        event_json: extracts an event from its envelope, if it has one.
        new_id: generates event IDs.
    """

    received: datetime
    window: Window
    event_json: Callable[[bytes], bytes] = bytes
    new_id: Callable[[datetime], UUID] = new_event_id

    def parse_one(self, raw: bytes) -> Record:
        """Parse a single event. Raises InvalidEvent."""
        if len(raw) > MAX_EVENT_BYTES:
            detail = f"an event may have at most {MAX_EVENT_BYTES} bytes"
            raise InvalidEvent("event_too_large", detail)
        draft = decode_draft(self.event_json(raw))
        return complete(draft, self.received, self.window, self.new_id)

    def parse_array(self, body: bytes) -> ParsedBatch:
        """Parse a JSON array: all events together if all are valid, else one by one.

        Raises:
            Problem: 400 not JSON, 413 too many events, 422 not an array.
        """
        if body.count(b"}") > MAX_BATCH_EVENTS:
            split_array(body)  # counts the events before any is decoded
        drafts = None if may_have_large_event(body) else decode_drafts(body)
        if drafts is None:
            return self.parse_each(split_array(body))
        try:
            records = [complete(d, self.received, self.window, self.new_id) for d in drafts]
        except InvalidEvent:
            return self.parse_each(split_array(body))
        return ParsedBatch(len(records), records, list(range(len(records))))

    def parse_array_or_one(self, body: bytes) -> ParsedBatch:
        """Parse a JSON array or a single event.

        Raises:
            InvalidEvent: the single event is invalid.
            Problem: as ``parse_array``.
        """
        if body.lstrip()[:1] != b"{":
            return self.parse_array(body)
        return ParsedBatch(1, [self.parse_one(body)], [0])

    def parse_each(self, raws: list[bytes]) -> ParsedBatch:
        """Parse events one by one."""
        return _parse_each(raws, self.parse_one)

    def parse_retractions(self, body: bytes) -> ParsedBatch:
        """Parse one retraction or an array of them; the records are the events to retract.

        Raises:
            Problem: as ``parse_array``.
        """
        raws = [body] if body.lstrip()[:1] == b"{" else split_array(body)
        return _parse_each(raws, self._parse_retraction)

    def _parse_retraction(self, raw: bytes) -> Record:
        try:
            members: dict[str, Any] = _members(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise invalid_json(error) from None
        if not members.keys() <= _RETRACTION_FIELDS:
            known = ", ".join(sorted(_RETRACTION_FIELDS))
            raise InvalidEvent("unknown_field", f"unknown field; known are {known}")
        if bytes(members.get("event_id", b"null")) == b"null":
            raise InvalidEvent("missing_field", "event_id: required")
        # The rules are those of the event, whatever its type was.
        draft = decode_draft(msgspec.json.encode(members | {"type": _ANY_TYPE}))
        return complete(draft, self.received, self.window, self.new_id)


def retraction_of(record: Record) -> Retraction:
    """Return the retraction of an event."""
    return Retraction(
        record.event_id,
        record.engaged_timestamp,
        record.post_id,
        record.post,
        record.received_timestamp,
    )


def _parse_each(raws: list[bytes], parse: Callable[[bytes], Record]) -> ParsedBatch:
    batch = ParsedBatch(len(raws))
    for index, raw in enumerate(raws):
        try:
            record = parse(raw)
        except InvalidEvent as error:
            batch.rejected.append((index, error))
        else:
            batch.add(index, record)
    return batch


def split_array(body: bytes) -> list[bytes]:
    """Return the elements of a JSON array.

    Raises:
        Problem: 400 not JSON, 413 too many events, 422 not an array.
    """
    text = body.decode("latin-1")  # one character per byte
    position = _skip_space(text, 0)
    if text[position : position + 1] != "[":
        _reject_body(body)
    found: list[bytes] = []
    separator = "["
    if text[(end := _skip_space(text, position + 1)) : end + 1] == "]":
        separator, position = "]", end
    while separator != "]":
        start = _skip_space(text, position + 1)
        end = _end_of_value(text, start)
        found.append(body[start:end])
        if len(found) > MAX_BATCH_EVENTS:
            raise _too_many()
        position = _skip_space(text, end)
        separator = text[position : position + 1]
        if separator not in ("]", ","):
            raise _malformed()
    if _skip_space(text, position + 1) != len(text):
        raise _malformed()
    return found


def split_lines(body: bytes) -> list[bytes]:
    """Return the lines of NDJSON that are not blank. Raises Problem 413 for too many."""
    found = ndjson_lines(body, MAX_BATCH_EVENTS)
    if found is None:
        raise _too_many()
    return found


def _too_many() -> Problem:
    detail = f"a batch may have at most {MAX_BATCH_EVENTS} events"
    return Problem(413, "too_many_events", detail)


def may_have_large_event(body: bytes) -> bool:
    """Return whether an event of this array may be larger than the maximum.

    Each event ends with a brace, so none is too large if all braces are near each other.
    """
    start = 0
    while len(body) - start > MAX_EVENT_BYTES:
        end = body.rfind(b"}", start, start + MAX_EVENT_BYTES)
        if end < start:
            return True
        start = end + 1
    return False


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None  # noqa: S101  (it also matches the empty string)
    return match.end()


def _reject_constant(_: str) -> NoReturn:
    raise ValueError("JSON has no NaN and Infinity")


_scan: Final = json.JSONDecoder(
    parse_constant=_reject_constant, parse_int=str, parse_float=str
).raw_decode


def _end_of_value(text: str, start: int) -> int:
    """Return where a JSON value ends. Raises Problem 400."""
    try:
        return _scan(text, start)[1]
    except ValueError:
        raise _malformed() from None
    except RecursionError:
        return _end_of_nested_value(text, start)


def _end_of_nested_value(text: str, start: int) -> int:
    """Return where a deeply nested object or array ends, by its brackets. Raises Problem 400."""
    depth = 0
    for match in _STRING_OR_BRACKETS.finditer(text, start, start + MAX_EVENT_BYTES):
        if match[0][0] in "[{":
            depth += len(match[0])
        elif match[0][0] != '"':
            depth -= 1
            if not depth:
                return match.end()
    raise _malformed()


def _reject_body(body: bytes) -> NoReturn:
    try:
        _array(body)
    except msgspec.ValidationError:
        detail = "expected a JSON array of events; send a single event to /events"
        raise Problem(422, "not_an_array", detail) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    raise _malformed()


def _malformed() -> Problem:
    return Problem(400, "malformed_json", "expected one JSON array")
