"""A running ingest service, with a key, on a real broker."""

import io
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer
from pydantic import SecretStr

from ingest_service.app import create_app
from ingest_service.settings import IngestSettings
from tests.conftest import Kafka
from tests.serving import client, new_key, served
from tests.waiting import until
from web.asgi import Application
from web.auth import Scope

JSON = {"Content-Type": "application/json"}
SECRET = "5ecret" * 8


@dataclass
class Ingest:
    session: aiohttp.ClientSession
    url: str
    kafka: Kafka
    topic: str
    keys: Path
    key: str

    async def post(
        self, path: str, body: Any, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        data = io.BytesIO(raw)
        async with self.session.post(path, data=data, headers=headers or JSON) as answer:
            return answer.status, await answer.json(content_type=None), dict(answer.headers)

    async def records(self) -> list[Any]:
        """Return every record of the topic."""
        consumer = AIOKafkaConsumer(
            self.topic,
            bootstrap_servers=self.kafka.bootstrap_servers,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found: list[Any] = []
            while len(found) < sum(ends.values()):
                for messages in (await consumer.getmany(timeout_ms=200)).values():
                    found += messages
        finally:
            await consumer.stop()
        return found

    async def values(self) -> list[Any]:
        """Return the decoded value of every record."""
        return [json.loads(record.value) for record in await self.records()]


@asynccontextmanager
async def ingesting(
    kafka: Kafka,
    topic: str,
    keys: Path,
    *,
    wired: Callable[[Application], Application] = lambda app: app,
    **settings: Any,
) -> AsyncIterator[Ingest]:
    """Serve ingest with these settings while the block runs.

    ``wired`` may put something between the clients and the service.
    """
    key = new_key(keys, Scope.INGEST)
    given = IngestSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        topic=topic,
        api_keys_file=str(keys),
        **({"derived_id_secret": SecretStr(SECRET)} | settings),
    )
    app, not_ready = create_app(given)
    async with served(wired(app), given) as url, client(url, key) as session:
        await until(lambda: not_ready() is None)
        yield Ingest(session, url, kafka, topic, keys, key)


def event(**fields: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid.uuid4()),
        "post_id": 42,
        "type": "view",
        "engaged_timestamp": datetime.now(UTC).isoformat(),
    } | fields
