"""The schedule of the refresher's jobs."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from refresher.jobs import rerun_when_clock_is_set_back
from refresher.partitions import Backoff

HOUR = timedelta(hours=1)


@pytest.fixture
async def scheduler() -> AsyncIterator[AsyncIOScheduler]:
    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.start()
    yield scheduler
    scheduler.shutdown(wait=False)


@pytest.mark.parametrize(("step", "runs"), [(-HOUR, True), (HOUR, False), (timedelta(), False)])
async def test_jobs_run_immediately_when_the_clock_is_set_back(
    scheduler: AsyncIOScheduler, step: timedelta, runs: bool
) -> None:
    ran = asyncio.Event()
    in_an_hour = datetime.now(UTC) + HOUR
    scheduler.add_job(ran.set, "interval", seconds=60, next_run_time=in_an_hour)
    offset_seconds = 0.0
    monitor = asyncio.create_task(
        rerun_when_clock_is_set_back(
            scheduler, lambda: time.time() + offset_seconds, poll_seconds=0.005
        )
    )
    await asyncio.sleep(0.01)
    offset_seconds = step.total_seconds()
    waiting = asyncio.create_task(ran.wait())
    await asyncio.wait({waiting}, timeout=5 if runs else 0.05)

    assert waiting.done() is runs
    for task in (waiting, monitor):
        task.cancel()


def test_backoff_doubles_its_pauses_up_to_a_maximum_until_a_success() -> None:
    now = 0.0
    backoff = Backoff(3600.0, max_seconds=20.0, clock=lambda: now)
    assert backoff.is_due
    assert [backoff.failed() for _ in range(5)] == [2.0, 4.0, 8.0, 16.0, 20.0]
    now = 19.9
    assert not backoff.is_due
    now = 20.0
    assert backoff.is_due
    backoff.succeeded()
    now = 3619.9
    assert not backoff.is_due
    assert backoff.failed() == 2.0
