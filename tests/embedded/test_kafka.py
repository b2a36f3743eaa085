import os
import signal
import socket
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from engage.embedded import ports, processes
from engage.embedded.kafka import KafkaServer
from engage.embedded.machine import StackError
from engage.embedded.scram import Login
from tests.conftest import Kafka, create_topic

TOPIC = "survivors"


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


async def test_acknowledged_record_survives_kill_9(kafka_server: KafkaServer) -> None:
    await create_topic(Kafka(kafka_server.bootstrap_servers), TOPIC, 2)
    await produce(kafka_server, b"kept")
    assert kafka_server.pid is not None
    os.kill(kafka_server.pid, signal.SIGKILL)

    await kafka_server.start()
    await kafka_server.wait_ready()

    assert await first_value(kafka_server) == b"kept"


async def test_broker_left_by_a_killed_supervisor_is_ended(
    kafka_server: KafkaServer, stack_folder: Path
) -> None:
    assert kafka_server.pid is not None
    earlier = processes.identify(kafka_server.pid)
    successor = KafkaServer(stack_folder, port=kafka_server.port, heap_mb=256)
    await successor.start()
    await successor.wait_ready()

    assert earlier is not None
    assert not earlier.is_running()
    await successor.stop()
    assert successor.pid is None
    assert ports.is_free(successor.port)


async def test_error_names_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(StackError, match=f"port {port} is taken"):
            await KafkaServer(tmp_path, port=port).start()


async def test_storage_with_another_login_is_rejected(kafka_server: KafkaServer) -> None:
    await kafka_server.stop()
    folder = kafka_server.folder.parent

    with pytest.raises(StackError, match="without this stack's login"):
        await KafkaServer(folder, port=kafka_server.port, login=Login("another")).start()
