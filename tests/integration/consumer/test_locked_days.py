import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from schema.event import Record
from tests.integration.consumer.conftest import Pipeline, now_record, totals


def old_record(days: int) -> Record:
    return now_record(engaged_timestamp=datetime.now(UTC) - timedelta(days=days))


async def test_events_of_a_locked_day_wait_and_those_of_other_partitions_are_stored(
    pipeline: Pipeline, connection: Any
) -> None:
    old = [old_record(days=3), old_record(days=4)]
    await pipeline.connection.execute("SELECT ensure_partition(now()::date)")
    await pipeline.produce([now_record(), now_record(), *old, now_record()], partition=0)
    await pipeline.produce([now_record() for _ in range(5)], partition=1)
    transaction = connection.transaction()
    await transaction.start()
    # As ANALYZE of engagements does.
    await connection.execute("LOCK TABLE ONLY engagements IN SHARE UPDATE EXCLUSIVE MODE")
    async with pipeline.consumer(database_role="engage_consumer") as worker:
        await pipeline.until_accounted(7)
        for _ in range(3):
            await pipeline.produce([now_record() for _ in range(5)], partition=1)
            await asyncio.sleep(0.5)  # meanwhile the locked days are retried
        await pipeline.until_accounted(22)
        assert await pipeline.stored() == 22
        assert worker.seconds_without_progress() < pipeline.settings.stall_timeout_seconds
        await transaction.rollback()
        await pipeline.until_accounted(25)

    assert await pipeline.totals() == totals(stored=25)
    assert await pipeline.failed_checks() == []
