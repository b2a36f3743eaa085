"""The health check: collects facts, and publishes the alerts that they raise."""

import asyncio
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from prometheus_client import Gauge

import sql
from analytics_api.end_offsets import EndOffsets
from analytics_api.ledger import Ledger, RowCounts, balance, read_counts
from refresher import alerts
from refresher.alerts import Alert, LagMonitor, PartitionsMonitor, TopicRetention
from refresher.settings import RefresherSettings
from runtime.logging import get_logger
from runtime.settings import KafkaSettings
from runtime.transport import kafka_arguments
from schema.errors import SetupError
from sql.pool import Connection
from web.auth import KeyEntry, read_keys
from web.health import OperatorNeeded

ALERT: Final = Gauge(
    "engage_alert", "1 while an alert is active.", ["alert", "subject", "severity"]
)
AHEAD: Final = Gauge(
    "engage_refresher_partitions_ahead", "Daily partitions that exist after today."
)
# Consumers expose it too, but not while none runs.
LAG: Final = Gauge(
    "engage_refresher_lag_records", "Records in Kafka that are not yet consumed.", ["partition"]
)

_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('engagements.health_check'))"
_INTERVAL_SECONDS: Final = 300.0
_RETRY_SECONDS: Final = 10.0
_TIMEOUT_SECONDS: Final = 10.0

logger = get_logger("health check")


class TopicConfiguration:
    """Reads the topic's configuration every few minutes.

    ``retention`` is None until Kafka has responded, or when this login may not read it.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self.retention: TopicRetention | None = None

    async def run(self) -> None:
        """Read it repeatedly, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(_TIMEOUT_SECONDS):
                    await self.read()
            except (KafkaError, OSError, TimeoutError) as error:
                logger.debug("topic configuration not read", error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                await asyncio.sleep(_INTERVAL_SECONDS)

    async def read(self) -> None:
        """Read the configuration once. Raises KafkaError, OSError."""
        admin = AIOKafkaAdminClient(**kafka_arguments(self._settings), client_id="engage-refresher")
        topic = ConfigResource(ConfigResourceType.TOPIC, self._settings.topic)
        try:
            await admin.start()
            [response] = await admin.describe_configs([topic])
        finally:
            await admin.close()
        [(code, _, _, _, entries)] = response.resources
        found = {name: value for name, value, *_ in entries if value is not None}
        is_complete = not code and {"retention.ms", "segment.ms"} <= found.keys()
        self.retention = TopicRetention.parse(found) if is_complete else None


class HealthCheck:
    """Publishes alerts in the table ``alerts``, the log and the metrics.

    Of several refreshers one writes the table.
    """

    def __init__(
        self, settings: RefresherSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self.end_offsets = EndOffsets(settings)
        self._topic = TopicConfiguration(settings)
        self._lag = LagMonitor()
        self._partitions = PartitionsMonitor()
        self._counts = RowCounts()
        self._active: dict[tuple[str, str], Alert] = {}

    async def follow_kafka(self) -> None:
        """Keep the connections to Kafka open, until cancelled."""
        await asyncio.gather(self.end_offsets.run(), self._topic.run())

    def critical_alert(self) -> str | None:
        """Return the first critical alert, or None."""
        critical = [alert for alert in self._active.values() if alert.severity == "critical"]
        return OperatorNeeded(min(critical)) if critical else None

    async def check_health(self, connection: Connection) -> None:
        """Run the checks once, and publish the alerts."""
        found = await self._check(connection)
        self._publish({(alert.name, alert.subject): alert for alert in found})
        async with connection.transaction():
            if await connection.fetchval(_LOCK):
                await sql.load("update_alerts").execute(
                    connection,
                    names=[alert.name for alert in found],
                    subjects=[alert.subject for alert in found],
                    severities=[alert.severity for alert in found],
                    details=[alert.detail for alert in found],
                )

    async def _check(self, connection: Connection) -> list[Alert]:
        settings = self._settings
        counts = await read_counts(connection, settings.topic, self._counts)
        ledger = balance(counts, settings.topic, await self.end_offsets.read())
        _set_lag(ledger)
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        facts = await sql.load("health_facts").fetchrow(
            connection, expired_before=settings.first_kept(yesterday)
        )
        AHEAD.set(facts["partitions_ahead"])
        now = self._clock()
        free = {path: await asyncio.to_thread(_free_percent, path) for path in settings.disks}
        return [
            *alerts.check_ledger(ledger),
            *self._lag.check(ledger, now),
            *alerts.check_stats_view(facts["view_age_seconds"], settings.max_view_age_seconds),
            *self._partitions.check(facts["partitions_ahead"], now),
            *alerts.check_expiry(facts["oldest_overdue"]),
            *alerts.check_topic(
                self._topic.retention, settings.topic_retention_days, settings.max_record_age_days
            ),
            *alerts.check_disks(free, settings.min_free_disk_percent),
            *alerts.check_keys(await asyncio.to_thread(self._read_keys), datetime.now(UTC)),
        ]

    def _read_keys(self) -> list[KeyEntry]:
        """Return the API keys; none while the file cannot be read, which the services log."""
        path = self._settings.api_keys_file
        try:
            return read_keys(Path(path)) if path else []
        except SetupError:
            return []

    def _publish(self, found: dict[tuple[str, str], Alert]) -> None:
        before, self._active = self._active, found
        for key in found.keys() - before.keys():
            alert = found[key]
            logger.error(
                "alert active", alert=alert.name, subject=alert.subject, detail=alert.detail
            )
            ALERT.labels(alert.name, alert.subject, alert.severity).set(1)
        for key in before.keys() - found.keys():
            alert = before[key]
            logger.info("alert resolved", alert=alert.name, subject=alert.subject)
            ALERT.remove(alert.name, alert.subject, alert.severity)


def _set_lag(ledger: Ledger) -> None:
    """Set each partition's lag, and none while Kafka does not report its end offsets."""
    LAG.clear()
    for partition in ledger.partitions:
        if partition.in_flight is not None:
            LAG.labels(partition.partition).set(partition.in_flight)


def _free_percent(path: str) -> float:
    """Return the free space of the file system of *path* in percent; 0 if it is unreadable."""
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return 0.0
    return 100 * usage.free / usage.total
