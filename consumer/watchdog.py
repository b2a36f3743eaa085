"""Detects a consumer that makes no progress although Kafka is reachable."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from consumer.settings import ConsumerSettings
from runtime.logging import get_logger
from runtime.transport import kafka_arguments

_CHECKS: Final = 10
"""Checks per stall timeout."""
_STALLED_CHECKS: Final = 2
_TIMEOUT_SECONDS: Final = 10.0

logger = get_logger("watchdog")


async def wait_until_stalled(
    seconds_without_progress: Callable[[], float],
    is_kafka_reachable: Callable[[], Awaitable[bool]],
    timeout_seconds: float,
) -> None:
    """Return when there is no progress for *timeout_seconds* while Kafka is reachable.

    Two checks in a row decide, as a client needs some time after Kafka is back.
    """
    stalled = 0
    while stalled < _STALLED_CHECKS:
        await asyncio.sleep(timeout_seconds / _CHECKS)
        is_stalled = seconds_without_progress() > timeout_seconds and await is_kafka_reachable()
        stalled = stalled + 1 if is_stalled else 0
    seconds = round(seconds_without_progress())
    logger.error("consumer stalled", seconds=seconds, tasks=_stacks())


async def is_kafka_reachable(settings: ConsumerSettings) -> bool:
    """Return whether Kafka shows the topic to a new client."""
    kafka = AIOKafkaConsumer(**kafka_arguments(settings), client_id="engage-watchdog")
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await kafka.start()
            return settings.topic in await kafka.topics()
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await _stop(kafka)


async def _stop(kafka: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await kafka.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        logger.debug("client not stopped", error=type(error).__name__)


def _stacks() -> list[str]:
    """Return the stack of each task."""
    stacks = []
    for task in asyncio.all_tasks():
        text = io.StringIO()
        task.print_stack(limit=5, file=text)
        stacks.append(text.getvalue())
    return stacks
