"""Notices a consumer that hangs: silent for long, though Kafka answers everybody else."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from consumer.settings import ConsumerSettings
from schema.telemetry import get_logger
from schema.transport import kafka_arguments

_LOOKS: Final = 10
_ANSWERS: Final = 2
_ANSWER_SECONDS: Final = 10.0

logger = get_logger("watchdog")


async def until_stuck(
    silent_seconds: Callable[[], float],
    kafka_answers: Callable[[], Awaitable[bool]],
    limit_seconds: float,
) -> None:
    """Return when the silence outlasts the limit while Kafka answers, seen twice in a row.

    Twice, as a client needs a moment after Kafka is back.

    Args:
        silent_seconds: since the consumer last got on, or failed and said so.
        kafka_answers: asks on a connection of its own.
        limit_seconds: how long a silence may last; it is looked at ten times in that time.
    """
    answers = 0
    while answers < _ANSWERS:
        await asyncio.sleep(limit_seconds / _LOOKS)
        is_stuck = silent_seconds() > limit_seconds and await kafka_answers()
        answers = answers + 1 if is_stuck else 0
    logger.error("stuck", silent_seconds=round(silent_seconds()), tasks=_stacks())


async def answers(settings: ConsumerSettings) -> bool:
    """Tell whether Kafka shows a new client the topic."""
    kafka = AIOKafkaConsumer(**kafka_arguments(settings), client_id="engage-watchdog")
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await kafka.start()
            return settings.topic in await kafka.topics()
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await _stop(kafka)


async def _stop(kafka: AIOKafkaConsumer) -> None:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await kafka.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        logger.debug("not stopped in order", error=type(error).__name__)


def _stacks() -> list[str]:
    """Return where each task waits, for whoever looks for the reason."""
    stacks = []
    for task in asyncio.all_tasks():
        text = io.StringIO()
        task.print_stack(limit=5, file=text)
        stacks.append(text.getvalue())
    return stacks
