"""Letting partitions go on that were halted: the operator's choice, written to the offset rows."""

from dataclasses import dataclass

import sql
from engage.database import connected
from engage.target import Target
from schema.errors import SetupError, Unavailable


@dataclass(frozen=True)
class Move:
    """Where a partition goes on; *remark*: what that means, for people."""

    partition: int
    next_offset: int
    remark: str


async def resume(system: Target, partition: int | None, edge: str | None) -> list[Move]:
    """Clear the halt of partitions, and move them.

    Args:
        system: where PostgreSQL is, and Kafka if they are moved.
        partition: this one; None: all that are halted.
        edge: ``earliest`` or ``latest`` of the log; None: where they stand.

    Returns:
        What was done, by partition.

    Raises:
        SetupError: *partition* is not halted.
        Unavailable: PostgreSQL, or Kafka where it is asked, does not answer.
    """
    halts, go_on = sql.load("read_halts"), sql.load("resume_partition")
    async with connected(system.database_url) as connection, connection.transaction():
        rows = await connection.fetch(halts.text, *halts.bind(topic=system.topic))
        halted = [row for row in rows if row["halt_reason"] is not None]
        chosen = [row for row in halted if partition in (None, row["partition"])]
        if partition is not None and not chosen:
            raise SetupError(f"partition {partition} of {system.topic} is not halted")
        targets = await _edges(system, [row["partition"] for row in chosen], edge)
        moves = []
        for row in chosen:
            number, stood = row["partition"], row["next_offset"]
            target = targets.get(number)
            values = go_on.bind(topic=system.topic, partition=number, target=target)
            await connection.execute(go_on.text, *values)
            moves.append(_move(number, stood, stood if target is None else target))
    return moves


def _move(partition: int, stood: int, target: int) -> Move:
    if target > stood:
        return Move(partition, target, f"; {target - stood:,} offsets are passed over")
    if target < stood:
        return Move(partition, target, f"; {stood - target:,} offsets are read again")
    return Move(partition, target, "")


async def _edges(system: Target, partitions: list[int], edge: str | None) -> dict[int, int]:
    """Return the first or the end offset of each partition's log."""
    if edge is None or not partitions:
        return {}
    from aiokafka import AIOKafkaConsumer, TopicPartition
    from aiokafka.errors import KafkaError

    from schema.settings import KafkaSettings
    from schema.transport import kafka_arguments

    arguments = kafka_arguments(KafkaSettings.load(), system.kafka_bootstrap_servers)
    # As far as the consumers can read: an open transaction may stand behind that.
    kafka = AIOKafkaConsumer(**arguments, isolation_level="read_committed")
    tps = [TopicPartition(system.topic, partition) for partition in partitions]
    try:
        await kafka.start()
        ask = kafka.beginning_offsets if edge == "earliest" else kafka.end_offsets
        offsets = await ask(tps)
    except KafkaError as error:
        raise Unavailable(f"Kafka: {type(error).__name__}") from error
    finally:
        await kafka.stop()
    return {tp.partition: offset for tp, offset in offsets.items()}
