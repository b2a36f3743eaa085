"""From where to read: the offset rows, held against the log that Kafka has."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import sql
from consumer.batch import Cursor
from consumer.decode import Fingerprint
from schema.errors import Halted
from sql.pool import Connection


@dataclass(frozen=True)
class LogBounds:
    """The first offset still in a partition's log, and the one its next record will get."""

    start: int
    end: int


AskBounds: TypeAlias = Callable[[set[int]], Awaitable[dict[int, LogBounds]]]


@dataclass(frozen=True)
class Position:
    """Where a partition goes on: seek there, then read with the cursor. Or why it halts."""

    seek_to: int
    cursor: Cursor
    halt: Halted | None = None
    is_halted_already: bool = False


async def read_positions(
    connection: Connection, topic: str, partitions: set[int], ask_bounds: AskBounds
) -> dict[int, Position]:
    """Return where each partition goes on.

    New ones get their account begun, and a position when they are asked for again: the rows are
    read before the log, or one that its former consumer still moves on could seem to stand
    beyond the log's end.
    """
    query = sql.load("read_offsets")
    values = query.bind(topic=topic, partitions=sorted(partitions))
    rows = await connection.fetch(query.text, *values)
    bounds = await ask_bounds(partitions)
    new = sorted(partitions - {row["partition"] for row in rows})
    if new:
        create = sql.load("create_offsets")
        starts = [bounds[partition].start for partition in new]
        await connection.execute(
            create.text, *create.bind(topic=topic, partitions=new, starts=starts)
        )
    return {row["partition"]: position(row, bounds[row["partition"]]) for row in rows}


def position(row: Any, log: LogBounds) -> Position:
    """Hold an offset row against its log. Pure.

    The last record dealt with is read again where it is still there, so that its fingerprint
    can be compared; an offset outside the log can never be read and halts the partition.
    """
    next_offset: int = row["next_offset"]
    cursor = Cursor(next_offset, row["dead_in_a_row"])
    if row["halt_reason"] is not None:
        stands = Halted(row["halt_reason"], row["halt_detail"] or "")
        return Position(next_offset, cursor, stands, is_halted_already=True)
    if next_offset > log.end:
        detail = f"stored up to offset {next_offset}, but the log ends at {log.end}"
        return Position(next_offset, cursor, Halted("log_diverged", detail))
    if next_offset < log.start:
        detail = (
            f"{log.start - next_offset} records from offset {next_offset} on"
            " left the log before they were read"
        )
        return Position(next_offset, cursor, Halted("records_lost", detail))
    last = row["fingerprint_offset"]
    if last is None or last < log.start:
        return Position(next_offset, cursor)
    cursor.anchor = Fingerprint(last, row["fingerprint_timestamp"], row["fingerprint_crc"])
    return Position(last, cursor)
