"""From a body's bytes to records, or to what is wrong with each of them. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from schema.admission import Mint, Window, admit
from schema.errors import InvalidEvent
from schema.event import MAX_BATCH_EVENTS, MAX_EVENT_BYTES, Record
from schema.http.problems import Problem
from schema.wire import decode_draft, decode_drafts

_NO_ARRAY: Final = "expected a JSON array of events; a single event goes to /events"
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass
class Intake:
    """A batch: the records to produce, where each stood, and the events that are refused.

    ``dropped``: events that are right and not meant to be counted, with the reason.
    """

    received: int
    records: list[Record] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    refused: list[tuple[int, InvalidEvent]] = field(default_factory=list)
    dropped: list[tuple[int, str]] = field(default_factory=list)

    def change(self, change: Callable[[Record], Record]) -> None:
        """Put other records in the place of these; what raises InvalidEvent is refused."""
        for index, record in self._taken():
            try:
                self.keep(index, change(record))
            except InvalidEvent as error:
                self.refused.append((index, error))

    def drop(self, reason: Callable[[Record], str | None]) -> None:
        """Drop the records that there is a reason for."""
        for index, record in self._taken():
            if (why := reason(record)) is None:
                self.keep(index, record)
            else:
                self.dropped.append((index, why))

    def _taken(self) -> list[tuple[int, Record]]:
        taken = list(zip(self.indexes, self.records, strict=True))
        self.indexes, self.records = [], []
        return taken

    def keep(self, index: int, record: Record) -> None:
        """Add the record of the event that stands at *index*."""
        self.indexes.append(index)
        self.records.append(record)


def mint(received: datetime) -> UUID:
    """Return a new UUIDv7 of this time."""
    return uuid7(nanoseconds=int(received.timestamp() * 1e6) * 1000)


@dataclass(frozen=True)
class Clerk:
    """Admits events at a time of receipt.

    ``event_json`` takes what the client sent out of its envelope, where it has one.
    """

    received: datetime
    window: Window
    event_json: Callable[[bytes], bytes] = bytes
    mint: Mint = mint

    def one(self, raw: bytes) -> Record:
        """Admit a single event. Raises InvalidEvent."""
        if len(raw) > MAX_EVENT_BYTES:
            raise InvalidEvent(
                "event_too_large", f"an event may have {MAX_EVENT_BYTES} bytes at most"
            )
        draft = decode_draft(self.event_json(raw))
        return admit(draft, self.received, self.window, self.mint)

    def array(self, body: bytes) -> Intake:
        """Admit the events of a JSON array, all at once where all are good.

        Raises:
            Problem: 400 not JSON, 413 too many, 422 not an array.
        """
        drafts = decode_drafts(body)
        if drafts is None:
            return self._each(elements(body))
        count(len(drafts))
        try:
            records = [admit(d, self.received, self.window, self.mint) for d in drafts]
        except InvalidEvent:
            return self._each(elements(body))
        return Intake(len(records), records, list(range(len(records))))

    def enveloped(self, body: bytes) -> Intake:
        """Admit the events of a JSON array of envelopes. Raises Problem, as for an array."""
        return self._each(elements(body))

    def lines(self, body: bytes) -> Intake:
        """Admit the events of NDJSON; blank lines are no events. Raises Problem 413."""
        return self._each(lines(body))

    def array_or_one(self, body: bytes) -> Intake:
        """Admit a JSON array, or a single event, whose fault is then that of the request.

        Raises:
            InvalidEvent: the single event is wrong.
            Problem: as for an array.
        """
        if body.lstrip()[:1] != b"{":
            return self.array(body)
        return Intake(1, [self.one(body)], [0])

    def _each(self, raws: list[bytes]) -> Intake:
        count(len(raws))
        intake = Intake(len(raws))
        for index, raw in enumerate(raws):
            try:
                record = self.one(raw)
            except InvalidEvent as error:
                intake.refused.append((index, error))
            else:
                intake.keep(index, record)
        return intake


def elements(body: bytes) -> list[bytes]:
    """Return the elements of a JSON array. Raises Problem: 400 not JSON, 422 not an array."""
    try:
        return [bytes(raw) for raw in _split(body)]
    except msgspec.ValidationError:
        raise Problem(422, "not_an_array", _NO_ARRAY) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(400, "malformed_json", "expected one JSON array in UTF-8") from None


def lines(body: bytes) -> list[bytes]:
    """Return the lines of NDJSON that are not blank."""
    return [line for line in body.split(b"\n") if line.strip()]


def count(events: int) -> None:
    """Raise Problem 413 for more events than a batch may have."""
    if events > MAX_BATCH_EVENTS:
        raise Problem(413, "too_many_events", f"a batch has {MAX_BATCH_EVENTS} events at most")
