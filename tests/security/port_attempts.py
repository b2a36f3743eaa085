"""A program that tries to use a stack's ports as another user of the machine.

``python -m tests.security.port_attempts UID PORT...`` prints the attempts that succeeded, as JSON.
"""

import asyncio
import concurrent.futures.thread  # noqa: F401
import contextlib
import encodings.idna  # noqa: F401
import json
import os
import socket
import struct
import sys
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

TOPIC = "engagement.events"
FORGED = b'{"forged": true}'
_SECONDS = 4.0
_CLOSED_PORT = 1
_LOGINS: list[dict[str, Any]] = [
    {},
    *(
        {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": mechanism,
            "sasl_plain_username": "engage",
            "sasl_plain_password": "placeholder",
        }
        for mechanism in ("SCRAM-SHA-512", "PLAIN")
    ),
]


def main() -> None:
    uid, *ports = map(int, sys.argv[1:])
    if uid != os.geteuid():
        # The interpreter may be in a folder of root's: load what it loads when it is used.
        asyncio.run(_try_all([_CLOSED_PORT]))
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    sys.stdout.write(json.dumps(asyncio.run(_try_all(ports))))


async def _try_all(ports: list[int]) -> list[str]:
    found = []
    for port in ports:
        if TOPIC.encode() in _metadata(port):
            found.append(f"metadata at {port}")
        _write_and_close(port)
    tries = [_try(port, login) for port in ports for login in _LOGINS]
    for successes in await asyncio.gather(*tries):
        found += successes
    return found


async def _try(port: int, login: dict[str, Any]) -> list[str]:
    name = login.get("sasl_mechanism", "no login")
    found = []
    for what, attempt in (("read", _read), ("written", _write)):
        with contextlib.suppress(KafkaError, TimeoutError, OSError, ValueError, AssertionError):
            await asyncio.wait_for(attempt(port, login), _SECONDS)
            found.append(f"{what} at {port} with {name}")
    if not login:
        for user in ("postgres", "engage_migrator", "engage_reader"):
            with contextlib.suppress(asyncpg.PostgresError, OSError, TimeoutError, ValueError):
                connection = await asyncpg.connect(
                    host="127.0.0.1", port=port, user=user, password="", timeout=_SECONDS
                )
                await connection.close()
                found.append(f"{user} at {port}")
    return found


async def _read(port: int, login: dict[str, Any]) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=f"127.0.0.1:{port}", **login)
    try:
        await consumer.start()
        assert await consumer.end_offsets([TopicPartition(TOPIC, 0)])
    finally:
        await consumer.stop()


async def _write(port: int, login: dict[str, Any]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{port}", **login)
    try:
        await producer.start()
        await producer.send_and_wait(TOPIC, FORGED)
    finally:
        await producer.stop()


def _request(key: int, version: int, body: bytes) -> bytes:
    message = struct.pack(">hhih", key, version, 1, -1) + body
    return struct.pack(">i", len(message)) + message


def _metadata(port: int) -> bytes:
    """Return what the port answers to a request for all topics."""
    received = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as server:
        server.sendall(_request(3, 1, struct.pack(">i", -1)))
        while part := server.recv(65536):
            received += part
    return received


def _write_and_close(port: int) -> None:
    """Request a topic, and close before the gateway can find out who connected.

    The kernel shows user 0 for a connection that its process has closed.
    """
    name = f"forged-{port}".encode()
    topic = struct.pack(f">h{len(name)}sihii", len(name), name, 1, 1, 0, 0)
    request = _request(19, 0, struct.pack(">i", 1) + topic + struct.pack(">i", 5000))
    for _ in range(20):
        with contextlib.suppress(OSError):
            server = socket.create_connection(("127.0.0.1", port), 2)
            server.sendall(request)
            server.close()


if __name__ == "__main__":
    main()
