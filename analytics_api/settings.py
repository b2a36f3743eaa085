"""Settings of the read API."""

from pydantic import Field, field_validator

from analytics_api.article_url import check_template
from runtime.settings import (
    AddressSettings,
    HistorySettings,
    KafkaSettings,
    ReplicaSettings,
    TimeZoneSettings,
)
from web.settings import HttpSettings


class ApiSettings(
    ReplicaSettings,
    HistorySettings,
    KafkaSettings,
    TimeZoneSettings,
    AddressSettings,
    HttpSettings,
):
    """Settings of one process of the read API."""

    port: int = Field(default=8001, ge=0, le=65535, description="Port the service listens on.")
    read_lag_limit_seconds: float = Field(
        default=30.0,
        gt=0,
        description="Maximum replication lag in seconds. Above it the process is not ready.",
    )
    database_connections: int = Field(
        default=8,
        ge=1,
        description=(
            "Connections of this process to PostgreSQL for reports, of which one API key can use"
            " half. Five more serve slow reports, lookups, /live and the health check."
        ),
    )
    queries_per_key: int = Field(
        default=64,
        ge=1,
        description=(
            "Maximum queries of reports that one API key has running or waiting. Further requests"
            " get 429 too_many_reports."
        ),
    )
    queries: int = Field(
        default=256,
        ge=1,
        description=(
            "Maximum queries of reports that all API keys have running or waiting. Further"
            " requests get 503 reports_busy."
        ),
    )
    statement_timeout_seconds: float = Field(
        default=5.0,
        gt=0,
        description="Seconds before a report's query is cancelled and the request gets 503.",
    )
    report_max_stale_seconds: float = Field(
        default=60.0,
        ge=0,
        description=(
            "Maximum age in seconds of a stale response of a slow report, which is served while it"
            " is revalidated. 0: every request waits for the newest data."
        ),
    )
    history_engine: str = Field(
        default="",
        description=(
            "Engine that reads sealed days for reports of long periods: `duckdb:`, in the process"
            " of the read API. Empty: PostgreSQL runs all reports."
        ),
    )
    history_min_events: int = Field(
        default=1_000_000,
        ge=0,
        description=(
            "Minimum events of a report's period, from which ENGAGE_HISTORY_ENGINE runs it instead"
            " of PostgreSQL."
        ),
    )
    history_memory_bytes: int = Field(
        default=2**30,
        ge=2**26,
        description=(
            "Maximum memory that ENGAGE_HISTORY_ENGINE uses for a report. A report that needs more"
            " is run by PostgreSQL."
        ),
    )
    live_clients: int = Field(
        default=500,
        ge=0,
        description="Maximum open /live streams of this process. Further requests get 503.",
    )
    chart_library: str | None = Field(
        default=None,
        description=(
            "Path of the uPlot WebJar, which draws the dashboard's charts. Unset: no charts."
        ),
    )
    post_url: str | None = Field(
        default=None,
        description=(
            "Address of a post's article, for the dashboard's links, with `{post_id}` or"
            " `{external_id}` after the host: https://example.com/news/{external_id}. Values are"
            " percent-encoded. Unset: no links."
        ),
    )

    @field_validator("post_url")
    @classmethod
    def _check_post_url(cls, template: str | None) -> str | None:
        return check_template(template) if template else None
