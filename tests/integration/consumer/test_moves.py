"""Partitions that move while they are read or judged: two may think that one is theirs."""

from datetime import UTC, datetime

import pytest

from consumer.batch import Batch, Cursor
from consumer.positions import LogBounds, read_positions
from consumer.rows import microseconds
from consumer.transaction import Fenced, halt
from consumer.writer import Writer
from schema.errors import Halted
from tests.factories import record
from tests.integration.consumer.conftest import Pipeline

LOG = LogBounds(0, 100)
WHY = Halted("log_diverged", "it seemed so")


async def _begin(pipeline: Pipeline, *partitions: int) -> None:
    """Begin the account of partitions."""

    async def bounds(asked: set[int]) -> dict[int, LogBounds]:
        return dict.fromkeys(asked, LOG)

    topic = pipeline.settings.topic
    assert await read_positions(pipeline.connection, topic, set(partitions), bounds) == {}
    found = await read_positions(pipeline.connection, topic, set(partitions), bounds)
    assert {p: position.seek_to for p, position in found.items()} == dict.fromkeys(partitions, 0)


def _batch_with_a_repeat() -> Batch:
    """Return a batch with the same event in partitions 0 and 1."""
    batch = Batch(10, 1_000, 1.0, lambda: 0.0)
    now = microseconds(datetime.now(UTC))
    event_id = record().event_id.bytes
    for partition in (0, 1):
        share = batch.share(partition, Cursor(0))
        share.rows.append((now, event_id, 1, None, "view", now))
        share.next_offset = 1
    return batch


async def test_a_repeat_is_stored_when_the_partition_with_the_first_is_fenced(
    pipeline: Pipeline,
) -> None:
    await _begin(pipeline, 0, 1)
    assert await halt(pipeline.connection, pipeline.settings.topic, 0, 0, WHY)
    batch, writer = _batch_with_a_repeat(), Writer(pipeline.settings)

    with pytest.raises(Fenced) as fenced:
        await writer.write(batch)
    for partition in fenced.value.partitions:
        del batch.shares[partition]
    await writer.write(batch)
    writer.terminate()

    assert fenced.value.partitions == {0}
    assert await pipeline.stored() == 1


async def test_of_a_repeat_one_is_stored_and_one_is_a_duplicate(pipeline: Pipeline) -> None:
    await _begin(pipeline, 0, 1)
    batch, writer = _batch_with_a_repeat(), Writer(pipeline.settings)
    await writer.write(batch)
    writer.terminate()

    assert await pipeline.stored() == 1
    assert [share.duplicates for share in batch.shares.values()] == [0, 1]


async def test_a_row_that_moves_while_the_log_is_asked_does_not_seem_to_stand_beyond_it(
    pipeline: Pipeline,
) -> None:
    await _begin(pipeline, 0)

    async def bounds(asked: set[int]) -> dict[int, LogBounds]:
        await _move_to(pipeline, 150)
        return {0: LogBounds(0, 120)}

    topic = pipeline.settings.topic
    found = await read_positions(pipeline.connection, topic, {0}, bounds)

    assert (found[0].halt, found[0].seek_to) == (None, 0)


async def test_a_halt_is_not_kept_once_the_partition_stands_elsewhere(pipeline: Pipeline) -> None:
    await _begin(pipeline, 0)
    await _move_to(pipeline, 10)

    assert not await halt(pipeline.connection, pipeline.settings.topic, 0, 0, WHY)
    assert await pipeline.connection.fetchval("SELECT halt_reason FROM consumer_offsets") is None


async def _move_to(pipeline: Pipeline, offset: int) -> None:
    await pipeline.connection.execute(
        "UPDATE consumer_offsets SET next_offset = $1, skipped = $1", offset
    )
