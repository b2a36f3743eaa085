"""Settings of ``python -m refresher``, from the environment."""

from datetime import date, timedelta

from pydantic import Field

from runtime.settings import (
    DatabaseSettings,
    HistorySettings,
    KafkaSettings,
    ProcessSettings,
    WindowSettings,
)
from schema import topics


class RefresherSettings(
    DatabaseSettings, HistorySettings, KafkaSettings, WindowSettings, ProcessSettings
):
    """Settings of the refresher."""

    refresh_interval_seconds: float = Field(
        default=5.0,
        gt=0,
        description=(
            "Seconds between refreshes of the stats view. Nothing is refreshed while no data"
            " changes."
        ),
    )
    refresh_timeout_seconds: float = Field(
        default=600.0, gt=0, description="Seconds before a refresh of the stats view is cancelled."
    )
    partitions_ahead_days: int = Field(
        default=7, ge=1, le=8, description="Number of daily partitions to create ahead of today."
    )
    topic_retention_days: int = Field(
        default=topics.RETENTION_DAYS,
        ge=0,
        description=(
            "Days for which the Kafka topic keeps events. Daily partitions are dropped this many"
            " days, and two for the age of a log segment, after the retention period."
        ),
    )
    maintenance_interval_seconds: float = Field(
        default=3600.0,
        gt=0,
        description="Seconds between runs that create partitions ahead and drop expired days.",
    )
    archive_url: str | None = Field(
        default=None,
        description=(
            "Folder or object store, such as s3://bucket/events, to which expired days are written"
            " as Parquet before they are dropped. Unset: expired days are dropped only."
        ),
    )
    history_delay_hours: float = Field(
        default=6.0,
        gt=0,
        le=24 * 30,
        description=(
            "Hours after the end of a UTC day before it is copied to ENGAGE_HISTORY_URL, and before"
            " a copied day whose events have changed is copied again."
        ),
    )
    health_check_interval_seconds: float = Field(
        default=10.0, gt=0, description="Seconds between health checks."
    )
    monitored_disks: str = Field(
        default="",
        description="Comma-separated paths whose file systems are monitored for free space.",
    )
    min_free_disk_percent: float = Field(
        default=10.0,
        ge=0,
        le=100,
        description=(
            "Raise `disk_filling_up` when a monitored disk has less free space than this."
        ),
    )
    api_keys_file: str | None = Field(
        default=None,
        description="JSON file of hashed API keys, which is monitored for keys that expire soon.",
    )
    analyze_interval_seconds: float = Field(
        default=600.0, gt=0, description="Seconds between runs of ANALYZE."
    )

    def first_kept(self, today: date) -> date:
        """Return the oldest UTC day to keep."""
        return today - timedelta(days=self.retention_days + self.max_record_age_days)

    @property
    def max_record_age_days(self) -> int:
        """How long the topic may keep a record without its day being dropped.

        One day more than retention and segment, as a record may arrive late on its day.
        """
        return self.topic_retention_days + topics.SEGMENT_DAYS + 1

    @property
    def disks(self) -> list[str]:
        """Paths of the monitored disks."""
        return [path.strip() for path in self.monitored_disks.split(",") if path.strip()]

    @property
    def max_view_age_seconds(self) -> float:
        """Age above which the stats view is stale."""
        return 3 * self.refresh_interval_seconds + 60
