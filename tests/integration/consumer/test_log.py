"""A log that lost records, or was created again."""

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import TopicAlreadyExistsError

from schema import topics
from tests.conftest import Kafka, create_topic
from tests.integration.consumer.conftest import Pipeline, sample
from tests.waiting import until


async def test_partition_halts_with_the_number_of_records_that_were_deleted_unread(
    pipeline: Pipeline,
) -> None:
    async with pipeline.consumer():
        await pipeline.produce(sample(100, seed=31), partition=0)
        await pipeline.until_accounted(100)
    await pipeline.produce(sample(70, seed=32), partition=0)
    admin = AIOKafkaAdminClient(bootstrap_servers=pipeline.settings.kafka_bootstrap_servers)
    await admin.start()
    first = TopicPartition(pipeline.settings.topic, 0)
    await admin.delete_records({first: RecordsToDelete(before_offset=160)})
    await admin.close()
    async with pipeline.consumer() as worker:
        await pipeline.produce(sample(10, seed=33), partition=1)
        await until(lambda: worker.not_ready() == "partition 0 is halted: records_lost")
        await pipeline.until_stored(110)

    detail = "SELECT halt_detail FROM consumer_offsets WHERE partition = 0"
    assert await pipeline.connection.fetchval(detail) == (
        "Kafka deleted 60 records from offset 100 on before they were consumed"
    )


@pytest.mark.parametrize("records", [0, 50, 200], ids=["shorter", "as long", "longer"])
async def test_partition_halts_when_its_topic_is_created_again_while_it_is_consumed(
    pipeline: Pipeline, kafka: Kafka, records: int
) -> None:
    topic = pipeline.settings.topic
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()

    async def is_created() -> bool:
        try:
            await create_topic(kafka, topic, topics.PARTITIONS)
        except TopicAlreadyExistsError:
            return False
        return True

    async with pipeline.consumer() as worker:
        await pipeline.produce(sample(50, seed=34), partition=0)
        await pipeline.until_accounted(50)
        await admin.delete_topics([topic])
        await until(is_created)
        await pipeline.producer.client.force_metadata_update()
        await pipeline.produce(sample(records, seed=35), partition=0)
        await until(
            lambda: "partition 0 is halted: log_diverged" in str(worker.not_ready()),
            within_seconds=60,
        )
    await admin.close()

    assert await pipeline.stored() == 50
    assert await pipeline.failed_checks() == []
