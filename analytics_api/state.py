"""What a process of the read API keeps open while it runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import asyncpg

from analytics_api.fan_out import FanOut
from analytics_api.ledger import DayCounts
from analytics_api.live import Board
from analytics_api.log_ends import LogEnds
from analytics_api.questions import Questions
from analytics_api.settings import ApiSettings
from analytics_api.versions import Follower
from sql.pool import OUTAGES, Pool, open_pool

_FIRST_LOOK_SECONDS = 1.0
_CLOSE_SECONDS = 2.0
# Who asks about a year of many events may wait in vain, and find the answer when asking again.
_PATIENCE_SECONDS = 60.0
_PATIENT_CONNECTIONS = 2


@dataclass(frozen=True)
class State:
    """The pools, and what is followed in the background.

    Attributes:
        pool: for questions that are answered while the reader waits.
        patient_pool: for those that read a year of events.
    """

    pool: Pool
    patient_pool: Pool
    follower: Follower
    log_ends: LogEnds
    day_counts: DayCounts
    questions: Questions
    board: Board
    topic: str
    zone: ZoneInfo

    def not_ready(self) -> str | None:
        """Return why reports cannot be answered, or None."""
        return None if self.follower.live else "PostgreSQL does not answer"


@asynccontextmanager
async def open_state(settings: ApiSettings) -> AsyncIterator[State]:
    """Open the pools, and follow the versions and the log's ends."""
    pool = await _open(settings)
    patient_pool = await _open(
        settings.model_copy(
            update={
                "database_connections": _PATIENT_CONNECTIONS,
                "statement_timeout_seconds": _PATIENCE_SECONDS,
                "database_command_timeout_seconds": 2 * _PATIENCE_SECONDS,
            }
        )
    )
    follower, log_ends = Follower(pool), LogEnds(settings)
    with contextlib.suppress(*OUTAGES, asyncpg.PostgresError):
        async with asyncio.timeout(_FIRST_LOOK_SECONDS):
            await follower.look()
    board = Board(pool, follower, log_ends, settings.topic, FanOut(settings.live_clients))
    questions = Questions(follower)
    running = (follower, log_ends, board, questions)
    tasks = [asyncio.create_task(each.run()) for each in running]
    try:
        yield State(
            pool=pool,
            patient_pool=patient_pool,
            follower=follower,
            log_ends=log_ends,
            day_counts=DayCounts(),
            questions=questions,
            board=board,
            topic=settings.topic,
            zone=settings.zone,
        )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.gather(pool.close(), patient_pool.close())
        pool.terminate()
        patient_pool.terminate()


async def _open(settings: ApiSettings) -> Pool:
    """Open a pool that cannot write."""
    return await open_pool(
        settings,
        "engage-api",
        max_size=settings.database_connections,
        default_transaction_read_only="on",
        statement_timeout=f"{settings.statement_timeout_seconds:.3f}s",
        # Some 400 partitions: planning them anew for each question would cost more than asking.
        plan_cache_mode="force_generic_plan",
        # Compiling a plan for 400 partitions takes longer than running it.
        jit="off",
        # What is distinct among millions of rows is told in memory.
        work_mem="32MB",
    )
