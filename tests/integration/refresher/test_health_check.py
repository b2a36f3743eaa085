"""The health check against a real database and a real broker."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from pydantic import SecretStr

from refresher.alerts import TopicRetention
from refresher.health_check import HealthCheck, TopicConfiguration
from refresher.jobs import Refresher
from refresher.settings import RefresherSettings
from runtime.settings import DatabaseSettings
from schema import topics
from sql import load
from sql.pool import connect
from tests.conftest import Database, Kafka
from tests.waiting import until

HOUR_AHEAD = {"message.timestamp.after.max.ms": "3600000"}
UNBALANCE = "UPDATE ledger_totals SET replayed = 3"


@pytest.fixture
async def refresher_connection(database: Database) -> AsyncIterator[Any]:
    """A connection with the rights of the refresher."""
    opened = await connect(
        DatabaseSettings(database_url=SecretStr(database.url), database_role="engage_refresher"),
        "test",
    )
    yield opened
    await opened.close()


@pytest.fixture
def settings(database: Database, kafka: Kafka, topic: str) -> RefresherSettings:
    return RefresherSettings(
        database_url=SecretStr(database.url),
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        topic=topic,
    )


@pytest.fixture
async def refresher(settings: RefresherSettings, connection: Any) -> AsyncIterator[Refresher]:
    """A refresher with partitions and a fresh stats view: no alert is active."""
    refresher = Refresher(settings)
    await refresher.partitions.create_ahead(connection)
    await refresher.stats_view.refresh(connection)
    yield refresher
    refresher.close()


async def active(connection: Any) -> dict[tuple[str, str], Any]:
    rows = await load("active_alerts").fetch(connection, max_age_seconds=60)
    return {(row["name"], row["subject"]): row for row in rows}


async def test_alert_is_active_from_its_first_check_until_it_is_resolved(
    refresher: Refresher, refresher_connection: Any, connection: Any
) -> None:
    health = refresher.health
    await health.check_health(refresher_connection)
    assert await active(connection) == {}
    assert health.critical_alert() is None

    await connection.execute(UNBALANCE)
    await health.check_health(refresher_connection)
    first = (await active(connection))["ledger_unbalanced", ""]
    await health.check_health(refresher_connection)
    assert (await active(connection))["ledger_unbalanced", ""] == first
    assert first["severity"] == "critical"
    assert "ledger_unbalanced" in (health.critical_alert() or "")

    await connection.execute("UPDATE ledger_totals SET replayed = 0")
    await health.check_health(refresher_connection)
    assert await active(connection) == {}
    assert health.critical_alert() is None


@pytest.mark.usefixtures("refresher")
async def test_halted_partition_and_full_disks_are_alerts_with_their_subject(
    settings: RefresherSettings, connection: Any
) -> None:
    await connection.execute(
        "INSERT INTO consumer_offsets (topic, partition, first_offset, next_offset, halt_reason)"
        " VALUES ($1, 2, 0, 0, 'records_lost')",
        settings.topic,
    )
    full = {"monitored_disks": "/, /none", "min_free_disk_percent": 100.0}
    await HealthCheck(settings.model_copy(update=full)).check_health(connection)

    found = await active(connection)
    assert set(found) == {
        ("partition_halted", "partition 2"), ("disk_filling_up", "/"), ("disk_filling_up", "/none"),
    }  # fmt: skip
    assert "records_lost" in found["partition_halted", "partition 2"]["detail"]


async def test_first_start_has_a_minute_to_create_partitions(
    settings: RefresherSettings, connection: Any
) -> None:
    now_seconds = 0.0
    health = HealthCheck(settings, lambda: now_seconds)
    await health.check_health(connection)
    assert await active(connection) == {}

    now_seconds = 60.0
    await health.check_health(connection)
    assert ("partitions_running_out", "") in await active(connection)


async def test_missing_health_check_is_an_alert(connection: Any) -> None:
    await connection.execute(
        "UPDATE last_health_check SET checked_timestamp = now() - interval '61 seconds'"
    )
    assert set(await active(connection)) == {("health_checks_stopped", "")}


async def test_refresher_is_ready_once_its_jobs_ran_and_not_during_a_critical_alert(
    settings: RefresherSettings, connection: Any
) -> None:
    refresher = Refresher(settings)
    assert refresher.not_ready() is not None
    assert await refresher.maintenance_runner.attempt(refresher.partitions.create_ahead)
    assert await refresher.refresh_runner.attempt(refresher.stats_view.refresh)
    assert await refresher.health_runner.attempt(refresher.health.check_health)
    assert refresher.not_ready() is None

    await connection.execute(UNBALANCE)
    assert await refresher.health_runner.attempt(refresher.health.check_health)
    assert "ledger_unbalanced" in (refresher.not_ready() or "")
    refresher.close()


async def test_health_check_reads_end_offsets_once_kafka_responds(
    settings: RefresherSettings,
) -> None:
    health = HealthCheck(settings)
    following = asyncio.create_task(health.follow_kafka())

    async def has_offsets() -> bool:
        return await health.end_offsets.read() is not None

    await until(has_offsets)
    following.cancel()
    await asyncio.wait({following})


async def test_topic_configuration_is_read_from_the_broker(
    settings: RefresherSettings, kafka: Kafka
) -> None:
    configuration = TopicConfiguration(settings)
    await configuration.read()
    assert configuration.retention == TopicRetention.parse(topics.SETTINGS | HOUR_AHEAD)

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        week = {"segment.ms": "604800000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, settings.topic, week)])
    finally:
        await admin.close()

    async def has_changed() -> bool:
        await configuration.read()
        retention = configuration.retention
        return retention is not None and retention.max_days > settings.max_record_age_days

    await until(has_changed)
