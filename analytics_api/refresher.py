"""``python -m analytics_api.refresher``: keeps the view fresh and the partitions in order.

Its own process: the read API cannot write and may run many times over. Several refreshers side
by side do no harm, as each job holds a lock of its own in the database.
"""

import asyncio
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from prometheus_client import Counter, Gauge

from analytics_api.clock import run_when_set_back
from analytics_api.lane import Lane
from analytics_api.settings import RefresherSettings
from analytics_api.watch import Watch
from schema import collector
from schema.errors import SetupError
from schema.side_port import side_port
from schema.telemetry import configure_logging, get_logger
from sql.pool import Connection

PREFIX: Final = "engage_refresher"
REFRESHES: Final = Counter(f"{PREFIX}_refreshes_total", "Refreshes by outcome.", ["outcome"])
VIEW_AGE: Final = Gauge(f"{PREFIX}_view_age_seconds", "Age of what engagement_stats shows.")
DURATION: Final = Gauge(f"{PREFIX}_refresh_duration_seconds", "Seconds the last refresh took.")
AHEAD: Final = Gauge(f"{PREFIX}_partitions_ahead", "Daily partitions that exist after today.")
EXPIRED: Final = Counter(f"{PREFIX}_expired_rows_total", "Rows of dropped partitions.")

_LOCK_TIMEOUT: Final = "500ms"
_LOCK_ATTEMPTS: Final = 10
_KAFKA_SECONDS: Final = 3.0
# A refresh that takes long, as in a great import, leaves PostgreSQL to the others for a while.
_BUSY_SHARE: Final = 0.2
_LONGEST_REST_SECONDS: Final = 30.0
_MAINTENANCE_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('engagements.maintenance'))"

logger = get_logger("refresher")


class Refresher:
    """The jobs, on one connection; a job that fails leaves the rest for the next time."""

    def __init__(self, settings: RefresherSettings) -> None:
        self._settings = settings
        self.lane = Lane(settings, "engage-refresher")
        # A refresh may take minutes, which the watch must not wait for.
        self.watch_lane = Lane(settings, "engage-watch")
        self.watch = Watch(settings)
        self._refreshed_at: float | None = None
        self._resting_until = 0.0
        VIEW_AGE.set_function(self._view_age_seconds)

    def not_ready(self) -> str | None:
        """Return why the view or the partitions are not kept, or what is gravely wrong, or None."""
        problem = self.lane.problem or self.watch_lane.problem
        if problem is None and self._view_age_seconds() > self._settings.view_limit_seconds:
            return "the view is too old"
        return problem or self.watch.problem()

    def _view_age_seconds(self) -> float:
        return time.monotonic() - self._refreshed_at if self._refreshed_at else float("inf")

    def schedule(self, scheduler: AsyncIOScheduler) -> None:
        """Add the jobs: never two of one at once, late ones run once."""
        settings = self._settings
        for lane, job, seconds in (
            (self.lane, self.maintain, settings.maintenance_interval_seconds),
            (self.lane, self.refresh, settings.refresh_interval_seconds),
            (self.lane, self.analyze, settings.analyze_interval_seconds),
            (self.watch_lane, self.watch.watch, settings.watch_interval_seconds),
        ):
            scheduler.add_job(
                lane.run,
                "interval",
                args=(job,),
                id=job.__name__,
                seconds=seconds,
                next_run_time=datetime.now(UTC),
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
            )

    async def follow_the_log(self) -> None:
        """Keep the watch's connection to Kafka open, until cancelled."""
        await self.watch.follow_the_log()

    def close(self) -> None:
        """Drop the connections."""
        self.lane.close()
        self.watch_lane.close()

    async def refresh(self, connection: Connection) -> None:
        """Refresh engagement_stats if something changed; its readers are not blocked."""
        began = time.monotonic()
        if began < self._resting_until:
            return
        outcome = await connection.fetchval(
            "SELECT refresh_engagement_stats()", timeout=self._settings.refresh_timeout_seconds
        )
        REFRESHES.labels(outcome).inc()
        if outcome == "busy":
            return
        self._refreshed_at = began
        took = time.monotonic() - began
        if outcome == "refreshed":
            DURATION.set(took)
        rest = took / _BUSY_SHARE - took
        if took + rest > self._settings.refresh_interval_seconds:
            self._resting_until = began + took + min(rest, _LONGEST_REST_SECONDS)

    async def maintain(self, connection: Connection) -> None:
        """Make the partitions of the days ahead and drop those past retention."""
        today = datetime.now(UTC).date()
        for offset in range(-1, self._settings.partitions_ahead_days + 1):
            day = today + timedelta(days=offset)
            await connection.execute("SELECT ensure_partition($1)", day)
        ahead = "SELECT count(*) FROM engagement_partitions WHERE day > $1"
        AHEAD.set(await connection.fetchval(ahead, today))
        settings = self._settings
        keep = timedelta(days=settings.retention_days + settings.topic_retention_days + 1)
        past = "SELECT day FROM engagement_partitions WHERE day < $1 ORDER BY day"
        for row in await connection.fetch(past, today - keep):
            await self._drop(connection, row["day"])

    async def _drop(self, connection: Connection, day: Any) -> None:
        """Drop a day without ever making others wait longer than the lock timeout."""
        for attempt in range(1, _LOCK_ATTEMPTS + 1):
            try:
                async with connection.transaction():
                    if not await connection.fetchval(_MAINTENANCE_LOCK):
                        return
                    await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
                    rows = await connection.fetchval("SELECT drop_partition($1)", day)
            except asyncpg.LockNotAvailableError:
                if attempt == _LOCK_ATTEMPTS:
                    raise
                await asyncio.sleep(attempt * 0.1)
            else:
                EXPIRED.inc(rows or 0)
                logger.info("partition dropped", day=str(day), rows=rows)
                return

    async def analyze(self, connection: Connection) -> None:
        """Gather statistics of the parent table, unless another refresher is at it."""
        async with connection.transaction():
            if await connection.fetchval(_MAINTENANCE_LOCK):
                await connection.execute(
                    "SELECT analyze_engagements()", timeout=self._settings.refresh_timeout_seconds
                )


async def run(settings: RefresherSettings) -> None:
    """Run the jobs until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    refresher = Refresher(settings)
    scheduler = AsyncIOScheduler(timezone=UTC)
    refresher.schedule(scheduler)
    async with side_port(settings, refresher.not_ready):
        following = asyncio.create_task(refresher.follow_the_log())
        clock = asyncio.create_task(run_when_set_back(scheduler))
        scheduler.start()
        logger.info("refresher started")
        await stopping.wait()
        scheduler.shutdown(wait=False)
        # What runs is cut short: each job is a transaction, and the next start runs them all.
        refresher.close()
        clock.cancel()
        following.cancel()
        await asyncio.wait({following}, timeout=_KAFKA_SECONDS)
    logger.info("refresher stopped")


def main() -> int:
    """Run the refresher; the exit codes are those of the command line."""
    try:
        settings = RefresherSettings.load()
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    configure_logging("refresher", settings.log_level)
    collector.settle()
    asyncio.run(run(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
