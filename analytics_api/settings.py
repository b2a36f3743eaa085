"""What ``python -m analytics_api`` and its refresher read from the environment."""

from datetime import date, timedelta

from pydantic import Field

from schema import topics
from schema.http.settings import HttpSettings
from schema.settings import (
    DatabaseSettings,
    KafkaSettings,
    ProcessSettings,
    ReplicaSettings,
    TimeZoneSettings,
    WindowSettings,
)


class ApiSettings(ReplicaSettings, KafkaSettings, TimeZoneSettings, HttpSettings):
    """Settings of one process of the read API."""

    port: int = Field(default=8001, ge=0, le=65535, description="Port the service listens on.")
    read_lag_limit_seconds: float = Field(
        default=30.0, gt=0, description="A process whose replica is further behind is not ready."
    )
    database_connections: int = Field(
        default=8,
        ge=1,
        description="Most connections of this process to PostgreSQL; two more read whole years.",
    )
    statement_timeout_seconds: float = Field(
        default=5.0, gt=0, description="How long a report's query may run."
    )
    live_clients: int = Field(
        default=500, ge=0, description="Most streams of /live of this process at the same time."
    )
    chart_library: str | None = Field(
        default=None, description="The WebJar of uPlot, which draws the dashboard's charts."
    )


class RefresherSettings(DatabaseSettings, KafkaSettings, WindowSettings, ProcessSettings):
    """Settings of the refresher."""

    refresh_interval_seconds: float = Field(
        default=5.0, gt=0, description="How often the view is refreshed if something changed."
    )
    refresh_timeout_seconds: float = Field(
        default=600.0, gt=0, description="How long one refresh may take."
    )
    partitions_ahead_days: int = Field(
        default=7, ge=1, le=8, description="Daily partitions that exist ahead of today."
    )
    topic_retention_days: int = Field(
        default=topics.RETENTION_DAYS,
        ge=0,
        description="Days the topic keeps events: partitions outlive retention by so many.",
    )
    maintenance_interval_seconds: float = Field(
        default=3600.0, gt=0, description="How often partitions are made and dropped."
    )
    archive_url: str | None = Field(
        default=None,
        description="Folder, or object store such as s3://bucket/events, that days past retention"
        " go to as Parquet before they are dropped; unset: they are dropped.",
    )
    watch_interval_seconds: float = Field(
        default=10.0, gt=0, description="How often it is looked for what is wrong."
    )
    watched_disks: str = Field(
        default="", description="Paths, separated by commas, whose file systems must not fill up."
    )
    least_free_percent: float = Field(
        default=10.0, ge=0, le=100, description="Free space below which a watched disk is told."
    )
    analyze_interval_seconds: float = Field(
        default=600.0, gt=0, description="How often statistics of engagements are gathered."
    )

    def first_kept(self, today: date) -> date:
        """Return the oldest UTC day that is kept: older ones are past retention."""
        return today - timedelta(days=self.retention_days + self.topic_retention_days + 1)

    @property
    def disks(self) -> list[str]:
        """Return the watched paths."""
        return [path.strip() for path in self.watched_disks.split(",") if path.strip()]

    @property
    def view_limit_seconds(self) -> float:
        """Return the age from which on the view is too old."""
        return 3 * self.refresh_interval_seconds + 60
