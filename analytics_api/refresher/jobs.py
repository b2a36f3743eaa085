"""The jobs: the view is refreshed, the partitions kept in order, statistics gathered."""

import time
from datetime import UTC, datetime
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from prometheus_client import Counter, Gauge

from analytics_api.refresher.lane import Lane
from analytics_api.refresher.partitions import MAINTENANCE_LOCK, PREFIX, Partitions
from analytics_api.refresher.watch import Watch
from analytics_api.settings import RefresherSettings
from sql.pool import Connection

REFRESHES: Final = Counter(f"{PREFIX}_refreshes_total", "Refreshes by outcome.", ["outcome"])
VIEW_AGE: Final = Gauge(f"{PREFIX}_view_age_seconds", "Age of what engagement_stats shows.")
DURATION: Final = Gauge(f"{PREFIX}_refresh_duration_seconds", "Seconds the last refresh took.")

# A refresh that takes long, as in a great import, leaves PostgreSQL to the others for a while.
_BUSY_SHARE: Final = 0.2
_LONGEST_REST_SECONDS: Final = 30.0


class Refresher:
    """The jobs, on one connection; a job that fails leaves the rest for the next time.

    Raises SetupError: there is to be an archive, and there cannot be.
    """

    def __init__(self, settings: RefresherSettings) -> None:
        self._settings = settings
        self.lane = Lane(settings, "engage-refresher")
        # A refresh may take minutes, which the watch must not wait for.
        self.watch_lane = Lane(settings, "engage-watch")
        self.watch = Watch(settings)
        self._partitions = Partitions(settings)
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
        """Make the partitions of the days ahead and let go of those past retention."""
        await self._partitions.maintain(connection)

    async def analyze(self, connection: Connection) -> None:
        """Gather statistics of the parent table, unless another refresher is at it."""
        async with connection.transaction():
            if await connection.fetchval(MAINTENANCE_LOCK):
                await connection.execute(
                    "SELECT analyze_engagements()", timeout=self._settings.refresh_timeout_seconds
                )
