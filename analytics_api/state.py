"""What a process of the read API keeps open while it runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import asyncpg

from analytics_api.answering.questions import Questions
from analytics_api.answering.versions import Follower
from analytics_api.ledger.books import RowCounts
from analytics_api.ledger.log_ends import LogEnds
from analytics_api.live.board import Board
from analytics_api.live.fan_out import FanOut
from analytics_api.replica import ReplicaLag
from analytics_api.settings import ApiSettings
from schema.settings import PooledSettings
from sql.pool import OUTAGES, Pool, open_pool

_FIRST_LOOK_SECONDS = 1.0
_CLOSE_SECONDS = 2.0
# Who asks about a year of many events may wait in vain, and find the answer when asking again.
_PATIENCE_SECONDS = 60.0
_PATIENT_CONNECTIONS = 2


@dataclass(frozen=True)
class Source:
    """A database that is asked, and the versions of what it shows.

    Attributes:
        pool: for questions that are answered while the reader waits.
        patient_pool: for those that read a year of events.
    """

    pool: Pool
    patient_pool: Pool
    follower: Follower


@dataclass(frozen=True)
class State:
    """The pools, and what is followed in the background.

    Attributes:
        pool, patient_pool, follower: of what reports are read from: the replica, if there is one.
        primary: for what must not lag: where an event is, and whether every record is
            accounted for. The same pool without a replica.
        lag: of the replica, if there is one.
    """

    pool: Pool
    patient_pool: Pool
    follower: Follower
    primary: Source
    lag: ReplicaLag | None
    lag_limit_seconds: float
    log_ends: LogEnds
    row_counts: RowCounts
    questions: Questions
    board: Board
    topic: str
    zone: ZoneInfo

    def not_ready(self) -> str | None:
        """Return why reports cannot be answered, or None."""
        if self.follower.live is None:
            return "PostgreSQL does not answer"
        behind_seconds = self.lag and self.lag.seconds
        if behind_seconds and behind_seconds > self.lag_limit_seconds:
            return f"the replica is {behind_seconds:.0f} s behind"
        return None


@asynccontextmanager
async def open_state(settings: ApiSettings) -> AsyncIterator[State]:
    """Open the pools, which cannot write, and follow the versions and the log's ends."""
    primary = await _open_source(settings, settings)
    reports, lag = primary, None
    if settings.replica is not None:
        reports = await _open_source(settings, settings.replica)
        lag = ReplicaLag(primary.pool, reports.pool)
    sources = {primary, reports}
    await asyncio.gather(*(_first_look(source.follower) for source in sources))
    log_ends = LogEnds(settings)
    fan_out = FanOut(settings.live_clients)
    board = Board(reports.pool, reports.follower, log_ends, settings.topic, fan_out)
    questions = Questions(reports.follower)
    running = [log_ends.run(), board.run(), questions.run()]
    running += [source.follower.run() for source in sources]
    if lag is not None:
        running.append(lag.run())
    tasks = [asyncio.create_task(each) for each in running]
    try:
        yield State(
            pool=reports.pool,
            patient_pool=reports.patient_pool,
            follower=reports.follower,
            primary=primary,
            lag=lag,
            lag_limit_seconds=settings.read_lag_limit_seconds,
            log_ends=log_ends,
            row_counts=RowCounts(),
            questions=questions,
            board=board,
            topic=settings.topic,
            zone=settings.zone,
        )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(_close(source) for source in sources))


async def _open_source(settings: ApiSettings, database: PooledSettings) -> Source:
    pool = await _open(settings, database)
    patient = {
        "database_connections": _PATIENT_CONNECTIONS,
        "statement_timeout_seconds": _PATIENCE_SECONDS,
        "database_command_timeout_seconds": 2 * _PATIENCE_SECONDS,
    }
    patient_pool = await _open(
        settings.model_copy(update=patient), database.model_copy(update=patient)
    )
    return Source(pool, patient_pool, Follower(pool))


async def _open(settings: ApiSettings, database: PooledSettings) -> Pool:
    """Open a pool that cannot write."""
    return await open_pool(
        database,
        "engage-api",
        max_size=settings.database_connections,
        default_transaction_read_only="on",
        statement_timeout=f"{settings.statement_timeout_seconds:.3f}s",
        # A question reads the partitions of its days, and how much its filters choose decides which
        # plan is good. One for all questions takes 20 ms in each connection, for 400 partitions.
        plan_cache_mode="force_custom_plan",
        # Compiling a plan for 400 partitions takes longer than running it.
        jit="off",
        # What is distinct among millions of rows is told in memory.
        work_mem="32MB",
    )


async def _first_look(follower: Follower) -> None:
    with contextlib.suppress(*OUTAGES, asyncpg.PostgresError):
        async with asyncio.timeout(_FIRST_LOOK_SECONDS):
            await follower.look()


async def _close(source: Source) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await asyncio.gather(source.pool.close(), source.patient_pool.close())
    source.pool.terminate()
    source.patient_pool.terminate()
