"""The refresher's jobs and their schedule."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

import asyncpg
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.base import BaseScheduler
from prometheus_client import Counter

from refresher.health_check import HealthCheck
from refresher.partitions import Partitions, Statistics
from refresher.refresh import SearchWords, StatsView
from refresher.sealed_days import SealedDays
from refresher.settings import RefresherSettings
from runtime.logging import get_logger
from runtime.settings import DatabaseSettings
from schema.errors import Unavailable
from sql.pool import OUTAGES, Connection, connect, describe_error

JOB_ERRORS: Final = Counter("engage_refresher_job_errors_total", "Jobs that failed.", ["task"])

_RETRY_SECONDS: Final = 1.0
# Expiry decides itself whether it is due: after its interval, or earlier after a failure.
_EXPIRY_POLL_SECONDS: Final = 1.0
_SEARCH_POLL_SECONDS: Final = 10.0
_SEAL_POLL_SECONDS: Final = 5.0
_GAPS_INTERVAL_SECONDS: Final = 300.0
_CLOCK_POLL_SECONDS: Final = 1.0
_MIN_CLOCK_STEP_SECONDS: Final = 1.0

Job = Callable[[Connection], Awaitable[None]]

logger = get_logger("refresher")


class JobRunner:
    """Runs jobs on one connection, one at a time, and reconnects after a failure.

    Args:
        settings: of the database.
        application_name: of the session, as PostgreSQL shows it.
    """

    def __init__(self, settings: DatabaseSettings, application_name: str) -> None:
        self._settings = settings
        self._application_name = application_name
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()
        self.problem: str | None = "starting"

    async def run(self, job: Job) -> None:
        """Run a job until it succeeds: an hourly job must not wait an hour for PostgreSQL."""
        while not await self.attempt(job):  # noqa: ASYNC110  (nothing signals that it is back)
            await asyncio.sleep(_RETRY_SECONDS)

    async def attempt(self, job: Job) -> bool:
        """Run a job once; return whether it succeeded."""
        name = getattr(job, "__name__", "job")
        async with self._lock:
            try:
                await job(await self._connect())
            except (Unavailable, *OUTAGES, asyncpg.PostgresError) as error:
                JOB_ERRORS.labels(name).inc()
                self.problem = f"{name}: {type(error).__name__}"
                logger.warning(
                    "job failed",
                    job=name,
                    error=type(error).__name__,
                    detail=describe_error(error),
                )
                self.close()
                return False
        self.problem = None
        return True

    async def _connect(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._settings, self._application_name)
        return self._connection

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


class Refresher:
    """All jobs. A job that fails does not affect the others.

    Raises SetupError: the archive or the history that the settings name cannot be used.
    """

    def __init__(self, settings: RefresherSettings) -> None:
        self._settings = settings
        # One connection each, so that none waits for another: a refresh may take minutes, expiry
        # may wait for readers, and statistics of a large table take long.
        self.refresh_runner = JobRunner(settings, "engage-refresher")
        self.health_runner = JobRunner(settings, "engage-health-check")
        self.maintenance_runner = JobRunner(settings, "engage-maintenance")
        self.statistics_runner = JobRunner(settings, "engage-statistics")
        self.sealing_runner = JobRunner(settings, "engage-sealing")
        self.stats_view = StatsView(settings)
        self.search_words = SearchWords(settings)
        self.health = HealthCheck(settings)
        self.partitions = Partitions(settings)
        self.statistics = Statistics(settings)
        self.sealed_days = SealedDays(settings)

    def not_ready(self) -> str | None:
        """Return why jobs fail, or a critical alert, or None."""
        runners = (self.refresh_runner, self.health_runner, self.maintenance_runner)
        problem = next((runner.problem for runner in runners if runner.problem), None)
        if problem is None and self.stats_view.is_stale:
            return "the stats view is stale"
        return problem or self.health.critical_alert()

    def schedule(self, scheduler: AsyncIOScheduler) -> None:
        """Add the jobs. Each runs once at a time, and late runs are coalesced into one."""
        settings = self._settings
        maintenance = settings.maintenance_interval_seconds
        for runner, job, seconds in (
            (self.maintenance_runner, self.partitions.create_ahead, maintenance),
            (self.maintenance_runner, self.partitions.expire_when_due, _EXPIRY_POLL_SECONDS),
            (self.refresh_runner, self.stats_view.refresh, settings.refresh_interval_seconds),
            (self.statistics_runner, self.statistics.analyze, settings.analyze_interval_seconds),
            (self.statistics_runner, self.search_words.refresh_search, _SEARCH_POLL_SECONDS),
            (self.statistics_runner, self.stats_view.refresh_gaps, _GAPS_INTERVAL_SECONDS),
            (self.sealing_runner, self.sealed_days.seal_days, _SEAL_POLL_SECONDS),
            (self.health_runner, self.health.check_health, settings.health_check_interval_seconds),
        ):
            scheduler.add_job(
                runner.run,
                "interval",
                args=(job,),
                id=job.__name__,
                seconds=seconds,
                next_run_time=datetime.now(UTC),
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
            )

    def close(self) -> None:
        """Close the connections."""
        for runner in (
            self.refresh_runner,
            self.health_runner,
            self.maintenance_runner,
            self.statistics_runner,
            self.sealing_runner,
        ):
            runner.close()


async def rerun_when_clock_is_set_back(
    scheduler: BaseScheduler,
    wall: Callable[[], float] = time.time,
    poll_seconds: float = _CLOCK_POLL_SECONDS,
) -> None:
    """Run every job immediately when the system clock is set back, until cancelled.

    The scheduler plans by the system clock, so each job would wait longer by that difference.
    """
    before = wall() - time.monotonic()
    while True:
        await asyncio.sleep(poll_seconds)
        now = wall() - time.monotonic()
        if now < before - _MIN_CLOCK_STEP_SECONDS:
            logger.warning("the clock was set back", seconds=round(before - now))
            for job in scheduler.get_jobs():
                job.modify(next_run_time=datetime.now(UTC))
        before = now
