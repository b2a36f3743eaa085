import time

from structlog.testing import capture_logs

from consumer.loop import Worker
from tests.integration.consumer.conftest import Pipeline, now_record
from tests.waiting import until


def has_conflict(worker: Worker) -> bool:
    reason = worker.not_ready() or ""
    return (
        "another consumer has the instance ID twin" in reason
        and "ENGAGE_CONSUMER_INSTANCE_ID" in reason
    )


async def test_one_of_two_consumers_with_the_same_instance_id_leaves_it_and_is_not_ready(
    pipeline: Pipeline,
) -> None:
    twin = {"consumer_instance_id": "twin"}
    async with pipeline.consumer(**twin) as first:
        first._instance_id.limit = 8
        await until(lambda: first.not_ready() is None)
        async with pipeline.consumer(**twin) as second:
            second._instance_id.limit = 3
            await until(lambda: has_conflict(first) or has_conflict(second))
            loser, winner = (first, second) if has_conflict(first) else (second, first)
            started = time.monotonic()
            with capture_logs() as logs:
                for number in range(1, 6):
                    await pipeline.produce([now_record() for _ in range(10)])
                    await pipeline.until_accounted(10 * number)
                assert has_conflict(loser)
            assert loser.seconds_without_progress() < time.monotonic() - started + 1
            assert len([entry for entry in logs if entry["log_level"] == "error"]) <= 1
            assert winner.not_ready() is None

    assert await pipeline.stored() == 50
