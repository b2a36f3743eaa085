"""`engage consumer resume`: resume halted partitions, also from another offset."""

import asyncio
from enum import StrEnum
from typing import Annotated, NamedTuple

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

import sql
from engage.target import Target, find
from engage.terminal import DEFAULT_DIR, Dir, DryRun
from runtime.transport import kafka_arguments
from schema.errors import SetupError, Unavailable
from sql.command import connected

app = typer.Typer(help="Resume halted partitions.", no_args_is_help=True)


class ResumeFrom(StrEnum):
    STORED = "stored"
    EARLIEST = "earliest"
    LATEST = "latest"


class Move(NamedTuple):
    """The offsets of a partition before and after it is resumed."""

    partition: int
    stored_offset: int
    next_offset: int

    @property
    def remark(self) -> str:
        """A text about skipped or repeated offsets."""
        if self.next_offset > self.stored_offset:
            return f"; {self.next_offset - self.stored_offset:,} offsets are skipped"
        if self.next_offset < self.stored_offset:
            return f"; {self.stored_offset - self.next_offset:,} offsets are read again"
        return ""


@app.command()
def resume(
    folder: Dir = DEFAULT_DIR,
    partition: Annotated[
        int | None,
        typer.Option(min=0, help="Resume this partition. Default: all halted partitions."),
    ] = None,
    start: Annotated[
        ResumeFrom,
        typer.Option(
            "--from",
            help="stored: retry at the stored offset. earliest: read again what the log still has."
            " latest: skip everything that was not read.",
        ),
    ] = ResumeFrom.STORED,
    offset: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Resume at this offset instead of --from; needs --partition. Offsets that are"
            " passed over count as skipped.",
        ),
    ] = None,
    is_dry_run: DryRun = False,
) -> None:
    """Resume halted partitions. A running consumer notices within two seconds."""
    if offset is not None and (partition is None or start is not ResumeFrom.STORED):
        raise SetupError("--offset needs --partition and excludes --from")
    moves = asyncio.run(
        resume_partitions(find(folder), partition, start, offset, is_dry_run=is_dry_run)
    )
    if not moves:
        print("no partition is halted")
    verb = "would resume" if is_dry_run else "resumes"
    for move in moves:
        print(f"partition {move.partition} {verb} at offset {move.next_offset:,}{move.remark}")


async def resume_partitions(
    system: Target,
    partition: int | None = None,
    start: ResumeFrom = ResumeFrom.STORED,
    offset: int | None = None,
    *,
    is_dry_run: bool = False,
) -> list[Move]:
    """Clear the halt of one partition, or of all, and move their offsets.

    Raises:
        SetupError: *partition* is not halted, or *offset* is not in its log.
        Unavailable: PostgreSQL does not respond, or Kafka where its log is needed.
    """
    async with connected(system.database_url) as connection, connection.transaction():
        rows = await sql.load("consumer_positions").fetch(connection, topic=system.topic)
        halted = [row for row in rows if row["halt_reason"] is not None]
        chosen = [row for row in halted if partition in (None, row["partition"])]
        if partition is not None and not chosen:
            raise SetupError(f"partition {partition} of {system.topic} is not halted")
        targets = await _targets(system, [row["partition"] for row in chosen], start, offset)
        moves = []
        for row in chosen:
            number, stored = row["partition"], row["next_offset"]
            target = targets.get(number)
            if not is_dry_run:
                await sql.load("resume_partition").execute(
                    connection, topic=system.topic, partition=number, target=target
                )
            moves.append(Move(number, stored, stored if target is None else target))
    return moves


async def _targets(
    system: Target, partitions: list[int], start: ResumeFrom, offset: int | None
) -> dict[int, int]:
    """Return the new offsets by partition; none for those that stay at their stored one."""
    if not partitions or (start is ResumeFrom.STORED and offset is None):
        return {}
    bounds = await _log_bounds(system, partitions)
    if offset is None:
        return {number: log[start is ResumeFrom.LATEST] for number, log in bounds.items()}
    for number, (first, end) in bounds.items():
        if not first <= offset <= end:
            raise SetupError(f"the log of partition {number} has the offsets {first} to {end}")
    return dict.fromkeys(partitions, offset)


async def _log_bounds(system: Target, partitions: list[int]) -> dict[int, tuple[int, int]]:
    """Return the first and the end offset of each partition's log. Raises Unavailable."""
    # Up to the last stable offset, as consumers read: an open transaction may be behind it.
    kafka = AIOKafkaConsumer(**kafka_arguments(system.kafka), isolation_level="read_committed")
    tps = [TopicPartition(system.topic, partition) for partition in partitions]
    try:
        await kafka.start()
        starts = await kafka.beginning_offsets(tps)
        ends = await kafka.end_offsets(tps)
    except KafkaError as error:
        raise Unavailable(f"Kafka does not respond: {type(error).__name__}") from error
    finally:
        await kafka.stop()
    return {tp.partition: (starts[tp], ends[tp]) for tp in tps}
