"""A clock that is set does not stop the refresher's jobs."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from analytics_api.refresher.clock import run_when_set_back

HOUR = timedelta(hours=1)


class Wall:
    """A clock on the wall that can be set."""

    def __init__(self) -> None:
        self.set_by = timedelta()

    def __call__(self) -> float:
        return (datetime.now(UTC) + self.set_by).timestamp()


class Job:
    """A job as it is planned when the clock was ahead: an hour away."""

    def __init__(self) -> None:
        self.ran = asyncio.Event()

    def __call__(self) -> None:
        self.ran.set()


@pytest.fixture
async def job() -> AsyncIterator[tuple[Job, AsyncIOScheduler]]:
    job, scheduler = Job(), AsyncIOScheduler(timezone=UTC)
    planned = datetime.now(UTC) + HOUR
    scheduler.add_job(job, "interval", seconds=60, next_run_time=planned)
    scheduler.start()
    yield job, scheduler
    scheduler.shutdown(wait=False)


@pytest.mark.parametrize(("set_by", "runs"), [(-HOUR, True), (HOUR, False), (timedelta(), False)])
async def test_jobs_run_at_once_when_the_clock_is_set_back(
    job: tuple[Job, AsyncIOScheduler], set_by: timedelta, runs: bool
) -> None:
    planned, scheduler = job
    wall = Wall()
    watching = asyncio.create_task(run_when_set_back(scheduler, wall, look_seconds=0.005))
    await asyncio.sleep(0.01)
    wall.set_by = set_by
    ran = asyncio.create_task(planned.ran.wait())
    await asyncio.wait({ran}, timeout=5 if runs else 0.05)

    assert ran.done() is runs
    for task in (ran, watching):
        task.cancel()
