"""No service waits for ever: not to end, not to start, whoever is away or silent."""

import asyncio
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from engage.embedded import ports
from tests.conftest import Kafka, create_topic
from tests.e2e.stacks import eventually, is_alive
from tests.faults.conftest import Say
from tests.faults.oracle import verify_all
from tests.faults.proxy import Mode
from tests.faults.rig import Rig
from tests.faults.scene import RECOVERY_SECONDS, text_of
from tests.faults.test_ingest import EXIT_SECONDS, own_ingest, post

pytestmark = pytest.mark.faults
SERVICES = ("ingest", "consumer", "refresher", "api", "catalogue")


@pytest.mark.parametrize("server", ["kafka", "postgres"])
def test_every_service_ends_in_time_though_a_server_is_silent(
    rig: Rig, say: Say, server: str
) -> None:
    took: dict[str, float] = {}
    with rig.under_load(retries=True) as load, rig.fault():
        (rig.to_kafka if server == "kafka" else rig.to_postgres).mode = Mode.BLACKHOLE
        time.sleep(1)
        began = time.monotonic()
        victims = {role: rig.kill(role, number=signal.SIGTERM) for role in SERVICES}
        for role, pid in victims.items():
            eventually(lambda p=pid: not is_alive(p), f"{role} ends", EXIT_SECONDS)
            took[role] = time.monotonic() - began
    rig.until_ready()

    assert max(took.values()) < EXIT_SECONDS
    say(f"{verify_all(rig, load)}; all ended after {max(took.values()):.1f} s")


def test_services_that_start_before_their_servers_get_ready_with_them(rig: Rig, say: Say) -> None:
    with rig.load(retries=True) as load:
        eventually(lambda: load.facts.accepted_at, "events are accepted")
        with rig.fault():
            for proxy in (rig.to_kafka, rig.to_postgres):
                proxy.mode = Mode.REFUSE
                proxy.reset_all()
            for role in SERVICES:
                rig.until_replaced(role, rig.kill(role))
            needy = [role for role in SERVICES if role != "catalogue"]
            eventually(
                lambda: all(set(rig.readiness(role)) == {503} for role in needy),
                "they run and are not ready",
                RECOVERY_SECONDS,
            )
            pids = {role: rig.pids(role) for role in SERVICES}
        rig.until_ready()

    assert {role: rig.pids(role) for role in SERVICES} == pids, "one of them ended"
    say(str(verify_all(rig, load)))


def test_a_topic_made_anew_with_fewer_partitions_is_sent_to(rig: Rig, tmp_path: Path) -> None:
    kafka = Kafka(f"127.0.0.1:{rig.to_kafka.port}")
    topic = "recreated"
    posts = range(1, 21)
    asyncio.run(create_topic(kafka, topic, 4))
    with own_ingest(rig, tmp_path, TOPIC=topic) as (service, port):
        assert {post(port, number) for number in posts} == {202}
        asyncio.run(_delete(kafka, topic))
        eventually(lambda: _is_made(kafka, topic, partitions=2), "it is recreated")
        eventually(
            lambda: {post(port, number) for number in posts} == {202},
            "events of all posts are accepted",
            RECOVERY_SECONDS,
        )
        assert service.child.poll() is None


def test_when_too_much_waits_for_kafka_more_is_refused_at_once(rig: Rig, tmp_path: Path) -> None:
    room, metrics_port = 20, ports.pick()
    settings = {"MAX_IN_FLIGHT_EVENTS": str(room), "METRICS_PORT": str(metrics_port)}
    metrics = f"http://127.0.0.1:{metrics_port}/metrics"
    with (
        own_ingest(rig, tmp_path, **settings) as (_, port),
        rig.fault(),
        ThreadPoolExecutor(room) as clients,
    ):
        rig.to_kafka.mode = Mode.BLACKHOLE
        waiting = [clients.submit(post, port) for _ in range(room)]
        eventually(lambda: f"engage_ingest_in_flight_events {room}.0" in text_of(metrics), "full")
        began = time.monotonic()
        statuses = [post(port) for _ in range(3)]
        seconds = time.monotonic() - began
        assert not any(answer.done() for answer in waiting), "those before did not wait"
        assert {answer.result() for answer in waiting} == {503}

    assert statuses == [503] * 3
    assert seconds < 2


async def _delete(kafka: Kafka, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_topics([topic])
    finally:
        await admin.close()


def _is_made(kafka: Kafka, topic: str, partitions: int) -> bool:
    """Make the topic; False as long as the broker still deletes the one before."""
    try:
        asyncio.run(create_topic(kafka, topic, partitions))
    except KafkaError:
        return False
    return True
