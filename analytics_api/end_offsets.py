"""End offsets of the topic's partitions, read on a connection that stays open."""

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from runtime.logging import get_logger
from runtime.settings import KafkaSettings
from runtime.transport import kafka_arguments, start

_ANSWER_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 1.0
_METADATA_SECONDS: Final = 5

logger = get_logger("end offsets")


class EndOffsets:
    """Reads end offsets from Kafka on a connection that stays open. Reads no records."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._client: AIOKafkaConsumer | None = None

    async def run(self) -> None:
        """Connect, and reconnect after failures, until cancelled."""
        arguments = kafka_arguments(self._settings)
        while True:
            client = AIOKafkaConsumer(
                self._settings.topic,
                **arguments,
                client_id="engage-api",
                group_id=None,
                auto_offset_reset="latest",
                metadata_max_age_ms=_METADATA_SECONDS * 1000,
            )
            try:
                await start(client)
                self._client = client
                await self._stay_paused(client)
            except (KafkaError, OSError) as error:
                logger.warning("Kafka is unavailable", error=type(error).__name__)
            finally:
                self._client = None
                await client.stop()
            await asyncio.sleep(_RETRY_SECONDS)

    async def _stay_paused(self, client: AIOKafkaConsumer) -> None:
        while True:
            client.pause(*client.assignment())
            await asyncio.sleep(_RETRY_SECONDS)

    async def read(self) -> dict[int, int] | None:
        """Return the offset of the next record by partition; None: Kafka is unavailable."""
        if self._client is None:
            return None
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                ends = await self._client.end_offsets(self._client.assignment())
        except (KafkaError, TimeoutError):
            return None
        return {tp.partition: end for tp, end in ends.items()} or None
