"""Servers, stacks and processes of scenarios, and measurements of processes."""

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import psutil
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from engage.embedded import ports
from engage.embedded.kafka import KafkaServer
from engage.embedded.postgres import PostgresServer
from engage.stack.layout import Layout, StackFile
from runtime.settings import PREFIX
from schema import topics
from schema.migrate import migrate

_READY_SECONDS = 30.0


@asynccontextmanager
async def running(*arguments: str, **settings: str) -> AsyncIterator[int]:
    """Run Python with *arguments* and settings while the block runs. Yield its process ID."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=environment(**settings)
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


def environment(**settings: str) -> dict[str, str]:
    """Return the environment of a service with these settings."""
    return {**os.environ, **{PREFIX + name.upper(): value for name, value in settings.items()}}


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time that processes have used so far."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return float(sum(each.user + each.system for each in times))


def rss_megabytes(pid: int) -> float:
    """Return the resident memory of a process, including shared pages."""
    return float(psutil.Process(pid).memory_info().rss / 1e6)


async def wait_ready(session: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(_READY_SECONDS):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with session.get("/readyz") as answer:
                    if answer.status in (200, 202):
                        return
            await asyncio.sleep(0.05)


def p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


@dataclass(frozen=True)
class Servers:
    """Addresses of Kafka and PostgreSQL."""

    bootstrap_servers: str
    superuser_url: str

    def url(self, database: str) -> str:
        return self.superuser_url.rpartition("/")[0] + f"/{database}"

    async def database(self, days: Iterable[date]) -> str:
        """Return the URL of a new, migrated database with the partitions of *days*."""
        name = f"bench_{uuid.uuid4().hex}"
        server = await asyncpg.connect(self.superuser_url)
        await server.execute(f"CREATE DATABASE {name}")
        await server.close()
        async with connection(self.url(name)) as database:
            await migrate(database)
            for day in sorted(set(days)):
                await database.execute("SELECT ensure_partition($1)", day)
        return self.url(name)

    async def drop(self, url: str) -> None:
        server = await asyncpg.connect(self.superuser_url)
        await server.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")
        await server.close()

    async def topic(self, name: str = "") -> str:
        """Create a topic, with a random name by default, and return its name."""
        name = name or f"bench.{uuid.uuid4()}"
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        await admin.start()
        await admin.create_topics(
            [NewTopic(name, topics.PARTITIONS, 1, topic_configs=topics.SETTINGS)]
        )
        await admin.close()
        return name


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[Any]:
    opened = await asyncpg.connect(url)
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Run Kafka and PostgreSQL in a temporary folder while the block runs."""
    with tempfile.TemporaryDirectory(prefix="engage-bench-") as folder:
        kafka = KafkaServer(Path(folder), port=ports.pick())
        postgres = PostgresServer(Path(folder), port=ports.pick())
        both = (kafka, postgres)
        try:
            await asyncio.gather(*(server.start() for server in both))
            await asyncio.gather(*(server.wait_ready() for server in both))
            yield Servers(kafka.bootstrap_servers, postgres.superuser_url)
        finally:
            await asyncio.gather(*(server.stop() for server in both))


async def engage(*arguments: str) -> None:
    """Run `engage` with *arguments*. Raise RuntimeError with its stderr when it fails."""
    process = await start(*arguments)
    _, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"engage {' '.join(arguments)}: {errors.decode()}")


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engage", *arguments),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"NO_COLOR": "1"},
    )


@asynccontextmanager
async def stack(*options: str) -> AsyncIterator[tuple[str, StackFile]]:
    """Run a stack with the sample catalogue while the block runs. Yield its folder and file."""
    with tempfile.TemporaryDirectory(prefix="engage-bench-") as folder:
        where = ("--dir", folder)
        try:
            await up(folder, *options)
            await engage("seed", *where)
            yield folder, StackFile.read(Layout(Path(folder)).stack_file)
        finally:
            await engage("down", *where, "--wipe")


async def up(folder: str, *options: str) -> None:
    """Start a stack on free ports, and return when it is ready."""
    free = ("--ingest-port", "0", "--api-port", "0")
    await engage("up", "--detach", "--dir", folder, *free, *options)
