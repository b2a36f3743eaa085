"""State of a process of the read API: pools, caches and what it polls in the background."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast
from zoneinfo import ZoneInfo

import asyncpg
from fastapi import Request

from analytics_api.cache import ReportCache
from analytics_api.end_offsets import EndOffsets
from analytics_api.fair_pool import FairPool
from analytics_api.history import History, open_history
from analytics_api.ledger import RowCounts
from analytics_api.live.broadcast import Broadcast
from analytics_api.live.poller import LivePoller
from analytics_api.replica import ReplicaLag
from analytics_api.settings import ApiSettings
from analytics_api.versions import VersionPoller
from runtime.settings import PooledSettings
from sql.pool import OUTAGES, Pool, open_pool

_FIRST_POLL_SECONDS = 1.0
_CLOSE_SECONDS = 2.0
# A report of a year of events outlives its request, which gets report_pending.
_SLOW_SECONDS = 60.0
_SLOW_CONNECTIONS = 2
_QUICK_CONNECTIONS = 2
_POLLER_CONNECTIONS = 1
_QUICK_SECONDS = 2.0


@dataclass(frozen=True)
class Source:
    """The pools of a database, and the versions of its data.

    Attributes:
        pool: for reports that are computed while the client waits.
        slow_pool: for reports that read a year of events.
        quick_pool: for lookups and /live, which must not wait for reports.
        poller_pool: for versions of the data and the replica's lag, on which readiness depends.
    """

    pool: FairPool
    slow_pool: FairPool
    quick_pool: Pool
    poller_pool: Pool
    poller: VersionPoller

    @property
    def pools(self) -> list[Pool]:
        """All pools."""
        return [self.pool.pool, self.slow_pool.pool, self.quick_pool, self.poller_pool]


@dataclass(frozen=True)
class State:
    """The pools of a process, and what it polls in the background.

    Attributes:
        pool, slow_pool, quick_pool, poller: of the replica, or of the primary without one.
        primary: for what must not lag: event look-ups and the ledger. The same pools without a
            replica.
        lag: of the replica, if there is one.
    """

    pool: FairPool
    slow_pool: FairPool
    quick_pool: Pool
    poller: VersionPoller
    primary: Source
    lag: ReplicaLag | None
    lag_limit_seconds: float
    end_offsets: EndOffsets
    row_counts: RowCounts
    cache: ReportCache
    live_poller: LivePoller
    topic: str
    zone: ZoneInfo
    history: History | None

    def not_ready(self) -> str | None:
        """Return why reports cannot be answered, or None."""
        if self.poller.live is None:
            return "PostgreSQL does not answer"
        behind_seconds = self.lag and self.lag.seconds
        if behind_seconds and behind_seconds > self.lag_limit_seconds:
            return f"the replica is {behind_seconds:.0f} s behind"
        return None


@asynccontextmanager
async def open_state(settings: ApiSettings) -> AsyncIterator[State]:
    """Open the pools, which cannot write, and poll the versions and the log's end offsets."""
    history = open_history(settings)
    primary = await _open_source(settings, settings)
    reports, lag = primary, None
    if settings.replica is not None:
        reports = await _open_source(settings, settings.replica)
        lag = ReplicaLag(primary.poller_pool, reports.poller_pool)
    sources = {primary, reports}
    await asyncio.gather(*(_first_poll(source.poller) for source in sources))
    end_offsets = EndOffsets(settings)
    broadcast = Broadcast(settings.live_clients)
    live_poller = LivePoller(
        reports.quick_pool, reports.poller, end_offsets, settings.topic, broadcast
    )
    running = [end_offsets.run(), live_poller.run()]
    running += [source.poller.run() for source in sources]
    if lag is not None:
        running.append(lag.run())
    tasks = [asyncio.create_task(each) for each in running]
    try:
        yield State(
            pool=reports.pool,
            slow_pool=reports.slow_pool,
            quick_pool=reports.quick_pool,
            poller=reports.poller,
            primary=primary,
            lag=lag,
            lag_limit_seconds=settings.read_lag_limit_seconds,
            end_offsets=end_offsets,
            row_counts=RowCounts(),
            cache=ReportCache(settings.report_max_stale_seconds),
            live_poller=live_poller,
            topic=settings.topic,
            zone=settings.zone,
            history=history,
        )
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(_close(source) for source in sources))


async def _open_source(settings: ApiSettings, database: PooledSettings) -> Source:
    poller_pool = await _open(database, _POLLER_CONNECTIONS, _QUICK_SECONDS)
    size = settings.database_connections
    limits = settings.queries_per_key, settings.queries
    return Source(
        pool=FairPool(
            await _open(database, size, settings.statement_timeout_seconds),
            size,
            *limits,
        ),
        slow_pool=FairPool(
            await _open(database, _SLOW_CONNECTIONS, _SLOW_SECONDS),
            _SLOW_CONNECTIONS,
            *limits,
        ),
        quick_pool=await _open(database, _QUICK_CONNECTIONS, _QUICK_SECONDS),
        poller_pool=poller_pool,
        poller=VersionPoller(poller_pool),
    )


async def _open(database: PooledSettings, size: int, statement_seconds: float) -> Pool:
    """Open a pool that cannot write."""
    if statement_seconds == _SLOW_SECONDS:
        slow = {"database_command_timeout_seconds": 2 * _SLOW_SECONDS}
        database = database.model_copy(update=slow)
    return await open_pool(
        database,
        "engage-api",
        max_size=size,
        default_transaction_read_only="on",
        statement_timeout=f"{statement_seconds:.3f}s",
        # A query reads the partitions of its days, and the selectivity of its filters decides which
        # plan is good. A generic plan takes 20 ms in each connection, for 400 partitions.
        plan_cache_mode="force_custom_plan",
        # Compiling a plan for 400 partitions takes longer than running it.
        jit="off",
        # Counts of distinct posts and users among millions of rows fit in memory.
        work_mem="32MB",
    )


async def _first_poll(poller: VersionPoller) -> None:
    with contextlib.suppress(*OUTAGES, asyncpg.PostgresError):
        async with asyncio.timeout(_FIRST_POLL_SECONDS):
            await poller.poll()


async def _close(source: Source) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await asyncio.gather(*(pool.close() for pool in source.pools))
    for pool in source.pools:
        pool.terminate()


def state_of(request: Request) -> State:
    """Return the state of this process."""
    return cast("State", request.app.state.reports)
