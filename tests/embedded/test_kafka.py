import os
import signal
import socket
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from engage.embedded import ports, processes
from engage.embedded.errors import PortTaken
from engage.embedded.kafka import KafkaServer

TOPIC = "survivors"


async def create_topic(server: KafkaServer) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=server.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, num_partitions=2, replication_factor=1)])
    finally:
        await admin.close()


async def produce(server: KafkaServer, value: bytes) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=server.bootstrap_servers, acks="all", enable_idempotence=True
    )
    await producer.start()
    try:
        await producer.send_and_wait(TOPIC, value, partition=1)
    finally:
        await producer.stop()


async def first_value(server: KafkaServer) -> bytes | None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=server.bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(TOPIC, 1)])
        return (await consumer.getone()).value
    finally:
        await consumer.stop()


async def test_an_acknowledged_record_survives_kill_9(kafka_server: KafkaServer) -> None:
    await create_topic(kafka_server)
    await produce(kafka_server, b"kept")
    assert kafka_server.pid is not None
    os.kill(kafka_server.pid, signal.SIGKILL)

    await kafka_server.start()
    await kafka_server.wait_ready()

    assert await first_value(kafka_server) == b"kept"


async def test_a_broker_left_by_a_killed_supervisor_is_ended(
    kafka_server: KafkaServer, stack_folder: Path
) -> None:
    assert kafka_server.pid is not None
    earlier = processes.identify(kafka_server.pid)
    assert earlier is not None

    successor = KafkaServer(stack_folder, port=kafka_server.port, heap_mb=256)
    await successor.start()
    await successor.wait_ready()

    assert not earlier.is_running()
    await successor.stop()
    assert successor.pid is None
    assert ports.is_free(successor.port)


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as stranger:
        port = stranger.getsockname()[1]

        with pytest.raises(PortTaken, match=f"port {port} is taken"):
            await KafkaServer(tmp_path, port=port).start()
