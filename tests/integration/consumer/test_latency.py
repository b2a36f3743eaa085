"""How long events waited, as the offset rows tell it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sql import load
from tests.factories import record
from tests.integration.consumer.conftest import Pipeline


async def told(pipeline: Pipeline) -> Any:
    query = load("live_pipeline")
    return await pipeline.connection.fetchrow(
        query.text, *query.bind(topic=pipeline.settings.topic)
    )


async def test_the_time_since_receipt_is_told_and_a_batch_without_rows_has_none(
    pipeline: Pipeline,
) -> None:
    now = datetime.now(UTC)
    sent = record(engaged_timestamp=now, received_timestamp=now - timedelta(seconds=90))
    async with pipeline.consumer():
        await pipeline.produce([sent], partition=0)
        await pipeline.until_accounted(1)
        first = await told(pipeline)
        await pipeline.produce([sent], partition=0)
        await pipeline.until_accounted(2)
        repeated = await told(pipeline)

    assert 90 <= first["latency_seconds"] < 120
    assert (first["stored"], first["next_offset"], first["dead_letters"]) == (1, 1, 0)
    assert repeated["latency_seconds"] is None
