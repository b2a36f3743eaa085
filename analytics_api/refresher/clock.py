"""The scheduler plans by the wall clock, which may be set back: what then becomes of the jobs."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from apscheduler.schedulers.base import BaseScheduler

from schema.telemetry import get_logger

_LOOK_SECONDS: Final = 1.0
_SET_BACK_SECONDS: Final = 1.0

logger = get_logger("refresher")


async def run_when_set_back(
    scheduler: BaseScheduler,
    wall: Callable[[], float] = time.time,
    look_seconds: float = _LOOK_SECONDS,
) -> None:
    """Run every job at once when the clock was set back, until cancelled.

    Planned by the old time, each would wait as much longer as the clock was set back.
    """
    before = wall() - time.monotonic()
    while True:
        await asyncio.sleep(look_seconds)
        ahead = wall() - time.monotonic()
        if ahead < before - _SET_BACK_SECONDS:
            logger.warning("the clock was set back", seconds=round(before - ahead))
            for job in scheduler.get_jobs():
                job.modify(next_run_time=datetime.now(UTC))
        before = ahead
