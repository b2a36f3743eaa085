"""The statements of a batch's transaction, each a question or a change that takes its rows."""

from collections.abc import Iterable, Sequence

import sql
from consumer import rollup
from consumer.batch import Batch
from consumer.decode import DeadLetter, Retracted
from consumer.external_ids import ExternalIds
from consumer.retractions import take_back, taken_back_before
from consumer.rows import Identity, Row, copy, identities, identity, instant
from schema.errors import EngagementError, Halted
from sql.pool import Connection


class Fenced(EngagementError):  # noqa: N818
    """The offset rows of some partitions are not where the batch expects them.

    Attributes:
        partitions: those partitions; nothing of the batch was written.
    """

    def __init__(self, partitions: set[int]) -> None:
        super().__init__(f"partitions {sorted(partitions)} were moved by another consumer")
        self.partitions = partitions


async def fence(connection: Connection, topic: str, batch: Batch) -> bool:
    """Lock the offset rows; whether anything was ever taken back. Raises Fenced."""
    query = sql.load("lock_offsets")
    values = query.bind(topic=topic, partitions=sorted(batch.shares))
    found = {row["partition"]: row for row in await connection.fetch(query.text, *values)}
    moved = {
        partition
        for partition, share in batch.shares.items()
        if partition not in found
        or found[partition]["next_offset"] != share.expected
        or found[partition]["halt_reason"] is not None
    }
    if moved:
        raise Fenced(moved)
    return any(row["has_retractions"] for row in found.values())


async def find_stored(connection: Connection, rows: Sequence[Row]) -> set[Identity]:
    """Return which identities of *rows* are stored already."""
    query = sql.load("find_stored")
    values = query.bind(**identities(rows))
    return {identity(row[0], row[1]) for row in await connection.fetch(query.text, *values)}


async def skip_retracted(connection: Connection, batch: Batch, rows: list[Row]) -> list[Row]:
    """Return the rows that were not taken back before they came; the others count as skipped."""
    gone = await taken_back_before(connection, rows)
    for share in batch.shares.values() if gone else ():
        share.skip(gone)
    return [row for row in rows if row[:2] not in gone] if gone else rows


async def store(connection: Connection, rows: list[Row], retracted: Sequence[Retracted]) -> None:
    """Write rows, which hold numbers alone, then take events back, and count both."""
    if rows:
        await copy(connection, rows)
    gone = await take_back(connection, retracted)
    if not rows and not gone:
        return
    await _add(connection, "add_post_totals", "post_ids", rollup.by_post(rows, gone))
    # Last, as all consumers meet at the current quarter's row.
    await _add(connection, "add_quarter_hours", "quarters", rollup.by_quarter(rows, gone))


async def _add(connection: Connection, name: str, key: str, columns: rollup.Columns) -> None:
    query = sql.load(name)
    keys, views, likes, comments, shares = columns
    values = {key: keys, "views": views, "likes": likes, "comments": comments, "shares": shares}
    await connection.execute(query.text, *query.bind(**values))


async def try_to_store(connection: Connection, units: Iterable[Row | Retracted]) -> None:
    """Store these in a savepoint and undo it, whatever came of it."""
    retracted = [unit for unit in units if isinstance(unit, Retracted)]
    rows = [unit for unit in units if not isinstance(unit, Retracted)]
    await connection.execute("SAVEPOINT trial")
    try:
        await store(connection, await ExternalIds().resolve(connection, rows), retracted)
    finally:
        await connection.execute("ROLLBACK TO SAVEPOINT trial")


async def keep_dead_letters(connection: Connection, topic: str, batch: Batch) -> None:
    """Keep what cannot be stored, with its bytes."""
    dead: list[tuple[int, DeadLetter]] = [
        (partition, letter)
        for partition, share in sorted(batch.shares.items())
        for letter in share.dead
    ]
    if not dead:
        return
    query = sql.load("insert_dead_letters")
    values = query.bind(
        topic=topic,
        partitions=[partition for partition, _ in dead],
        offsets=[letter.offset for _, letter in dead],
        reasons=[letter.reason for _, letter in dead],
        details=[letter.detail for _, letter in dead],
        record_timestamps=[letter.record_timestamp for _, letter in dead],
        keys=[letter.key for _, letter in dead],
        values=[letter.value for _, letter in dead],
        event_ids=[letter.event_id for _, letter in dead],
    )
    await connection.execute(query.text, *values)


async def advance(connection: Connection, topic: str, batch: Batch) -> None:
    """Move the offset rows and their counters on, and keep the halts."""
    query = sql.load("advance_offsets")
    partitions = sorted(batch.shares)
    shares = [batch.shares[partition] for partition in partitions]
    prints = [share.fingerprint for share in shares]
    values = query.bind(
        topic=topic,
        partitions=partitions,
        next_offsets=[share.next_offset for share in shares],
        stored=[len(share.rows) for share in shares],
        duplicates=[share.duplicates for share in shares],
        dead_lettered=[len(share.dead) for share in shares],
        skipped=[share.skipped for share in shares],
        dead_in_a_row=[share.dead_in_a_row for share in shares],
        fingerprint_offsets=[p and p.offset for p in prints],
        fingerprint_timestamps=[p and p.timestamp for p in prints],
        fingerprint_crcs=[p and p.crc for p in prints],
        caught_up=[share.caught_up for share in shares],
        # Rows stand in the log's order: the first one waited longest.
        received=[instant(share.rows[0][5]) if share.rows else None for share in shares],
    )
    await connection.execute(query.text, *values)
    for partition, share in batch.shares.items():
        if share.halt is not None:
            await halt(connection, topic, partition, share.next_offset, share.halt)


async def halt(
    connection: Connection, topic: str, partition: int, next_offset: int, why: Halted
) -> bool:
    """Keep a halt in the partition's offset row. False: it does not stand there any more."""
    query = sql.load("halt_partition")
    values = query.bind(
        topic=topic,
        partition=partition,
        reason=why.reason,
        detail=why.detail,
        next_offset=next_offset,
    )
    return await connection.fetchval(query.text, *values) is not None
