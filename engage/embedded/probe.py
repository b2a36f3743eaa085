"""Waiting until a server really answers, or has ended."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from engage.embedded.errors import ServerFailed, explain_ending
from engage.embedded.ports import LOOPBACK

_LOOK_SECONDS: Final = 0.05
_ASK_SECONDS: Final = 2.0
_TAIL_LINES: Final = 12
_TAIL_BYTES: Final = 8192


async def _wait_until(
    answers: Callable[[], Awaitable[bool]],
    *,
    name: str,
    child: subprocess.Popen[bytes],
    log_path: Path,
    timeout_seconds: float,
) -> None:
    """Return once *answers* says so.

    Raises:
        PortTaken, DiskFull: the server ended, and its log says so.
        ServerFailed: it ended for another reason, or did not answer in time.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        if child.poll() is not None:
            end = await asyncio.to_thread(_tail, log_path)
            raise explain_ending(name, child.returncode, end, log_path)
        if await answers():
            return
        if time.monotonic() > deadline:
            end = await asyncio.to_thread(_tail, log_path)
            raise ServerFailed(
                f"{name} did not answer within {timeout_seconds:.0f} s: see {log_path}\n{end}"
            )
        await asyncio.sleep(_LOOK_SECONDS)


async def wait_for_broker(
    port: int,
    cluster_id: str,
    *,
    child: subprocess.Popen[bytes],
    log_path: Path,
    timeout_seconds: float,
) -> None:
    """Return once the broker on *port* of loopback serves metadata as *cluster_id*."""

    async def answers() -> bool:
        return await _serving_cluster(port) == cluster_id

    await _wait_until(
        answers, name="Kafka", child=child, log_path=log_path, timeout_seconds=timeout_seconds
    )


async def wait_for_postgres(
    url: str, *, child: subprocess.Popen[bytes], log_path: Path, timeout_seconds: float
) -> None:
    """Return once PostgreSQL answers a query at *url*."""

    async def answers() -> bool:
        try:
            connection = await asyncpg.connect(url, timeout=_ASK_SECONDS)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close(timeout=_ASK_SECONDS)
        return True

    await _wait_until(
        answers, name="PostgreSQL", child=child, log_path=log_path, timeout_seconds=timeout_seconds
    )


async def _serving_cluster(port: int) -> str | None:
    """Return the id of the Kafka cluster on this loopback port, or None before it serves."""
    if not await _accepts(port):
        # Asked first: the client logs each refused connection as an error.
        return None
    admin = AIOKafkaAdminClient(
        bootstrap_servers=f"{LOOPBACK}:{port}", request_timeout_ms=int(_ASK_SECONDS * 1000)
    )
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            await admin.start()
            described = await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError):
        return None
    finally:
        await admin.close()
    return str(described["cluster_id"]) if described["brokers"] else None


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def _tail(log_path: Path) -> str:
    try:
        with log_path.open("rb") as log:
            log.seek(max(0, log_path.stat().st_size - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-_TAIL_LINES:])
