"""`engage doctor` on topics of a real broker."""

import asyncio
import uuid
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from typer.testing import CliRunner

from engage.cli import app
from engage.topic_check import examine_topic
from runtime.settings import KafkaSettings
from schema import topics
from tests.conftest import Kafka
from tests.waiting import until

GOOD = topics.SETTINGS


async def create(kafka: Kafka, partitions: int = topics.PARTITIONS, **configuration: str) -> str:
    """Create a topic; in names of settings ``_`` is written for a dot."""
    name = f"{topics.EVENTS_TOPIC}.{uuid.uuid4()}"
    given = {key.replace("_", "."): value for key, value in configuration.items()}
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=GOOD | given)])

        async def is_visible() -> bool:
            return name in await admin.list_topics()

        await until(is_visible)
    finally:
        await admin.close()
    return name


async def faults(kafka: Kafka, topic: str) -> dict[str, str]:
    """Return the repairs of the settings that are not as the product needs them."""
    settings = KafkaSettings(kafka_bootstrap_servers=kafka.bootstrap_servers, topic=topic)
    found = await asyncio.to_thread(examine_topic, settings)
    return {finding.name: finding.fix for finding in found if not finding.ok}


async def test_topic_as_the_stack_creates_it_has_no_faults(kafka: Kafka) -> None:
    assert await faults(kafka, await create(kafka, min_insync_replicas="1")) == {}


@pytest.mark.parametrize(
    ("configuration", "name", "wanted"),
    [
        ({"cleanup_policy": "compact"}, "cleanup.policy", "cleanup.policy=delete"),
        ({"retention_ms": "3600000"}, "retention.ms", "retention.ms=604800000,segment.ms=86400000"),
        ({"retention_ms": "-1"}, "retention.ms", "retention.ms=604800000,segment.ms=86400000"),
        ({"segment_ms": "864000000"}, "retention.ms", "segment.ms=86400000"),
        ({"retention_bytes": "1000000"}, "retention.bytes", "retention.bytes=-1"),
        ({"min_insync_replicas": "2"}, "min.insync.replicas", "min.insync.replicas=1"),
        ({"max_message_bytes": "1000"}, "max.message.bytes", "max.message.bytes=1048588"),
    ],
)
async def test_setting_that_loses_or_rejects_events_is_named_with_its_repair(
    kafka: Kafka, configuration: dict[str, str], name: str, wanted: str
) -> None:
    topic = await create(kafka, **configuration)
    found = await faults(kafka, topic)

    assert found.keys() == {name}
    assert found[name].startswith(f"kafka-configs --bootstrap-server {kafka.bootstrap_servers} ")
    assert f"--entity-name {topic} --add-config" in found[name]
    assert found[name].endswith(wanted)


async def test_topic_with_few_partitions_or_none_is_a_fault(kafka: Kafka) -> None:
    few = await create(kafka, partitions=1)

    assert (await faults(kafka, few))["partitions"].endswith("--partitions 4")
    assert (await faults(kafka, "missing")).keys() == {"topic missing"}


async def test_doctor_checks_the_topic_of_the_environment(
    kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGAGE_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("ENGAGE_TOPIC", await create(kafka, retention_ms="1"))
    arguments = ["doctor", "--dir", str(tmp_path)]
    answer = await asyncio.to_thread(CliRunner().invoke, app, arguments)

    assert answer.exit_code == 1
    assert "FAIL  retention.ms" in answer.stdout
    assert "ok    cleanup.policy" in answer.stdout
