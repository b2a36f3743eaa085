"""Checks whether the topic's settings in Kafka suit the product, and how to repair each."""

import asyncio
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from engage.embedded.doctor import Finding
from refresher.alerts import TopicRetention
from refresher.settings import RefresherSettings
from runtime.settings import KafkaSettings
from runtime.transport import kafka_arguments
from schema import topics

_TIMEOUT_SECONDS: Final = 10.0
_DAY_MS: Final = 24 * 3600 * 1000
_DEFAULT_MESSAGE_BYTES: Final = 1_048_588
"""The broker's own default."""


class TopicState(NamedTuple):
    """A topic as Kafka describes it.

    Attributes:
        partitions: their number.
        replicas: of the partition with the fewest.
        configuration: with the broker's defaults.
    """

    partitions: int
    replicas: int
    configuration: Mapping[str, str]


def examine_topic(settings: KafkaSettings) -> list[Finding]:
    """Check the topic; blocks for a few seconds at most."""
    name = f"topic {settings.topic}"
    try:
        state = asyncio.run(_read(settings))
    except (KafkaError, OSError, TimeoutError) as error:
        where, why = settings.kafka_bootstrap_servers, type(error).__name__
        fix = "start Kafka, or correct ENGAGE_KAFKA_BOOTSTRAP_SERVERS and the login"
        return [Finding(name, ok=False, detail=f"Kafka at {where}: {why}", fix=fix)]
    if state is None:
        fix = "`engage up --stack external` creates it, or create it with kafka-topics"
        detail = "does not exist, or this login may not see it"
        return [Finding(name, ok=False, detail=detail, fix=fix)]
    return list(check_topic(state, settings, RefresherSettings.load().topic_retention_days))


async def _read(settings: KafkaSettings) -> TopicState | None:
    """Return the topic's state; None where Kafka does not show it."""
    admin = AIOKafkaAdminClient(**kafka_arguments(settings), client_id="engage-doctor")
    resource = ConfigResource(ConfigResourceType.TOPIC, settings.topic)
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await admin.start()
            if settings.topic not in await admin.list_topics():
                return None
            [topic] = await admin.describe_topics([settings.topic])
            [response] = await admin.describe_configs([resource])
    finally:
        await admin.close()
    [(code, _, _, _, entries)] = response.resources
    if code or topic["error_code"]:
        return None
    partitions: list[dict[str, Any]] = topic["partitions"]
    found = {name: value for name, value, *_ in entries if value is not None}
    return TopicState(len(partitions), min(len(each["replicas"]) for each in partitions), found)


def check_topic(
    state: TopicState, settings: KafkaSettings, retention_days: int = topics.RETENTION_DAYS
) -> Iterator[Finding]:
    """Yield one finding for each setting that the product depends on.

    Args:
        state: of the topic.
        settings: the configured topic.
        retention_days: ENGAGE_TOPIC_RETENTION_DAYS.
    """
    found = state.configuration
    repair = f"kafka-configs --bootstrap-server {settings.kafka_bootstrap_servers} --alter"
    repair += f" --entity-type topics --entity-name {settings.topic} --add-config"

    def finding(name: str, value: str, fault: str, wanted: str) -> Finding:
        fix = f"{repair} {wanted}" if fault else ""
        return Finding(name, ok=not fault, detail=f"{value}{fault and f': {fault}'}", fix=fix)

    policy = found.get("cleanup.policy", "delete")
    fault = "" if policy == "delete" else "records must be deleted by age alone"
    yield finding("cleanup.policy", policy, fault, "cleanup.policy=delete")

    yield finding(*_retention(found, retention_days))

    limit = int(found.get("retention.bytes", -1))
    fault = "" if limit < 0 else "records may be deleted before their time"
    yield finding("retention.bytes", str(limit), fault, "retention.bytes=-1")

    in_sync = int(found.get("min.insync.replicas", 1))
    majority = state.replicas // 2 + 1
    faults = {
        in_sync > state.replicas: "more than there are: no event is accepted",
        in_sync < majority: "an accepted event can be lost with one broker",
    }
    wanted = f"min.insync.replicas={majority}"
    value = f"{in_sync} of {state.replicas}"
    yield finding("min.insync.replicas", value, faults.get(True, ""), wanted)

    largest = int(found.get("max.message.bytes", 0))
    fault = "" if largest >= topics.MAX_BATCH_BYTES else "ingest sends larger batches"
    wanted = f"max.message.bytes={_DEFAULT_MESSAGE_BYTES}"
    yield finding("max.message.bytes", f"{largest:,}", fault, wanted)

    yield _partitions(state, settings)


def _retention(found: Mapping[str, str], days: int) -> tuple[str, str, str, str]:
    """Return name, value, fault and repair of the time for which records are kept."""
    by_time = {**found, "cleanup.policy": "delete", "retention.bytes": "-1"}
    retention = TopicRetention.parse(by_time)
    kept = "forever" if math.isinf(retention.min_days) else f"{retention.min_days:g} days"
    longest = days + topics.SEGMENT_DAYS + 1
    fault = ""
    if retention.min_days < days:
        fault = f"PostgreSQL may be away for {days} days without loss"
    elif retention.max_days > longest:
        fault = f"records may live longer than {longest} days, when their day is dropped"
    wanted = f"retention.ms={days * _DAY_MS},segment.ms={topics.SEGMENT_DAYS * _DAY_MS}"
    return "retention.ms", kept, fault, wanted


def _partitions(state: TopicState, settings: KafkaSettings) -> Finding:
    detail = f"{state.partitions}"
    if state.partitions >= settings.topic_partitions:
        return Finding("partitions", ok=True, detail=detail)
    fix = (
        f"kafka-topics --bootstrap-server {settings.kafka_bootstrap_servers} --alter"
        f" --topic {settings.topic} --partitions {settings.topic_partitions}"
    )
    detail += f": fewer than ENGAGE_TOPIC_PARTITIONS, {settings.topic_partitions}"
    return Finding("partitions", ok=False, detail=detail, fix=fix)
