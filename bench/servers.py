"""The embedded Kafka and PostgreSQL that scenarios run on, and fresh databases and topics."""

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from engage.embedded import ports
from engage.embedded.kafka import KafkaServer
from engage.embedded.postgres import PostgresServer
from schema import topics
from schema.migrate import migrate


@dataclass(frozen=True)
class Servers:
    """Where the servers are."""

    bootstrap_servers: str
    superuser_url: str

    def url(self, database: str) -> str:
        """Return the URL of a database."""
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
        """Drop a database."""
        server = await asyncpg.connect(self.superuser_url)
        await server.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")
        await server.close()

    async def topic(self, name: str = "") -> str:
        """Return the name of a new topic; by default any."""
        name = name or f"bench.{uuid.uuid4()}"
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        await admin.start()
        await admin.create_topics([NewTopic(name, topics.PARTITIONS, 1)])
        await admin.close()
        return name


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[Any]:
    """Open one connection."""
    opened = await asyncpg.connect(url)
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Run both servers in a folder of their own while the block runs."""
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
