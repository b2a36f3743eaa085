"""Where the topic's partitions end in Kafka, on a connection kept open in the background."""

import asyncio
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from schema.settings import KafkaSettings
from schema.telemetry import get_logger
from schema.transport import kafka_arguments, start

_ANSWER_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 1.0
_METADATA_SECONDS: Final = 5

logger = get_logger("log ends")


class LogEnds:
    """Asks Kafka for log ends on a connection kept open. Reads no records."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._client: AIOKafkaConsumer | None = None

    async def run(self) -> None:
        """Connect, as often as it takes, until cancelled."""
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
                logger.warning("Kafka is away", error=type(error).__name__)
            finally:
                self._client = None
                await client.stop()
            await asyncio.sleep(_RETRY_SECONDS)

    async def _stay_paused(self, client: AIOKafkaConsumer) -> None:
        while True:
            client.pause(*client.assignment())
            await asyncio.sleep(_RETRY_SECONDS)

    async def read(self) -> dict[int, int] | None:
        """Return the offset the next record gets, by partition; None: Kafka did not answer."""
        if self._client is None:
            return None
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                ends = await self._client.end_offsets(self._client.assignment())
        except (KafkaError, TimeoutError):
            return None
        return {tp.partition: end for tp, end in ends.items()} or None
