"""Offset rows outside of a batch's transaction: where to read, halts, and when it caught up."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import sql
from consumer.batch import Cursor
from consumer.decode import Fingerprint
from schema.errors import Halted
from sql.pool import Connection


@dataclass(frozen=True)
class OffsetRange:
    """First offset of a partition that Kafka still has, and the offset of its next record."""

    start: int
    end: int


ReadRanges: TypeAlias = Callable[[set[int]], Awaitable[dict[int, OffsetRange]]]


@dataclass(frozen=True)
class Position:
    """The position of a partition: the offset to seek and the cursor, or the reason of its halt."""

    seek_to: int
    cursor: Cursor
    halt: Halted | None = None
    is_halted_already: bool = False


async def read_positions(
    connection: Connection, topic: str, partitions: set[int], read_ranges: ReadRanges
) -> dict[int, Position]:
    """Return where to go on in each partition.

    New partitions get an offset row now, and a position at the next call. The rows are read before
    Kafka: a row that the former consumer still moves would seem to be beyond the end of the log.
    """
    rows = await sql.load("read_offsets").fetch(
        connection, topic=topic, partitions=sorted(partitions)
    )
    ranges = await read_ranges(partitions)
    new = sorted(partitions - {row["partition"] for row in rows})
    if new:
        starts = [ranges[partition].start for partition in new]
        await sql.load("insert_offsets").execute(
            connection, topic=topic, partitions=new, starts=starts
        )
    return {row["partition"]: position(row, ranges[row["partition"]]) for row in rows}


def position(row: Any, log: OffsetRange) -> Position:
    """Compare an offset row with what Kafka has. Pure.

    The last consumed record is read again if Kafka still has it, to compare its fingerprint.
    An offset that Kafka does not have halts the partition.
    """
    next_offset: int = row["next_offset"]
    cursor = Cursor(next_offset, row["consecutive_dead_letters"])
    if row["halt_reason"] is not None:
        halt = Halted(row["halt_reason"], row["halt_detail"] or "")
        return Position(next_offset, cursor, halt, is_halted_already=True)
    if next_offset > log.end:
        detail = f"stored up to offset {next_offset}, but the log ends at {log.end}"
        return Position(next_offset, cursor, Halted("log_diverged", detail))
    if next_offset < log.start:
        detail = (
            f"Kafka deleted {log.start - next_offset} records from offset {next_offset} on"
            " before they were consumed"
        )
        return Position(next_offset, cursor, Halted("records_lost", detail))
    last = row["fingerprint_offset"]
    if last is None or last < log.start:
        return Position(next_offset, cursor)
    cursor.unverified = Fingerprint(last, row["fingerprint_timestamp"], row["fingerprint_crc"])
    return Position(last, cursor)


async def halt_partition(
    connection: Connection, topic: str, partition: int, next_offset: int, halt: Halted
) -> bool:
    """Record a halt in the offset row. Return False if the row is no longer at *next_offset*."""
    found = await sql.load("halt_partition").fetchval(
        connection,
        topic=topic,
        partition=partition,
        reason=halt.reason,
        detail=halt.detail,
        next_offset=next_offset,
    )
    return found is not None


async def update_caught_up(
    connection: Connection, topic: str, read: Sequence[tuple[int, int, datetime]]
) -> None:
    """Record when partitions were read to their end: (partition, next offset, time) of each."""
    partitions, next_offsets, caught_up = (list(column) for column in zip(*read, strict=True))
    await sql.load("update_caught_up").execute(
        connection,
        topic=topic,
        partitions=partitions,
        next_offsets=next_offsets,
        caught_up=caught_up,
    )


async def count_offset_rows(connection: Connection, topic: str) -> int:
    """Return how many partitions of the topic any consumer was ever assigned."""
    found: int = await sql.load("count_offsets").fetchval(connection, topic=topic)
    return found
