"""Refresh of the stats view, ``engagement_stats``, and of the words that search knows."""

import time
from typing import Final

from prometheus_client import Counter, Gauge

from refresher.settings import RefresherSettings
from sql.pool import Connection

REFRESHES: Final = Counter(
    "engage_refresher_refreshes_total", "Refreshes of the stats view, by outcome.", ["outcome"]
)
VIEW_AGE: Final = Gauge(
    "engage_refresher_view_age_seconds", "Age in seconds of the data in engagement_stats."
)
DURATION: Final = Gauge(
    "engage_refresher_refresh_duration_seconds", "Duration of the last refresh in seconds."
)

# A slow refresh, as during a large import, leaves PostgreSQL to the other sessions for a while.
_MAX_BUSY_FRACTION: Final = 0.2
_MAX_PAUSE_SECONDS: Final = 30.0
_MAX_SEARCH_FRACTION: Final = 0.05


class StatsView:
    """Refreshes the stats view and knows its age."""

    def __init__(self, settings: RefresherSettings) -> None:
        self._settings = settings
        self._refreshed_at: float | None = None
        self._paused_until = 0.0
        VIEW_AGE.set_function(self.age_seconds)

    def age_seconds(self) -> float:
        """Return seconds since the last refresh; infinity before the first one."""
        return time.monotonic() - self._refreshed_at if self._refreshed_at else float("inf")

    @property
    def is_stale(self) -> bool:
        """Whether the view is older than its limit."""
        return self.age_seconds() > self._settings.max_view_age_seconds

    async def refresh(self, connection: Connection) -> None:
        """Refresh the view if anything changed; its readers are not blocked."""
        began = time.monotonic()
        if began < self._paused_until:
            return
        outcome = await connection.fetchval(
            "SELECT refresh_engagement_stats()", timeout=self._settings.refresh_timeout_seconds
        )
        REFRESHES.labels(outcome).inc()
        if outcome == "busy":
            return
        self._refreshed_at = began
        duration = time.monotonic() - began
        if outcome == "refreshed":
            DURATION.set(duration)
        pause = duration / _MAX_BUSY_FRACTION - duration
        if duration + pause > self._settings.refresh_interval_seconds:
            self._paused_until = began + duration + min(pause, _MAX_PAUSE_SECONDS)

    async def refresh_gaps(self, connection: Connection) -> None:
        """Find the gaps in recording; the next refresh of the view leaves them out."""
        await connection.execute(
            "SELECT refresh_recording_gaps()", timeout=self._settings.refresh_timeout_seconds
        )


class SearchWords:
    """Refreshes the tags and words of search when the catalogue has changed."""

    def __init__(self, settings: RefresherSettings) -> None:
        self._settings = settings
        self._paused_until = 0.0

    async def refresh_search(self, connection: Connection) -> None:
        """Refresh both; their readers are not blocked."""
        began = time.monotonic()
        if began < self._paused_until:
            return
        await connection.execute(
            "SELECT refresh_search()", timeout=self._settings.refresh_timeout_seconds
        )
        self._paused_until = began + (time.monotonic() - began) / _MAX_SEARCH_FRACTION
