"""Builders of test data: only the fields that matter to a test are named in it."""

import itertools
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from schema.event import Record
from schema.validation import Window
from schema.wire import encode

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
WINDOW = Window(past=timedelta(days=400), future=timedelta(seconds=300))
_ids = itertools.count(1)


class Clock:
    """A monotonic clock that the test sets."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def record(**fields: Any) -> Record:
    """Return a valid record of NOW; each call has another event ID."""
    defaults: dict[str, Any] = {
        "event_id": uuid.UUID(int=(0x4 << 76) | next(_ids)),
        "post_id": 7,
        "type": "view",
        "engaged_timestamp": NOW,
        "user_id": None,
        "received_timestamp": NOW + timedelta(seconds=1),
    }
    return Record(**(defaults | fields))


def value(**fields: Any) -> bytes:
    """Return a valid record as it is in Kafka."""
    return encode(record(**fields))


@dataclass
class Message:
    """A Kafka record as the consumer sees it."""

    offset: int
    value: bytes | None
    timestamp: int = int(NOW.timestamp() * 1000)
    key: bytes | None = b"7"


def messages(*offsets: int, **fields: Any) -> list[Message]:
    """Return a message with a valid event for each offset."""
    return [Message(offset, value(**fields)) for offset in offsets]
