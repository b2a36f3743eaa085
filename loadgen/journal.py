"""The journal: what was sent, and how each event was answered in the end.

A line is written before a batch's first attempt and one after its last, so what a crash cuts
short is known to be unknown. The journal is the oracle that reports are compared with.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from loadgen.events import Event
from loadgen.ledger import Totals
from loadgen.mixture import Item
from loadgen.replies import ACCEPTED


class Run(msgspec.Struct, tag="run", tag_field="line"):
    """The start of a run; *ledger*: the totals before it, if they were asked for."""

    plan: str
    ledger: Totals | None = None


class Sent(msgspec.Struct, tag="sent", tag_field="line"):
    """A batch about to be sent; in the place of an invalid event, the error it must get."""

    batch: int
    events: list[Event | str]


class Answered(msgspec.Struct, tag="answered", tag_field="line"):
    """A batch's end: the outcomes, by position, of the events that were not accepted."""

    batch: int
    others: dict[int, str]


class Journal:
    """Appends to a journal's file."""

    def __init__(self, path: Path, *, is_synced: bool = False) -> None:
        """Open *path*; *is_synced*: each batch is on the disk before it is sent."""
        self._is_synced = is_synced
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("ab")
        self.start_byte = self._file.tell()
        self._encode = msgspec.json.Encoder().encode
        self._batch = 0

    def begin(self, run: Run) -> None:
        """Write the start of a run, after ending a line that a crash may have cut short."""
        if self.start_byte:
            self._append(b"")
        self._append(self._encode(run))

    def sent(self, items: Sequence[Item]) -> int:
        """Write what is about to be sent. Returns the batch's number."""
        self._batch += 1
        events = b",".join(item.body if item.event else self._encode(item.error) for item in items)
        self._append(b'{"line":"sent","batch":%d,"events":[%s]}' % (self._batch, events))
        if self._is_synced:
            os.fsync(self._file.fileno())
        return self._batch

    def answered(self, batch: int, outcomes: Sequence[str]) -> None:
        """Write the final outcome of each event of a batch."""
        others = {place: code for place, code in enumerate(outcomes) if code != ACCEPTED}
        self._append(self._encode(Answered(batch, others)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _append(self, line: bytes) -> None:
        self._file.write(line + b"\n")
        self._file.flush()


def read(path: Path, start_byte: int = 0) -> Iterator[Run | Sent | Answered]:
    """Yield a journal's lines but those that a crash cut short: their batch has no answer."""
    decoder = msgspec.json.Decoder(Run | Sent | Answered)
    with path.open("rb") as file:
        file.seek(start_byte)
        for line in file:
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError:
                continue
