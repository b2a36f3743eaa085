"""Partitions whose offset rows another consumer moves."""

from datetime import UTC, datetime

import pytest

from consumer.batch import Batch, Cursor
from consumer.offsets import OffsetRange, halt_partition, read_positions
from consumer.rows import microseconds
from consumer.transaction import BatchWriter
from schema.errors import Halted
from tests.factories import record
from tests.integration.consumer.conftest import Pipeline

HALT = Halted("log_diverged", "")


@pytest.fixture
async def writer(pipeline: Pipeline) -> BatchWriter:
    """A writer to a database with offset rows of partitions 0 and 1."""

    async def read_ranges(partitions: set[int]) -> dict[int, OffsetRange]:
        return dict.fromkeys(partitions, OffsetRange(0, 100))

    topic = pipeline.settings.topic
    assert await read_positions(pipeline.connection, topic, {0, 1}, read_ranges) == {}
    found = await read_positions(pipeline.connection, topic, {0, 1}, read_ranges)
    assert {p: position.seek_to for p, position in found.items()} == {0: 0, 1: 0}
    return BatchWriter(pipeline.settings)


@pytest.fixture
def batch() -> Batch:
    """A batch with the same event in partitions 0 and 1."""
    batch = Batch(10, 1_000, 1.0, lambda: 0.0)
    now = microseconds(datetime.now(UTC))
    event_id = record().event_id.bytes
    for partition in (0, 1):
        part = batch.open_partition(partition, Cursor(0))
        part.rows.append((now, event_id, 1, None, "view", now))
        part.next_offset = 1
    return batch


async def test_repeat_is_stored_when_the_partition_of_the_first_has_a_conflict(
    pipeline: Pipeline, writer: BatchWriter, batch: Batch
) -> None:
    assert await halt_partition(pipeline.connection, pipeline.settings.topic, 0, 0, HALT)
    result = await writer.write(batch)
    writer.terminate()

    assert (result.conflicts, set(result.batch.partitions)) == ({0}, {1})
    assert await pipeline.stored() == 1


async def test_partition_does_not_halt_when_its_row_moves_between_reading_row_and_log(
    pipeline: Pipeline, writer: BatchWriter
) -> None:
    async def move_and_read_ranges(_: set[int]) -> dict[int, OffsetRange]:
        await _move_to(pipeline, 150)
        return {0: OffsetRange(0, 120)}

    topic = pipeline.settings.topic
    found = await read_positions(pipeline.connection, topic, {0}, move_and_read_ranges)

    assert (found[0].halt, found[0].seek_to) == (None, 0)


async def test_halt_is_not_recorded_when_the_row_has_moved(
    pipeline: Pipeline, writer: BatchWriter
) -> None:
    await _move_to(pipeline, 10)

    assert not await halt_partition(pipeline.connection, pipeline.settings.topic, 0, 0, HALT)
    halts = await pipeline.connection.fetch("SELECT halt_reason FROM consumer_offsets")
    assert {row[0] for row in halts} == {None}


async def _move_to(pipeline: Pipeline, offset: int) -> None:
    await pipeline.connection.execute(
        "UPDATE consumer_offsets SET next_offset = $1, skipped = $1 WHERE partition = 0", offset
    )
