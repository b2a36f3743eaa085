"""Other users of the machine can use no port of a stack."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from tests.e2e.stacks import Stack, eventually, is_alive, started
from tests.security.port_attempts import FORGED, TOPIC

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")
OTHERS = (12345, 65534)
PARTITIONS = 4


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    # Everybody may enter it, unlike pytest's own folders.
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    with started(folder, "--consumers", "1") as stack:
        yield stack


def listening_ports(stack: Stack) -> list[int]:
    """Return every TCP port that a process of the stack listens on."""
    inodes = set()
    for pid in stack.pids():
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                inodes.add(str(entry.readlink()))
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return sorted(ports)


def port_uses(uid: int, ports: list[int]) -> list[str]:
    command = [sys.executable, "-m", "tests.security.port_attempts", str(uid), *map(str, ports)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def port_of(servers: str) -> int:
    return int(servers.rpartition(":")[2])


async def end_offsets(stack: Stack) -> dict[TopicPartition, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.file["kafka_bootstrap_servers"])
    await consumer.start()
    try:
        return await consumer.end_offsets([TopicPartition(TOPIC, p) for p in range(PARTITIONS)])
    finally:
        await consumer.stop()


async def write(servers: str, **login: Any) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", **login)
    try:
        await producer.start()
        await producer.send_and_wait(TOPIC, FORGED)
    finally:
        await producer.stop()


@ROOT_ONLY
@pytest.mark.parametrize("uid", OTHERS)
def test_other_users_can_use_no_port(stack: Stack, uid: int) -> None:
    ports = listening_ports(stack)
    before = asyncio.run(end_offsets(stack))

    assert port_of(stack.file["kafka_bootstrap_servers"]) in ports
    assert port_of(stack.file["kafka_sasl_bootstrap_servers"]) in ports
    assert len(ports) >= len(stack.ports())
    assert port_uses(uid, ports) == []
    assert asyncio.run(end_offsets(stack)) == before


def test_owner_can_use_the_gateway_without_a_login(stack: Stack) -> None:
    ports = listening_ports(stack)
    gateway = port_of(stack.file["kafka_bootstrap_servers"])

    assert port_uses(os.geteuid(), ports) == [
        f"metadata at {gateway}",
        f"read at {gateway} with no login",
        f"written at {gateway} with no login",
    ]


async def test_clients_can_use_the_broker_with_the_login_of_stack_json(stack: Stack) -> None:
    found = stack.file
    before = sum((await end_offsets(stack)).values())
    await write(
        found["kafka_sasl_bootstrap_servers"],
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism=found["kafka_sasl_mechanism"],
        sasl_plain_username=found["kafka_sasl_username"],
        sasl_plain_password=found["kafka_sasl_password"],
    )
    assert sum((await end_offsets(stack)).values()) == before + 1


@pytest.mark.parametrize("role", ["kafka-gateway", "kafka"])
def test_gateway_serves_clients_again_after_a_kill(stack: Stack, role: str) -> None:
    [pid] = stack.file["processes"][role]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not is_alive(pid), f"{role} is gone")

    def writes() -> bool:
        try:
            asyncio.run(asyncio.wait_for(write(stack.file["kafka_bootstrap_servers"]), 10))
        except (KafkaError, OSError, TimeoutError):
            return False
        return True

    eventually(writes, "a record is written", timeout_seconds=90)
    assert stack.file["processes"][role] != [pid]


@ROOT_ONLY
def test_postgres_has_its_own_account(stack: Stack) -> None:
    [postmaster] = stack.file["processes"]["postgres"]
    uid = Path(f"/proc/{postmaster}").stat().st_uid
    others = [
        entry
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and owner(entry) == uid and b"postgres" not in command(entry)
    ]

    assert uid not in (0, 65534)
    assert others == []


def owner(process: Path) -> int | None:
    with contextlib.suppress(OSError):
        return process.stat().st_uid
    return None


def command(process: Path) -> bytes:
    with contextlib.suppress(OSError):
        return (process / "cmdline").read_bytes() or b"postgres"
    return b"postgres"
