"""What a process of the read API keeps open while it runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import asyncpg

from analytics_api.answer_cache import AnswerCache
from analytics_api.fan_out import FanOut
from analytics_api.ledger import DayCounts
from analytics_api.live import Board
from analytics_api.log_ends import LogEnds
from analytics_api.replica import ReplicaLag
from analytics_api.settings import ApiSettings
from analytics_api.versions import Follower
from schema.settings import PooledSettings
from sql.pool import OUTAGES, Pool, open_pool

_FIRST_LOOK_SECONDS = 1.0
_CLOSE_SECONDS = 2.0


@dataclass(frozen=True)
class Source:
    """A database that is asked, and the versions of what it shows."""

    pool: Pool
    follower: Follower


@dataclass(frozen=True)
class State:
    """The pools, and what is followed in the background.

    Attributes:
        pool, follower: of what reports are read from: the replica, if there is one.
        primary: for what must not lag: where an event is, and whether every record is
            accounted for. The same pool without a replica.
        lag: of the replica, if there is one.
    """

    pool: Pool
    follower: Follower
    primary: Source
    lag: ReplicaLag | None
    lag_limit_seconds: float
    log_ends: LogEnds
    day_counts: DayCounts
    cache: AnswerCache
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
    running = [log_ends.run(), board.run(), *(source.follower.run() for source in sources)]
    if lag is not None:
        running.append(lag.run())
    tasks = [asyncio.create_task(each) for each in running]
    try:
        yield State(
            pool=reports.pool,
            follower=reports.follower,
            primary=primary,
            lag=lag,
            lag_limit_seconds=settings.read_lag_limit_seconds,
            log_ends=log_ends,
            day_counts=DayCounts(),
            cache=AnswerCache(),
            board=board,
            topic=settings.topic,
            zone=settings.zone,
        )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(_close(source.pool) for source in sources))


async def _open_source(settings: ApiSettings, database: PooledSettings) -> Source:
    pool = await open_pool(
        database,
        "engage-api",
        max_size=settings.database_connections,
        default_transaction_read_only="on",
        statement_timeout=f"{settings.statement_timeout_seconds:.3f}s",
        # Some 400 partitions: planning them anew for each question would cost more than asking.
        plan_cache_mode="force_generic_plan",
        # Compiling a plan for 400 partitions takes longer than running it.
        jit="off",
    )
    return Source(pool, Follower(pool))


async def _first_look(follower: Follower) -> None:
    with contextlib.suppress(*OUTAGES, asyncpg.PostgresError):
        async with asyncio.timeout(_FIRST_LOOK_SECONDS):
            await follower.look()


async def _close(pool: Pool) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()
    pool.terminate()
